"""Default estimators on real data, against solvers that share nothing with them."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from data import load, load_sparse, standardize
from fallline.typing import Float64Array
from reference import newton_logistic, objective


def least_squares(X: Float64Array, y: Float64Array) -> Float64Array:
    """Intercept and weights; columns have length 1 for the factorisation, which loses no digits."""
    A = np.column_stack([np.ones(len(y)), X])
    lengths = np.linalg.norm(A, axis=0)
    return np.asarray(np.linalg.lstsq(A / lengths, y, rcond=None)[0] / lengths)


def fitted(X: Float64Array, y: Float64Array, *, fit_intercept: bool = True) -> Float64Array:
    """Return intercept, if there is one, and weights of a linear regression that converged."""
    model = fl.LinearRegression(fit_intercept=fit_intercept).fit(X, y)
    assert model.status_ == "certified"
    return np.append([model.intercept_] if fit_intercept else [], model.coef_)


@pytest.mark.parametrize("scaled", [False, True], ids=["raw", "standardized"])
@pytest.mark.parametrize("name", ["cal_housing", "kin8nm"])
def test_linear_regression_agrees_with_lstsq_to_a_millionth(name: str, scaled: bool) -> None:
    data = load(name)
    X = standardize(data.X) if scaled else data.X
    np.testing.assert_allclose(fitted(X, data.y), least_squares(X, data.y), rtol=1e-6)


@pytest.mark.parametrize("name", ["nist_norris", "nist_noint1", "nist_longley", "nist_pontius"])
def test_six_digits_of_what_nist_certifies(name: str) -> None:
    data = load(name)
    assert data.coef_exact is not None
    coef = fitted(data.X, data.y, fit_intercept=data.has_intercept)
    np.testing.assert_allclose(coef, data.coef_exact, rtol=1e-6)


def test_six_digits_of_what_nist_certifies_for_standardized_longley() -> None:
    data = load("nist_longley")
    assert data.coef_exact is not None
    intercept, weights = data.coef_exact[0], data.coef_exact[1:]
    # In standardised columns the weights are per standard deviation, and the intercept is that at
    # the mean: of the targets, which is also computed without cancellation.
    exact = np.append(intercept + data.X.mean(axis=0) @ weights, weights * data.X.std(axis=0))
    np.testing.assert_allclose(exact[0], data.y.mean(), rtol=1e-10)
    np.testing.assert_allclose(fitted(standardize(data.X), data.y), exact, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.parametrize("name", ["higgs_lgb", "heart_scale"])
def test_logistic_regression_reaches_the_objective_of_a_second_order_solver(
    name: str, C: float, dtype: Any
) -> None:
    data = load(name)
    y, alpha = 2 * data.y - 1, 1 / (C * len(data.y))
    X = data.X.astype(dtype)
    optimum = newton_logistic(X.astype(np.float64), y, alpha)
    model = fl.LogisticRegression(C=C).fit(X, data.y)
    assert model.status_ == "certified"
    reached = objective(
        X.astype(np.float64),
        y,
        model.coef_[0].astype(np.float64),
        float(model.intercept_[0]),
        loss="logistic",
        alpha=alpha,
    )
    assert reached <= optimum.objective * (1 + 1e-6)


def test_sparse_rows_have_the_model_of_the_same_numbers_in_a_dense_array() -> None:
    rows, y = load_sparse("a9a_t")
    model, dense = (fl.LogisticRegression(tol=1e-13).fit(X, y) for X in (rows, rows.toarray()))
    assert model.status_ == dense.status_ == "certified"
    # Gaps of 1e-13 are distances of their root, in the norm of a Hessian above alpha.
    tolerance = np.sqrt(2 * (model.gap_ + dense.gap_) * len(y))
    np.testing.assert_allclose(model.coef_, dense.coef_, rtol=0, atol=tolerance)
