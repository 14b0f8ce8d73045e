"""Softmax with more weights than a Hessian may have: L-BFGS, and gaps that bound the true ones."""

from typing import Any

import numpy as np
import pytest

from fallline import losses, solvers
from fallline.solvers import coupled_lbfgs, second_order
from sparse_problems import compress
from test_same_bits import same_at_any_number_of_threads

TOL = 1e-6


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


@pytest.mark.parametrize("sparse", [False, True])
def test_bits_are_the_same_at_any_number_of_threads(sparse: bool) -> None:
    p = problem(n=3000, d=40, scaled=False)
    p = p._replace(X=compress(p.X, np.float64) if sparse else p.X)
    same_at_any_number_of_threads(lambda: coupled_lbfgs.solve(p).coef.tobytes())
