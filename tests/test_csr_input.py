"""Sparse matrices wherever X is accepted: read in place, checked once, left as they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline._run import chunk_steps
from fallline._validation import check_data
from fallline.typing import Float64Array
from refusals import Refusal, named

sparse = pytest.importorskip("scipy.sparse")
pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

N, D = 120, 9
DROP = "drop or impute"


def problem() -> tuple[Float64Array, Float64Array]:
    """Rows of small integers, most of them 0, and targets."""
    rng = np.random.default_rng(0)
    X = rng.integers(-2, 3, (N, D)) * (rng.random((N, D)) < 0.3)
    return X.astype(np.float64), X @ rng.normal(size=D) + rng.normal(size=N)


X, Y = problem()
LABELS = np.where(Y > 0, "up", "down")


def csr(dtype: Any = np.float64, index: Any = np.int32, kind: str = "csr_array") -> Any:
    matrix = getattr(sparse, kind)(X.astype(dtype))
    matrix.indices, matrix.indptr = matrix.indices.astype(index), matrix.indptr.astype(index)
    return matrix


def trainer(loss: fl.losses.Loss | None = None, **options: Any) -> fl.Trainer:
    settings: dict[str, Any] = {"optimizer": fl.optim.SGD(0.02), "batch_size": 16, "epochs": 4}
    return fl.Trainer(loss or fl.losses.Squared(), **(settings | options))


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix"])
def test_csr_is_read_in_place_and_gives_the_model_of_dense_rows(
    kind: str, dtype: Any, index: Any
) -> None:
    rows = csr(dtype, index, kind)
    parts = [rows.data, rows.indices, rows.indptr]
    before = [part.copy() for part in parts]
    for part in parts:
        part.flags.writeable = False
    fit = trainer().fit(rows, Y, validation=(rows, Y), sample_weight=np.arange(1.0, N + 1))
    dense = X.astype(dtype)
    same = trainer().fit(dense, Y, validation=(dense, Y), sample_weight=np.arange(1.0, N + 1))
    assert fit.report["copied_bytes"] == 0
    assert fit.report["bytes_read"] == 4 * sum(part.nbytes for part in parts)
    assert fit.coef.dtype == dtype
    # 32 contracting steps of at most 16 rows with 10 terms, of numbers about 1.
    tolerance = 32 * 160 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(fit.coef, same.coef, rtol=0, atol=tolerance)
    np.testing.assert_allclose(fit.intercept, same.intercept, rtol=0, atol=tolerance)
    for column in ("running_loss", "validation_loss"):
        np.testing.assert_allclose(fit.history[column], same.history[column], rtol=10 * tolerance)
    np.testing.assert_allclose(fit.predict(rows), same.predict(dense), rtol=0, atol=20 * tolerance)
    for part, copy in zip(parts, before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_other_dtypes_are_copied_once_and_counted() -> None:
    expected = trainer().fit(csr(), Y).coef
    for dtype, converted in ((np.int64, 8), (np.int8, 8), (np.bool_, 8)):
        rows = csr(dtype)
        fit = trainer().fit(rows, Y)
        assert fit.report["copied_bytes"] == rows.nnz * converted
        if dtype != np.bool_:
            np.testing.assert_array_equal(fit.coef, expected)
    mixed = csr(index=np.int64)
    mixed.indptr = mixed.indptr.astype(np.int32)
    fit = trainer().fit(mixed, Y)
    assert fit.report["copied_bytes"] == 8 * (N + 1)
    np.testing.assert_array_equal(fit.coef, expected)


def test_labels_and_probabilities_are_those_of_dense_rows() -> None:
    rows = csr()
    logistic = trainer(fl.losses.Logistic(), penalty=fl.penalties.ElasticNet(0.01))
    fit, same = logistic.fit(rows, LABELS, validation=(X, LABELS)), logistic.fit(X, LABELS)
    assert fit.classes is not None
    assert fit.classes.tolist() == ["down", "up"]
    np.testing.assert_allclose(fit.predict_proba(rows), same.predict_proba(X), rtol=1e-12)
    np.testing.assert_allclose(fit.decision_function(X), fit.decision_function(rows), atol=1e-13)
    np.testing.assert_array_equal(fit.predict(rows), same.predict(X))


@pytest.mark.parametrize("batch_size", [1, 16, None])
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
def test_sgd_estimators_take_csr(penalty: str | None, batch_size: int | None) -> None:
    pytest.importorskip("sklearn")
    options: dict[str, Any] = {"random_state": 0, "max_iter": 5, "tol": None, "penalty": penalty}
    options |= {"learning_rate": "constant", "batch_size": batch_size}
    for kind, y in ((fl.SGDClassifier, LABELS), (fl.SGDRegressor, Y)):
        model, same = kind(**options).fit(csr(), y), kind(**options).fit(X, y)
        assert model.__sklearn_tags__().input_tags.sparse
        assert model.report_["copied_bytes"] == 0
        np.testing.assert_allclose(model.coef_, same.coef_, rtol=0, atol=1e-11)
        np.testing.assert_allclose(model.intercept_, same.intercept_, rtol=0, atol=1e-11)
        np.testing.assert_array_equal(model.predict(csr()), model.predict(csr()))
        assert model.score(csr(), y) == pytest.approx(same.score(X, y), abs=1e-9)


def test_divergence_names_the_widest_column() -> None:
    rows = csr()
    rows.data[rows.indices == 4] *= 1e4
    with pytest.raises(fl.DivergenceError, match=r"column 4 spans [34]e\+04") as caught:
        trainer().fit(rows, Y)
    assert np.isfinite(caught.value.fit.coef).all()


def test_a_chunk_reads_many_elements_for_each_weight_that_is_copied_after_it() -> None:
    n, d = 1 << 20, 1 << 20
    index = np.arange(n, dtype=np.int32)
    rows = sparse.csr_array((np.ones(n, np.float32), index, np.arange(n + 1)), shape=(n, d))
    data = check_data(rows, np.zeros(n), None, fl.losses.Squared())
    # An element a row: the whole epoch is one chunk, at any batch size.
    assert chunk_steps(data, n, 1) >= n
    assert chunk_steps(data, n // 64, 1) >= n // 64
    dense = check_data(np.ones((1 << 16, 1)), np.zeros(1 << 16), None, fl.losses.Squared())
    assert chunk_steps(dense, 1 << 16, 1) == 1 << 16


def test_a_matrix_without_any_element_trains_the_intercept() -> None:
    fit = trainer(epochs=200).fit(sparse.csr_array((N, D)), np.full(N, 2.0))
    assert not fit.coef.any()
    assert fit.intercept == pytest.approx(2.0, rel=1e-6)


def broken(**parts: Callable[[Any], Any]) -> Any:
    matrix = csr()
    for part, change in parts.items():
        setattr(matrix, part, change(getattr(matrix, part).copy()))
    return matrix


def put(place: int, value: Any) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[place] = value
        return array

    return change


ELEMENTS = csr().nnz
ROW = int(np.searchsorted(csr().indptr, 7, side="right")) - 1
BAD: list[tuple[str, Any, type[Exception], tuple[str, ...]]] = [
    (
        "column too high",
        broken(indices=put(7, D)),
        ValueError,
        (r"X\.indices", "0 to 8", "got 9 at"),
    ),
    (
        "column below 0",
        broken(indices=put(7, -1)),
        ValueError,
        (r"X\.indices", "got -1 at position 7"),
    ),
    (
        "column far away",
        broken(indices=lambda a: put(0, 2**40)(a.astype(np.int64))),
        ValueError,
        (r"X\.indices must be columns", f"got {2**40} at position 0", "check_format"),
    ),
    (
        "falling",
        broken(indptr=put(5, 10**6)),
        ValueError,
        (r"X\.indptr must rise", "after 1000000 at position 6", "check_format"),
    ),
    (
        "not from 0",
        broken(indptr=put(0, 1)),
        ValueError,
        (r"X\.indptr must rise from 0", "got 1 to"),
    ),
    (
        "past the end",
        broken(indptr=put(-1, 10**6)),
        ValueError,
        ("at most", f"{ELEMENTS}", "got 0 to"),
    ),
    (
        "short indptr",
        broken(indptr=lambda a: a[:-1]),
        ValueError,
        (f"{N + 1} entries", f"and {N}$"),
    ),
    ("short data", broken(data=lambda a: a[:-1]), ValueError, ("as many indices as data", "got")),
    (
        "NaN",
        broken(data=put(7, np.nan)),
        ValueError,
        ("X must be finite", f"got nan at row {ROW}, column {csr().indices[7]}", DROP),
    ),
    ("infinity", broken(data=put(-1, -np.inf)), ValueError, ("finite", "got -inf at row", DROP)),
    ("complex", csr(np.complex128), TypeError, (r"numeric \(real\)", "complex128")),
    ("no columns", sparse.csr_array((N, 0)), ValueError, ("at least one row", r"\(120, 0\)")),
    ("no rows", sparse.csr_array((0, D)), ValueError, ("at least one row", r"\(0, 9\)")),
    ("CSC", csr().tocsc(), ValueError, ("CSR format", "sparse csc_array", r"use .*X\.tocsr\(\)")),
    (
        "coordinates",
        sparse.coo_matrix(X),
        ValueError,
        ("CSR format", "sparse coo_matrix", r"use .*X\.tocsr"),
    ),
]
REFUSALS = [
    Refusal(f"{what} {name}", lambda use=use, rows=rows: use(rows), error, patterns)  # type: ignore[misc]
    for name, rows, error, patterns in BAD
    for what, use in (
        ("fit", lambda rows: trainer().fit(rows, Y)),
        ("predict", fl.Fit(np.ones(D), 0.0, fl.losses.Squared()).predict),
        ("validation", lambda rows: trainer().fit(X, Y, validation=(rows, Y))),
    )
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_bad_sparse_matrices_are_refused(refusal: Refusal) -> None:
    refusal.check()


def test_other_numbers_of_columns_and_sparse_targets_are_refused() -> None:
    fit = trainer().fit(csr(), Y)
    with pytest.raises(ValueError, match="X has 5 features, but this model was fitted with 9"):
        fit.predict(csr()[:, :5])
    with pytest.raises(ValueError, match="y must be dense, got a sparse csr_array"):
        trainer().fit(csr(), sparse.csr_array(Y[:, np.newaxis]))
    with pytest.raises(ValueError, match=r"y must have one entry per row of X \(120\), got 119"):
        trainer().fit(csr(), Y[1:])


def test_the_core_checks_again_what_would_read_foreign_memory() -> None:
    from fallline import _core

    rows = csr()
    right: dict[str, Any] = {"data": rows.data, "indices": rows.indices, "indptr": rows.indptr}
    wrong = [
        {"indices": put(0, D)(rows.indices.copy())},
        {"indptr": put(3, 10**6)(rows.indptr.copy())},
        {"indptr": rows.indptr[:0]},
        {"data": rows.data[:-1]},
        {"data": np.repeat(rows.data, 2)[::2]},
        {"n_columns": 8},
    ]
    for change in wrong:
        with pytest.raises(ValueError, match=r"."):
            _core.CsrMatrix(**{**right, "n_columns": D, **change})
    for name, dtype in (("data", np.int64), ("indices", np.int64), ("indptr", np.uint32)):
        with pytest.raises(TypeError):
            _core.CsrMatrix(**{**right, "n_columns": D, name: right[name].astype(dtype)})
    matrix = _core.CsrMatrix(**right, n_columns=D)
    for y, w in ((Y[1:], X[0]), (Y, X[0, 1:])):
        with pytest.raises(ValueError, match="must be contiguous and of length"):
            _core.loss_sum(matrix, y, None, "squared", w, 0.0)
    with pytest.raises(TypeError, match="y must have the dtype of X"):
        _core.loss_sum(matrix, Y.astype(np.float32), None, "squared", X[0], 0.0)


def test_sgd_classifier_trains_sparse_rows_of_several_classes() -> None:
    rng = np.random.default_rng(0)
    X = np.where(rng.random((300, 12)) < 0.4, rng.standard_normal((300, 12)), 0.0)
    y = np.array(["a", "b", "c"])[np.argmax(X @ rng.standard_normal((12, 3)), axis=1)]
    options: dict[str, Any] = {
        "loss": "log_loss",
        "learning_rate": "constant",
        "eta0": 0.05,
        "tol": None,
    }
    dense, of_sparse = (
        fl.SGDClassifier(**options, max_iter=20, random_state=0).fit(rows, y)
        for rows in (X, sparse.csr_array(X))
    )
    # No step enlarges an error, and there are 6000: each adds a few roundings in float64.
    np.testing.assert_allclose(of_sparse.coef_, dense.coef_, rtol=0, atol=6000 * 50 * 2.3e-16)
    np.testing.assert_allclose(
        of_sparse.intercept_, dense.intercept_, rtol=0, atol=6000 * 50 * 2.3e-16
    )
    assert of_sparse.n_iter_ == dense.n_iter_
    np.testing.assert_array_equal(of_sparse.predict(sparse.csr_array(X)), dense.predict(X))


def test_a_trainer_refuses_sparse_rows_of_several_classes() -> None:
    trainer = fl.Trainer(fl.losses.Softmax(), optimizer=fl.optim.SGD(0.1))
    with pytest.raises(ValueError, match=r"X must be dense for .* use X\.toarray"):
        trainer.fit(sparse.csr_array(np.eye(3)), [0, 1, 2])
