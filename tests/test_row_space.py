"""More columns than rows: the optimum by way of the few dimensions that the rows span."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

import reference
from fallline import _core, losses, solvers
from fallline.solvers.narrow import second_order
from fallline.solvers.wide import row_space
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

EPS = float(np.finfo(np.float64).eps)


def problem(loss: str, n: int = 40, d: int = 90) -> tuple[Float64Array, Float64Array]:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((n, d))
    z = 0.3 * X @ rng.standard_normal(d) + rng.standard_normal(n)
    return X + rng.integers(0, 5, d), targets_near(loss, z)


def posed(X: Any, y: Any, loss: losses.Loss, **options: Any) -> solvers.Problem:
    settings: dict[str, Any] = {"alpha": 0.01, "l1_ratio": 0.0, "fit_intercept": True, "tol": 1e-6}
    counts = options.pop("sample_weight", None)
    return solvers.Problem(X, y, counts, loss, **(settings | {"max_passes": 100} | options))


def value(optimum: solvers.Optimum, X: Any, y: Any, loss: losses.Loss, **options: Any) -> float:
    w, b = optimum.coef.astype(np.float64), float(optimum.intercept)
    options |= {"loss": loss.name, "loss_parameters": loss.parameters}
    return reference.objective(X, y, w, b, **options)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", ["squared", "logistic", "poisson", "huber", "squared_hinge"])
def test_the_optimum_is_that_of_all_columns(name: str, weighted: bool, fit_intercept: bool) -> None:
    X, y = problem(name)
    s = np.arange(40) % 3 + 0.5 if weighted else None
    loss = of_python(name)
    few = row_space.solve(posed(X, y, loss, sample_weight=s, fit_intercept=fit_intercept))
    strict = posed(X, y, loss, sample_weight=s, fit_intercept=fit_intercept, tol=1e-12)
    all_columns = second_order.solve(strict)
    reached, best = (
        value(found, X, y, loss, alpha=0.01, sample_weight=s) for found in (few, all_columns)
    )
    assert few.status == all_columns.status == "certified"
    assert reached - best <= few.gap
    assert few.gap <= 1.001e-6 * max(reached, 1e-3)
    assert (few.intercept != 0.0) == fit_intercept


@pytest.mark.parametrize("copies", [1, 2])
def test_without_a_penalty_the_weights_are_the_shortest(copies: int) -> None:
    X, y = problem("squared")
    X, y = np.tile(X, (copies, 1)), np.tile(y, copies)  # rows that are there twice span no more
    found = row_space.solve(posed(X, y, losses.Squared(), alpha=0.0))
    shortest = np.linalg.pinv(X - X.mean(axis=0), rcond=1e-10) @ (y - y.mean())
    assert found.status == "certified"
    assert found.coef == pytest.approx(shortest, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_and_float32_are_the_same_problem(dtype: Any) -> None:
    X, y = problem("logistic")
    X[np.abs(X) < 1.0] = 0.0
    X, y = X.astype(dtype), y.astype(dtype)
    csr = sparse.csr_array(X)
    rows = _core.CsrMatrix(csr.data, csr.indices, csr.indptr, csr.shape[1])
    dense, thin = (row_space.solve(posed(of, y, losses.Logistic())) for of in (X, rows))
    assert thin.status == dense.status == "certified"
    assert thin.coef.dtype == dense.coef.dtype == dtype
    tolerance = 1e-8 if dtype == np.float64 else 4 * float(np.finfo(np.float32).eps)
    assert thin.coef == pytest.approx(dense.coef, abs=tolerance)


def test_a_penalty_alone_leaves_nothing_of_rows_that_are_all_the_same() -> None:
    found = row_space.solve(
        posed(np.full((3, 9), 0.1), np.array([1.0, 2.0, 3.0]), losses.Squared())
    )
    assert found.status == "certified"
    assert np.abs(found.coef).max() <= 1e-14
    assert found.intercept == pytest.approx(2.0, rel=8 * EPS)


def test_more_columns_than_a_hessian_may_have_come_here_by_themselves() -> None:
    X, y = problem("squared", n=40, d=1600)
    found = solvers.solve(posed(X, y, losses.Squared()))
    assert found.status == "certified"
    assert found.method.endswith("dimensions that the rows span")
    csr = sparse.csr_array(X)
    rows = _core.CsrMatrix(csr.data, csr.indices, csr.indptr, csr.shape[1])
    thin = solvers.solve(posed(rows, y, losses.Squared()))
    assert thin.status == "certified"
    assert "span" not in thin.method
    F = value(found, X, y, losses.Squared(), alpha=0.01)
    assert value(thin, X, y, losses.Squared(), alpha=0.01) == pytest.approx(F, rel=2e-6)


def test_the_bits_depend_on_neither_threads_nor_target() -> None:
    X, y = problem("logistic", n=150, d=3000)

    def fit() -> bytes:
        found = row_space.solve(posed(X, y, losses.Logistic()))
        return found.coef.tobytes() + np.array([found.intercept, found.gap]).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)
