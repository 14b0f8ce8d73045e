"""What estimators refuse, and how they say it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import fallline as fl
from fallline.typing import Float64Array
from problems import CLASSIFIERS, ESTIMATORS, problem, targets_for

SGD_NOT_YET: list[tuple[dict[str, Any], str]] = [
    ({"learning_rate": "adaptive"}, "one of 'constant', 'optimal', 'invscaling'; got 'adaptive'"),
    ({"learning_rate": "pa1"}, "one of 'constant', 'optimal', 'invscaling'; got 'pa1'"),
    (
        {"loss": "quantile"},
        "'epsilon_insensitive', 'squared_epsilon_insensitive'; got 'quantile'",
    ),
    ({"penalty": "l3"}, "penalty must be one of 'l2', 'l1', 'elasticnet'; got 'l3'"),
    ({"early_stopping": True}, "early_stopping must be False, got True; use fallline.Trainer"),
    ({"validation_fraction": 0.2}, "validation_fraction must be 0.1, got 0.2; use fallline.Train"),
    ({"average": True}, "average must be False, got True; averaging is not supported"),
    ({"average": 10}, "average must be False, got 10; averaging is not supported"),
    ({"warm_start": True}, "warm_start must be False, got True; pass coef_init"),
    ({"epsilon": -0.2}, "epsilon must be a finite number >= 0, got -0.2"),
    ({"loss": "huber", "epsilon": 0.0}, "epsilon must be a positive finite number, got 0.0"),
    ({"alpha": -1.0}, "alpha must be a finite number >= 0, got -1.0"),
    ({"l1_ratio": 1.5}, r"l1_ratio must be a number in \[0, 1\], got 1.5"),
    ({"eta0": 0.0}, "eta0 must be a positive finite number, got 0.0"),
    ({"power_t": -0.5}, "power_t must be a finite number >= 0, got -0.5"),
    ({"tol": -1.0}, "tol must be None or a number >= 0, got -1.0"),
    ({"max_iter": 0}, "max_iter must be a positive integer, got 0"),
    ({"n_iter_no_change": 0}, "n_iter_no_change must be a positive integer, got 0"),
    ({"batch_size": 0}, "batch_size must be a positive integer, got 0"),
    ({"alpha": 0.0, "learning_rate": "optimal"}, "alpha must be positive with learning_rate='opt"),
    ({"alpha": 1e3, "learning_rate": "constant"}, "must be at most 1, got 10: the first step wou"),
]
REFUSED: list[tuple[type, dict[str, Any], str]] = [
    *[(kind, *case) for kind in (fl.SGDClassifier, fl.SGDRegressor) for case in SGD_NOT_YET],
    (
        fl.SGDRegressor,
        {"loss": "hinge"},
        "loss must be one of 'squared_error', 'huber', .* got 'hinge'",
    ),
    (fl.SGDClassifier, {"class_weight": "balanced"}, "got 'balanced'; pass sample_weight"),
    (fl.SGDClassifier, {"n_jobs": 2}, "n_jobs must be None, got 2; use fallline.set_num_threads"),
    (fl.LinearRegression, {"tol": -1.0}, "tol must be a finite number >= 0, got -1.0"),
    (fl.LinearRegression, {"max_iter": 0}, "max_iter must be a positive integer, got 0"),
    (fl.Ridge, {"alpha": -1.0}, "alpha must be a finite number >= 0, got -1.0"),
    (fl.Lasso, {"alpha": -1.0}, "alpha must be a finite number >= 0, got -1.0"),
    (fl.ElasticNet, {"l1_ratio": 2.0}, r"l1_ratio must be a number in \[0, 1\], got 2.0"),
    (fl.LogisticRegression, {"C": 0.0}, "C must be a positive number, got 0.0"),
    (fl.LogisticRegression, {"l1_ratio": -0.1}, r"l1_ratio must be a number in \[0, 1\], got -0"),
]
WRONG_KIND: list[tuple[type, dict[str, Any], str]] = [
    (fl.LinearRegression, {"fit_intercept": "yes"}, "fit_intercept must be True or False, got 'y"),
    (fl.LinearRegression, {"max_iter": 1.5}, "max_iter must be a positive integer, got 1.5"),
    (fl.Ridge, {"alpha": "1"}, "alpha must be a finite number >= 0, got '1'"),
    (fl.LogisticRegression, {"C": None}, "C must be a positive number, got None"),
    (fl.SGDRegressor, {"schedule": 0.1}, "schedule must be a schedule, .* got 0.1; a number is le"),
    (fl.SGDClassifier, {"schedule": "cosine"}, "function of the step number or None, got 'cosine'"),
    (fl.SGDClassifier, {"schedule": fl.schedules.Cosine}, "None, got <class 'fallline.schedules"),
    (fl.SGDRegressor, {"shuffle": "rows"}, "shuffle must be True or False, got 'rows'"),
]


@pytest.mark.parametrize(("kind", "options", "message"), REFUSED)
def test_parameters_out_of_range_are_refused(
    kind: type, options: dict[str, Any], message: str
) -> None:
    X, z, _ = problem(n_samples=20)
    with pytest.raises(ValueError, match=message):
        kind(**options).fit(X, targets_for(kind, z))


@pytest.mark.parametrize(("kind", "options", "message"), WRONG_KIND)
def test_parameters_of_the_wrong_kind_are_refused(
    kind: type, options: dict[str, Any], message: str
) -> None:
    X, z, _ = problem(n_samples=20)
    with pytest.raises(TypeError, match=message):
        kind(**options).fit(X, targets_for(kind, z))


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, np.column_stack([y, y])[np.newaxis], None), "dim|1-dimensional|1d array"),
        (lambda X, y: (X, y[:-1], None), "inconsistent numbers of samples"),
        (lambda X, y: (X[0], y, None), "Expected 2D array, got 1D array"),
        (lambda X, y: (X[:0], y[:0], None), "0 sample"),
        (lambda X, y: (np.where(X > 0, np.nan, X), y, None), "X contains NaN"),
        (lambda X, y: (np.where(X > 0, np.inf, X), y, None), "X contains infinity"),
        (lambda X, y: (X, y, -np.ones(len(y))), "Negative values in data passed to"),
        (lambda X, y: (X, y, np.zeros(len(y))), "[Ss]ample.weight"),
        (lambda X, y: (X, y, np.ones(3)), "sample_weight.shape"),
        (lambda X, y: (X + 1j, y, None), "Complex data not supported"),
    ],
)
def test_unusable_data_are_refused(
    kind: type, change: Callable[[Float64Array, Any], tuple[Any, Any, Any]], message: str
) -> None:
    X, z, _ = problem(n_samples=20)
    X, y, weights = change(X, targets_for(kind, z))
    with pytest.raises(ValueError, match=message):
        kind().fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_there_must_be_classes_to_tell_apart(kind: type) -> None:
    X, _, _ = problem(n_samples=20)
    y = np.arange(20) % 3
    with pytest.raises(ValueError, match="2 classes with positive weight, got one class: 1"):
        kind().fit(X, np.ones(20, dtype=int))
    with pytest.raises(ValueError, match="2 classes with positive weight, got one class: 'b'"):
        kind().fit(X, np.where(y > 0, "b", "a"), sample_weight=(y > 0).astype(float))
    with pytest.raises(ValueError, match="Unknown label type"):
        kind().fit(X, X[:, 0])


@pytest.mark.parametrize("kind", [fl.LogisticRegression, fl.SGDClassifier, fl.SGDRegressor])
def test_several_targets_are_for_least_squares(kind: type) -> None:
    X, z, _ = problem(n_samples=20)
    y = targets_for(kind, z)
    with pytest.raises(ValueError, match="fit one model per column"):
        kind().fit(X, np.column_stack([y, y]))


def test_several_classes_have_their_own_conditions() -> None:
    X, _, _ = problem(n_samples=20)
    y = np.array(["a", "b", "c"])[np.arange(20) % 3]
    with pytest.raises(ValueError, match=r"no L1 term with softmax of 3 classes.*l1_ratio=0.5"):
        fl.LogisticRegression(l1_ratio=0.5).fit(X, y)
    with pytest.raises(ValueError, match="classes with positive weight, got none for 'b'; leave"):
        fl.LogisticRegression().fit(X, y, sample_weight=(y != "b").astype(float))


def test_sparse_targets_are_refused() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match=r"y must be dense, got a sparse csr_array; use y.toarray"):
        fl.Ridge().fit(np.eye(3), sparse.csr_array(np.eye(3)))


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_sparse_matrices_are_refused_unless_csr(kind: type) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X, z, _ = problem(n_samples=20)
    model = kind().fit(sparse.csr_array(X), targets_for(kind, z))
    for use in (model.predict, lambda rows: kind().fit(rows, targets_for(kind, z))):
        with pytest.raises(ValueError, match=r"got a sparse csc_array; use X\.tocsr\(\)"):
            use(sparse.csc_array(X))


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_what_is_not_fitted_does_not_predict(kind: type) -> None:
    with pytest.raises(NotFittedError):
        kind().predict([[1.0]])


def test_predicting_other_columns_is_refused() -> None:
    X, y, _ = problem()
    model = fl.LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="X has 5 features, but LinearRegression is expecting 6"):
        model.predict(X[:, :5])
