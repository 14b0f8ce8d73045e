"""Softmax with more weights than a Hessian may have: L-BFGS, and gaps that bound the true ones."""

from typing import Any

import numpy as np
import pytest

from fallline import _core, losses, solvers
from fallline.solvers.narrow import second_order
from fallline.solvers.problem import Visit
from fallline.solvers.wide import coupled_lbfgs
from fallline.typing import Float64Array
from sparse_problems import compress
from test_same_bits import same_at_any_number_of_threads

TOL = 1e-6
EPS = float(np.finfo(np.float64).eps)


def problem(seed: int = 0, n: int = 150, d: int = 9, **options: Any) -> solvers.Problem:
    """Rows with empty ones among them, columns of sizes from 1e-3 to 1e3, weights of 0 to 3."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.7)
    X[::17] = 0.0
    y = (X @ rng.standard_normal((d, 4)) + 2.0 * rng.gumbel(size=(n, 4))).argmax(axis=1)
    s = rng.integers(0, 4, n).astype(np.float64)
    s[[int(np.argmax(y == k)) for k in range(4)]] = 1.0  # of every class there is a row
    X *= 10.0 ** rng.integers(-3, 4, d) if options.pop("scaled", True) else 1.0
    settings: dict[str, Any] = {"alpha": 1e-2, "l1_ratio": 0.0, "fit_intercept": True}
    settings |= {"tol": TOL, "max_passes": 5000, "heads": "classes", **options}
    return solvers.Problem(X, y.astype(np.float64), s, losses.Softmax(), **settings)


def value(p: solvers.Problem, optimum: solvers.Optimum) -> float:
    """F by its formula."""
    w, y = optimum.coef.astype(np.float64), p.y.astype(int)
    z = np.asarray(p.X, np.float64) @ w + optimum.intercept
    high = z.max(axis=1)
    losses = high + np.log(np.exp(z - high[:, np.newaxis]).sum(axis=1)) - z[np.arange(len(y)), y]
    return float(np.average(losses, weights=p.sample_weight)) + 0.5 * p.alpha * float(np.sum(w * w))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [1e-4, 1e-2, 1.0])
def test_gaps_bound_those_to_the_minimum_of_newtons_method(
    fit_intercept: bool, alpha: float
) -> None:
    p = problem(fit_intercept=fit_intercept, alpha=alpha)
    best = value(p, second_order.solve(p._replace(tol=1e-13)))
    for tol in (1e-1, 1e-3, 1e-6, 1e-9):
        optimum = coupled_lbfgs.solve(p._replace(tol=tol))
        found = value(p, optimum)
        assert optimum.status == "certified"
        assert found - best <= optimum.gap
        # F is a mean of terms of at most log 4 or so, each good to a few roundings.
        rounding = 100 * np.finfo(np.float64).eps
        assert optimum.gap <= tol * max(found, 1e-3 * optimum.null_value) + rounding
        assert optimum.value == pytest.approx(found, abs=rounding)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_sparse_rows_are_as_their_dense_selves(fit_intercept: bool) -> None:
    p = problem(fit_intercept=fit_intercept, scaled=False, tol=1e-10)
    dense = coupled_lbfgs.solve(p)
    sparse = coupled_lbfgs.solve(p._replace(X=compress(p.X, np.float64)))
    assert dense.status == sparse.status == "certified"
    # A gap is a distance of its root over that of alpha, to either side.
    near = sum(np.sqrt(2.0 * optimum.gap / p.alpha) for optimum in (dense, sparse))
    assert np.linalg.norm(dense.coef - sparse.coef) <= near


def test_scipy_ends_within_the_gap() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    p = problem(n=300, d=25, scaled=False)
    X, s = np.asarray(p.X, np.float64), np.asarray(p.sample_weight, np.float64)
    own = p.y[:, np.newaxis] == np.arange(4)

    def fun(u: Float64Array) -> tuple[float, Float64Array]:
        W = u.reshape(26, 4)
        z = X @ W[:25] + W[25]
        high = z.max(axis=1)
        powers = np.exp(z - high[:, np.newaxis])
        total = powers.sum(axis=1)
        residuals = (powers / total[:, np.newaxis] - own) * (s / s.sum())[:, np.newaxis]
        gradient = np.vstack([X.T @ residuals + p.alpha * W[:25], residuals.sum(axis=0)])
        F = np.average(high + np.log(total) - z[own], weights=s)
        return float(F + 0.5 * p.alpha * np.sum(W[:25] ** 2)), gradient.reshape(-1)

    options = {"maxiter": 10_000, "ftol": 0.0, "gtol": 1e-9}
    peer = optimize.minimize(fun, np.zeros(104), jac=True, method="L-BFGS-B", options=options)
    optimum = coupled_lbfgs.solve(p)
    assert optimum.status == "certified"
    assert optimum.value - peer.fun <= optimum.gap
    # Its own distance from F* is below |gradient|^2 / (2 alpha): of 100 weights at most 1e-9 each.
    assert peer.fun - optimum.value <= 104 * 1e-18 / (2 * p.alpha) + 1e-15


def test_weights_of_rows_are_so_many_rows() -> None:
    p = problem(scaled=False, tol=1e-10)
    counts = np.asarray(p.sample_weight).astype(int)
    rows = p._replace(
        X=np.repeat(np.asarray(p.X), counts, axis=0),
        y=np.repeat(p.y, counts).astype(np.float64),
        sample_weight=None,
    )
    weighted, repeated = coupled_lbfgs.solve(p), coupled_lbfgs.solve(rows)
    assert weighted.status == repeated.status == "certified"
    near = sum(np.sqrt(2.0 * optimum.gap / p.alpha) for optimum in (weighted, repeated))
    assert np.linalg.norm(weighted.coef - repeated.coef) <= near
    assert weighted.null_value == pytest.approx(repeated.null_value, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_gaps_are_of_the_weights_as_they_are_returned(dtype: Any) -> None:
    p = problem(scaled=False)
    X = np.round(40 * np.abs(np.asarray(p.X))).astype(dtype)
    y, s = p.y.astype(np.float32), np.asarray(p.sample_weight, np.float32)
    p = p._replace(X=X, y=y, sample_weight=s)
    optimum = coupled_lbfgs.solve(p)
    assert optimum.status == "certified"
    assert optimum.coef.dtype == np.float32
    best = coupled_lbfgs.solve(p._replace(X=X.astype(np.float64), tol=1e-10))
    assert value(p, optimum) - value(p, best) <= optimum.gap


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("d", [600, 1800])  # curvatures by a matrix, and by its diagonal
def test_a_wide_problem_comes_here_by_itself(d: int, sparse: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, d)) * (rng.random((400, d)) < 0.1)
    y = rng.integers(0, 4, 400).astype(np.float64)
    p = problem()._replace(X=compress(X, np.float64) if sparse else X, y=y, sample_weight=None)
    optimum = solvers.solve(p)
    assert optimum.status == "certified"
    assert optimum.method.startswith("L-BFGS")
    assert optimum.passes < 60
    assert optimum.coef.shape == (d, 4)
    # What all classes have in common, which the penalty alone sees, is zero but for rounding.
    assert np.abs(optimum.coef.mean(axis=1)).max() <= 1e-14 * np.abs(optimum.coef).max()


def test_without_a_penalty_the_end_is_an_estimate() -> None:
    p = problem(alpha=0.0, scaled=False)
    optimum = coupled_lbfgs.solve(p)
    best = value(p, second_order.solve(p._replace(tol=1e-12)))
    assert optimum.status == "estimated"
    assert value(p, optimum) - best <= TOL * optimum.value


def test_separable_classes_have_no_optimum_without_a_penalty() -> None:
    p = problem()
    y = np.arange(150) % 4
    X = np.eye(4)[y] + 0.1 * np.random.default_rng(0).standard_normal((150, 4))
    p = p._replace(X=X, y=y.astype(np.float64), sample_weight=None, alpha=0.0)
    assert coupled_lbfgs.solve(p).status == "separable"
    assert coupled_lbfgs.solve(p._replace(alpha=1e-6)).status == "certified"


def test_the_budget_is_kept_and_the_gap_true_where_it_ends() -> None:
    p = problem(scaled=False)
    best = value(p, second_order.solve(p._replace(tol=1e-12)))
    optimum = coupled_lbfgs.solve(p._replace(max_passes=6))
    assert optimum.status == "budget"
    # A line search, and the bound at the end with the lengths of the rows, are beyond it.
    assert optimum.passes <= 6 + 3
    assert value(p, optimum) - best <= optimum.gap


def test_callbacks_see_every_place_and_may_stop() -> None:
    seen: list[float] = []

    def observe(visit: Visit) -> bool:
        seen.append(visit.value)
        coef, intercept = visit.weights()
        assert coef.shape == (9, 4)
        assert np.shape(intercept) == (4,)
        return len(seen) == 5

    optimum = coupled_lbfgs.solve(problem(observe=observe))
    assert optimum.status == "stopped"
    assert seen == optimum.objective
    assert seen == sorted(seen, reverse=True)


def test_ctrl_c_keeps_the_weights_reached() -> None:
    seen: list[float] = []

    def interrupt(visit: Visit) -> bool:
        seen.append(visit.value)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return False

    p = problem(observe=interrupt, scaled=False)
    optimum = coupled_lbfgs.solve(p)
    assert optimum.status == "interrupted"
    assert np.isnan(optimum.gap)
    assert value(p, optimum) == pytest.approx(seen[-1], rel=1e-13)


@pytest.mark.parametrize("sparse", [False, True])
def test_bits_are_the_same_at_any_number_of_threads(sparse: bool) -> None:
    p = problem(n=3000, d=40, scaled=False)
    p = p._replace(X=compress(p.X, np.float64) if sparse else p.X)
    same_at_any_number_of_threads(lambda: coupled_lbfgs.solve(p).coef.tobytes())


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_stored_elements_are_those_of_dense_rows(dtype: Any, index: Any) -> None:
    rng = np.random.default_rng(0)
    n, d, K = 300, 40, 5  # more than one tile, the last one of them short
    columns, values = rng.integers(0, d, (n, 6)), rng.standard_normal((n, 6)).astype(dtype)
    dense = np.zeros((n, d))  # columns that occur twice are added up
    np.add.at(dense, (np.arange(n)[:, np.newaxis], columns), values)
    starts = np.arange(0, 6 * n + 1, 6).astype(index)
    X = _core.CsrMatrix(values.reshape(-1), columns.reshape(-1).astype(index), starts, d)
    y, s = rng.integers(0, K, n).astype(np.float64), rng.uniform(0.0, 2.0, n)
    u = rng.standard_normal((K - 1, d + 1))
    z, exact = np.empty(K * n), np.empty(K * n)
    weights = np.ascontiguousarray(u[:, :d]).reshape(-1)
    loss, gradient, slopes = _core.csr_softmax_pass(X, y, s, K, weights, u[:, d].copy(), z)
    peer = _core.softmax_newton_pass(
        dense, y, s, K, u.reshape(-1), np.zeros(d), np.ones(d), True, margins=exact
    )
    # Of at most 6 terms and K of the basis, each of at most max|x| max|u|.
    size = np.abs(values).max() * np.abs(u).max()
    off = 2 * (6 + K) * EPS * 7 * K * float(size)
    assert np.abs(z - exact).max() <= off
    assert abs(loss - peer[0]) <= s.sum() * (off + (n + 8) * EPS * np.abs(exact).max())
    found = np.column_stack([gradient.reshape(K - 1, d), slopes])
    errors = s.sum() * max(1.0, float(np.abs(dense).max())) * (2 * off + (n + 8) * EPS)
    assert np.abs(found - peer[2].reshape(K - 1, d + 1)).max() <= errors


@pytest.mark.parametrize("y", [[0.0, 3.0], [0.0, -1.0], [0.0, 0.5]])
def test_numbers_that_are_no_classes_are_refused_before_memory_is_read(y: list[float]) -> None:
    X = compress(np.eye(2), np.float64)
    with pytest.raises(ValueError, match="numbers of at least 2 classes"):
        _core.csr_softmax_pass(X, np.array(y), None, 3, np.zeros(4), np.zeros(2), np.empty(6))
