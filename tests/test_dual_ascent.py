"""Dual coordinate ascent and truncated Newton steps: gaps that bound the true ones."""

from typing import Any

import numpy as np
import pytest

import reference
from fallline import _core, losses, solvers
from fallline.solvers.wide import dual_ascent, penalized, truncated_newton
from loss_cases import of_python, targets_near
from sparse_problems import compress
from test_same_bits import same_at_any_number_of_threads

DUAL = _core.dual_losses()
SMOOTH = [n for n in DUAL if _core.loss_smoothness(n, of_python(n).parameters) < np.inf]
EPS = float(np.finfo(np.float64).eps)


def problem(name: str, seed: int = 0, **options: Any) -> solvers.Problem:
    """Rows with empty ones among them, and weights of which some are zero."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((120, 8)) * (rng.random((120, 8)) < 0.7)
    X[::17] = 0.0
    y = targets_near(name, X @ rng.standard_normal(8) + 0.5 + rng.standard_normal(120))
    s = rng.integers(0, 4, 120).astype(np.float64)
    settings: dict[str, Any] = {"alpha": 0.1, "l1_ratio": 0.0, "fit_intercept": True}
    settings |= {"tol": 1e-6, "max_passes": 5000, **options}
    return solvers.Problem(X, y, s, of_python(name), **settings)


def value(p: solvers.Problem, coef: Any, intercept: float) -> float:
    w = np.asarray(coef, np.float64)
    weights = None if p.sample_weight is None else p.sample_weight.astype(np.float64)
    return reference.objective(
        np.asarray(p.X, np.float64),
        p.y.astype(np.float64),
        w,
        intercept,
        loss=p.loss.name,
        loss_parameters=p.loss.parameters,
        alpha=p.alpha,
        sample_weight=weights,
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", DUAL)
def test_gaps_of_ascent_bound_those_to_a_closer_minimum(name: str, fit_intercept: bool) -> None:
    p = problem(name, fit_intercept=fit_intercept)
    close = dual_ascent.solve(p._replace(tol=1e-10, max_passes=50_000))
    best = value(p, close.coef, close.intercept)
    for tol in (1e-1, 1e-3, 1e-6):
        optimum = dual_ascent.solve(p._replace(tol=tol))
        found = value(p, optimum.coef, optimum.intercept)
        assert optimum.status == "certified"
        assert found - best <= optimum.gap
        assert optimum.gap <= 1.01 * tol * max(found, 1.0)


@pytest.mark.parametrize("name", SMOOTH)
def test_both_ways_lead_to_one_minimum(name: str) -> None:
    p = problem(name)
    ascent, descent = dual_ascent.solve(p), truncated_newton.solve(p)
    assert ascent.status == descent.status == "certified"
    ends = [value(p, at.coef, at.intercept) for at in (ascent, descent)]
    assert ends[0] - ends[1] <= ascent.gap
    assert ends[1] - ends[0] <= descent.gap


@pytest.mark.parametrize("name", DUAL)
def test_any_dual_variables_and_weights_make_a_true_bound(name: str) -> None:
    p = problem(name)
    best = dual_ascent.solve(p._replace(tol=1e-10, max_passes=50_000))
    smallest = value(p, best.coef, best.intercept)
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-1, 10.0):
        objective = penalized.PenalizedObjective(p)
        margins = size * rng.standard_normal(120)
        duals = objective.derivatives(margins)  # some that have a conjugate
        w = best.coef + size * rng.standard_normal(8)
        found = objective.certify(w, best.intercept, duals)
        assert found.value - smallest <= found.gap


@pytest.mark.parametrize("solve", [dual_ascent.solve, truncated_newton.solve])
def test_sparse_rows_are_as_their_dense_selves(solve: Any) -> None:
    p = problem("logistic", tol=1e-10)
    X = np.asarray(p.X)
    dense, sparse = solve(p), solve(p._replace(X=compress(X, np.float64)))
    # A gap of 1e-10 is a distance of its root over that of alpha, to either side.
    near = 2 * np.sqrt(2 * 1e-10 / p.alpha)
    assert np.abs(dense.coef - sparse.coef).max() <= near


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_and_norms_add_up_columns_that_occur_twice(dtype: Any, index: Any) -> None:
    values = np.array([1.0, 2.0, 0.0, 4.0], dtype)
    columns, starts = np.array([2, 2, 0, 1], index), np.array([0, 3, 3, 4], index)
    X = _core.CsrMatrix(values, columns, starts, 3)
    assert _core.squared_norms(X).tolist() == [9.0, 0.0, 16.0]
    assert _core.row_products(X, np.array([1.0, 2.0, 3.0])).tolist() == [9.0, 0.0, 8.0]
    assert _core.row_sums(X, np.array([1.0, 5.0, 2.0])).tolist() == [0.0, 8.0, 3.0]
    c, w = np.array([1.0, 5.0, 2.0]), np.array([1.0, 2.0, 3.0])
    assert _core.gram_products(X, c, w).tolist() == [0.0, 64.0, 27.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_sums_of_dense_rows_are_the_reference(dtype: Any, order: Any) -> None:
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((333, 37)).astype(dtype), order=order)
    w, r, exact = rng.standard_normal(37), rng.standard_normal(333), X.astype(np.float64)
    size = np.abs(exact) @ np.abs(w)
    assert (np.abs(_core.row_products(X, w) - exact @ w) <= 37 * EPS * size).all()
    for squares, rows in ((False, exact), (True, exact**2)):
        error = np.abs(_core.row_sums(X, r, squares=squares) - r @ rows)
        assert (error <= 335 * EPS * (np.abs(r) @ np.abs(rows))).all()
    # Products of 37 terms, each in sums of 333.
    error = np.abs(_core.gram_products(X, r, w) - (r * (exact @ w)) @ exact)
    assert (error <= 2 * 372 * EPS * ((np.abs(r) * size) @ np.abs(exact))).all()


@pytest.mark.parametrize("solve", [dual_ascent.solve, truncated_newton.solve])
def test_threads_leave_the_bits_alone(solve: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 50))
    y = np.where(X[:, 0] + rng.standard_normal(3000) > 0, 1.0, -1.0)
    p = solvers.Problem(X, y, None, losses.Logistic(), 1e-2, 0.0, True, 1e-6, 1000)

    def fit() -> bytes:
        optimum = solve(p)
        return np.append(optimum.coef, [optimum.intercept, optimum.gap]).tobytes()

    same_at_any_number_of_threads(fit)


def test_a_weak_penalty_is_handed_over() -> None:
    optimum = dual_ascent.solve(problem("logistic", alpha=1e-5))
    assert optimum.status == "certified"
    assert optimum.method == "Newton's method by conjugate gradients"
    assert "on to Newton's method" in optimum.events[0]


@pytest.mark.parametrize("alpha", [1e-2, 1e-6, 0.0])
def test_wide_sparse_rows_are_solved(alpha: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 2000)) * (rng.random((400, 2000)) < 0.01)
    y = np.where(rng.random(400) > 0.5, 1.0, -1.0)
    p = solvers.Problem(
        compress(X, np.float64), y, None, losses.Logistic(), alpha, 0.0, True, 1e-6, 1000
    )
    optimum = solvers.solve(p)
    assert optimum.status == ("certified" if alpha > 0.0 else "separable")


@pytest.mark.parametrize(("before", "is_slow"), [(np.inf, False), (0.0, True)])
def test_gaps_that_were_infinite_or_zero_tell_whether_ascent_is_slow(
    before: float, is_slow: bool
) -> None:
    X = compress(np.eye(4), np.float64)
    p = solvers.Problem(X, np.ones(4), None, losses.Logistic(), 1.0, 0.0, True, 1e-6, 100)
    ascent = dual_ascent._DualAscent(penalized.PenalizedObjective(p), 100)
    ascent.gaps = [1.0, before, 1.0]
    assert ascent._is_slow(1e-6) is is_slow
