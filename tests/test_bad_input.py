"""Data that are refused, and arrays that are left as they were."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from problems import ESTIMATORS, targets_for
from refusals import Refusal, named

Row = tuple[str, Any, type[Exception], tuple[str, ...]]

NAN, INF = float("nan"), float("inf")
LOGISTIC, SQUARED = fl.losses.Logistic(), fl.losses.Squared()
DROP = "drop or impute"

rng = np.random.default_rng(0)
X = rng.standard_normal((20, 3))
Z = X @ [1.0, -2.0, 0.5]
Y = np.where(Z > 0, 1, -1)
ONES = np.ones(20)
UP = Z > 0


def changed(array: Any, place: Any, value: Any) -> Any:
    copy = np.array(array)
    copy[place] = value
    return copy


def train(X: Any = X, y: Any = Z, loss: fl.losses.Loss = SQUARED, **options: Any) -> fl.Fit:
    fit_intercept = options.pop("fit_intercept", True)
    sgd = fl.optim.SGD(0.5)
    trainer = fl.Trainer(loss, optimizer=sgd, epochs=100, fit_intercept=fit_intercept)
    return trainer.fit(X, y, **options)


def label(y: Any, **options: Any) -> fl.Fit:
    return train(X, y, LOGISTIC, **options)


REGRESSION = train()

# name, X, error, patterns: for fit, validation and predict alike.
BAD_X: list[Row] = [
    ("NaN", changed(X, (3, 1), NAN), ValueError, ("finite", "nan at row 3, column 1", DROP)),
    ("infinity", changed(X, (19, 2), INF), ValueError, ("finite", "inf at row 19, column 2", DROP)),
    ("float32 infinity", np.full((20, 3), -INF, "f4"), ValueError, ("finite", "-inf at row 0")),
    ("overflow", np.full((20, 3), np.finfo("g").max), ValueError, ("finite", "inf at row 0")),
    ("no rows", X[:0], ValueError, ("at least one row and one column", r"shape \(0, 3\)")),
    ("no columns", X[:, :0], ValueError, ("at least one row and one column", r"shape \(20, 0\)")),
    ("one row", X[0], ValueError, ("2-dimensional", r"shape \(3,\)", r"reshape\(-1, 1\)")),
    ("3-dimensional", X[np.newaxis], ValueError, ("2-dimensional", r"shape \(1, 20, 3\)")),
    ("a number", 3.0, ValueError, ("2-dimensional", r"shape \(\)")),
    ("ragged", [[1.0, 2.0], [3.0]], ValueError, ("rectangular", "different lengths")),
    ("None", None, TypeError, ("an array", "got None")),
    ("complex", X + 1j, TypeError, (r"numeric \(real\)", "dtype complex128")),
    ("strings", X.astype(str), TypeError, (r"numeric \(real\)", "dtype <U32", "encode categories")),
    ("bytes", X.astype(bytes), TypeError, (r"numeric \(real\)", "dtype .S32", "encode categories")),
    ("objects", X.astype(object), TypeError, (r"numeric \(real\)", "dtype object", "astype")),
    ("dates", X.astype("M8[D]"), TypeError, (r"numeric \(real\)", "dtype datetime64")),
    ("durations", X.astype("m8[s]"), TypeError, (r"numeric \(real\)", "dtype timedelta64")),
    ("records", np.zeros(20, "f8,f8"), TypeError, (r"numeric \(real\)", "f0")),
    ("masked", np.ma.masked_less(X, X.max()), ValueError, ("not be masked", "59 masked", "fill")),
]

# name, y, error, patterns
NOT_ONE_PER_ROW: list[Row] = [
    ("column", Z[:, None], ValueError, ("1-dimensional", r"\(20, 1\)", r"use y\.ravel\(\)")),
    ("3-dimensional", np.ones((20, 2, 2)), ValueError, ("1-dimensional", r"shape \(20, 2, 2\)")),
    ("number", 1.0, ValueError, ("1-dimensional", r"got shape \(\)")),
    ("too short", Y[:-1], ValueError, (r"one entry per row of X \(20\)", "got 19")),
    ("NaN", changed(Z, 4, NAN), ValueError, ("finite", "got nan at row 4", DROP)),
    ("infinity", changed(Z, 19, -INF), ValueError, ("finite", "got -inf at row 19", DROP)),
    ("None", None, TypeError, ("an array", "got None")),
    ("masked", np.ma.masked_array(Y, UP), ValueError, ("not be masked", "masked entries", "fill")),
    ("complex", Y + 1j, TypeError, ("must", "got dtype complex128")),
]
NOT_NUMBERS: list[Row] = [
    ("strings", Y.astype(str), TypeError, (r"numeric \(real\)", "dtype <U", "encode categories")),
    ("objects", Z.astype(object), TypeError, (r"numeric \(real\)", r"use y\.astype\(float\)")),
    ("short table", np.ones((19, 2)), ValueError, (r"one row per row of X \(20\)", "got 19")),
]
NOT_LABELS: list[Row] = [
    ("one class", ONES, ValueError, ("at least two classes", "got 1.0 alone", "nothing to tell")),
    ("numbers", Z, ValueError, ("must hold labels", "20 different numbers such as", "regression")),
    ("table", np.ones((20, 2)), ValueError, ("1-dimensional", r"got shape \(20, 2\)")),
    ("a missing one", np.array(["a", None] * 10), ValueError, ("each row", "None at row 1", DROP)),
    ("all missing", [None] * 20, ValueError, ("a label in each row", "None at row 0", DROP)),
    ("object NaN", np.array([NAN, "a"] * 10, "O"), ValueError, ("each row", "nan at row 0", DROP)),
    ("no date", np.array(["NaT", "2020"] * 10, "M8[D]"), ValueError, ("finite", "NaT at row 0")),
    ("mixed", np.array([1, "a"] * 10, "O"), TypeError, ("one kind", "int and str", "astype")),
]
WEIGHTS: list[Row] = [
    ("negative", changed(ONES, 7, -1.0), ValueError, ("not be negative", r"got -1\.0 at row 7")),
    ("zero", 0 * ONES, ValueError, ("a positive entry", "only zeros")),
    ("NaN", changed(ONES, 2, NAN), ValueError, ("finite", "got nan at row 2", DROP)),
    ("too short", ONES[:3], ValueError, (r"one entry per row of X \(20\)", "got 3")),
    ("column", ONES[:, None], ValueError, ("1-dimensional", r"\(20, 1\)", r"use \w+\.ravel\(\)")),
    ("a number", 2.0, ValueError, ("1-dimensional", r"got shape \(\)")),
    ("strings", ["a"] * 20, TypeError, (r"numeric \(real\)", "got dtype <U1")),
    ("too large", 1e308 * ONES, ValueError, ("a finite sum", r"up to 1e\+308", "scale them")),
]
COEF: list[Row] = [
    ("too short", np.zeros(2), ValueError, (r"shape \(3,\), one per feature", r"got \(2,\)")),
    ("column", np.zeros((3, 1)), ValueError, (r"shape \(3,\), one per feature", r"got \(3, 1\)")),
    ("NaN", [0.0, NAN, 0.0], ValueError, ("finite", r"got nan at row 1$")),
    ("strings", ["a"] * 3, TypeError, (r"numeric \(real\)", "got dtype <U1")),
    ("complex", [1j] * 3, TypeError, (r"numeric \(real\)", "got dtype complex128")),
]
VALIDATION: list[Row] = [
    ("not a pair", X, TypeError, (r"a pair \(X, y\)", "got ndarray")),
    ("of three", (X, Z, Z), TypeError, (r"a pair \(X, y\)", "got tuple of 3")),
    ("other columns", (X[:, :2], Z), ValueError, ("X must have the 3 features of X", "got 2")),
    ("NaN", (changed(X, (3, 1), NAN), Z), ValueError, ("X must be finite", "row 3, column 1")),
    (
        "too short",
        (X, Z[:-1]),
        ValueError,
        (r"y must have one entry per row of X \(20\)", "got 19"),
    ),
]
INTERCEPT: list[Row] = [
    (str(value), value, error, ("a finite number", "got "))
    for value, error in [(NAN, ValueError), (INF, ValueError), ("1", TypeError), (True, TypeError)]
]


def rows(
    argument: str, table: list[Row], call: Callable[[Any], object], what: str = ""
) -> list[Refusal]:
    start = rf"^{argument} .*must "
    return [
        Refusal(f"{what or argument} {name}", partial(call, value), error, (start, *patterns))
        for name, value, error, patterns in table
    ]


REFUSALS = [
    *rows("X", BAD_X, train, "fit X"),
    *rows("X", BAD_X, REGRESSION.predict, "predict X"),
    *rows("y", [*NOT_ONE_PER_ROW, *NOT_NUMBERS], lambda y: train(y=y), "numbers y"),
    *rows("y", [*NOT_ONE_PER_ROW, *NOT_LABELS], label, "labels y"),
    *rows("sample_weight", WEIGHTS, lambda s: train(sample_weight=s)),
    *rows("coef", COEF, lambda w: train(coef=w)),
    *rows("validation", VALIDATION, lambda pair: train(validation=pair)),
    *rows("intercept", INTERCEPT, lambda b: train(intercept=b)),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_bad_data_are_refused(refusal: Refusal) -> None:
    refusal.check()


OTHERS = [
    Refusal(
        "intercept without one",
        lambda: train(fit_intercept=False, intercept=1.0),
        ValueError,
        ("intercept must be None with fit_intercept=False", "got 1.0"),
    ),
    Refusal(
        "unknown label in validation",
        lambda: label(Y, validation=(X, changed(Y, 5, 3))),
        ValueError,
        (r"validation y must hold the classes \[-1, 1\]", "got 3 at row 5"),
    ),
    Refusal(
        "unknown label among objects",
        lambda: label(np.where(UP, "a", "b").astype(object), validation=(X, ["c"] * 20)),
        ValueError,
        (r"validation y must hold the classes \['a', 'b'\]", "got 'c' at row 0"),
    ),
    Refusal(
        "y beyond float32",
        lambda: train(X.astype("f4"), changed(Z, 2, 1e300)),
        ValueError,
        ("y must fit into float32, the dtype of X", r"got 1e\+300 at row 2"),
    ),
    Refusal(
        "coef beyond float32",
        lambda: train(X.astype("f4"), coef=[1e300, 0, 0]),
        ValueError,
        ("coef must fit into float32, the dtype of X", r"got 1e\+300 at row 0"),
    ),
    *[
        Refusal(
            f"{method.__name__} with other columns",
            partial(method, X[:, :2]),
            ValueError,
            ("X has 2 features", "fitted with 3"),
        )
        for method in (REGRESSION.predict, REGRESSION.decision_function)
    ],
    *[
        Refusal(
            f"probabilities of {fit.loss!r}",
            partial(fit.predict_proba, X),
            ValueError,
            (r"predict_proba needs a model trained with Logistic\(\)", rf"got {fit.loss!r}"[:-2]),
        )
        for fit in (REGRESSION, fl.Fit(ONES[:3], 0.0, fl.losses.Hinge()))
    ],
    Refusal(
        "save swapped",
        lambda: fl.save(Path("model.npz"), REGRESSION),  # type: ignore[arg-type]
        TypeError,
        ("fit must be a Fit", "got PosixPath", r"save\(fit, path\)"),
    ),
    Refusal(
        "save nowhere",
        lambda: fl.save(REGRESSION, None),  # type: ignore[arg-type]
        TypeError,
        ("path must be a str or path-like", "got None"),
    ),
    Refusal(
        "load nothing",
        lambda: fl.load(3),  # type: ignore[arg-type]
        TypeError,
        ("path must be a str or path-like", "got 3"),
    ),
]


@pytest.mark.parametrize("refusal", OTHERS, ids=named)
def test_bad_calls_are_refused(refusal: Refusal) -> None:
    refusal.check()


def test_sparse_data_of_other_formats_are_refused() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    wrapped = sparse.coo_matrix(X)
    for use in (train, REGRESSION.predict):
        with pytest.raises(ValueError, match=r"X must be dense or sparse in CSR.*use X\.tocsr\(\)"):
            use(wrapped)
    with pytest.raises(ValueError, match=r"y must be dense, got a sparse coo_matrix; use y.toarr"):
        train(y=sparse.coo_matrix(Z[:, np.newaxis]))
    np.testing.assert_array_equal(train(wrapped.toarray()).coef, REGRESSION.coef)


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_estimators_refuse_masks_and_text(kind: type) -> None:
    masked = np.ma.masked_less(X, X.max())
    with pytest.raises(ValueError, match="X must not be masked, got 59 masked entries"):
        kind().fit(masked, targets_for(kind, Z))
    with pytest.raises(ValueError, match="could not convert string to float: "):
        kind().fit(np.full((20, 3), "a"), targets_for(kind, Z))


@pytest.mark.parametrize("loss", [SQUARED, LOGISTIC], ids=repr)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_what_is_given_is_read_only(loss: fl.losses.Loss, order: Any, dtype: type) -> None:
    given = {
        "X": np.array(10 * X, dtype, order=order),
        "y": Y.astype(dtype),
        "sample_weight": np.arange(1.0, 21.0),
        "coef": np.ones(3),
    }
    copies = {name: array.copy() for name, array in given.items()}
    for array in given.values():
        array.flags.writeable = False
    given_X, given_y = given["X"], given["y"]
    trainer = fl.Trainer(loss, optimizer=fl.optim.SGD(1e-3), epochs=1)
    fit = trainer.fit(**given, validation=(given_X, given_y), intercept=0.5)
    fit.predict(given_X)
    assert fit.coef.flags.writeable
    assert not np.array_equal(fit.coef, given["coef"])
    for name, array in given.items():
        np.testing.assert_array_equal(array, copies[name])
        assert not np.shares_memory(array, fit.coef)


def test_a_refused_optimizer_trains_as_if_new() -> None:
    sgd = fl.optim.SGD(0.1, momentum=0.5)
    trainer = fl.Trainer(SQUARED, optimizer=sgd, epochs=200)
    expected = trainer.fit(X, Z).coef
    with pytest.raises(ValueError, match="X must be finite"):
        trainer.fit(changed(X, 0, NAN), Z)
    np.testing.assert_array_equal(trainer.fit(X, Z).coef, expected)
    assert sgd.steps == 0
