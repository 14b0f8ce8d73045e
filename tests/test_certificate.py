"""No certificate is ever false: gaps against minima of many digits."""

from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

from fallline import losses, solvers
from fallline.solvers.narrow import certificate
from fallline.typing import Float64Array

DIGITS = 120
PROBLEMS = 60  # of each loss
LOSSES = {"squared": losses.Squared(), "logistic": losses.Logistic(), "poisson": losses.Poisson()}


class Problem(NamedTuple):
    X: Float64Array
    y: Float64Array
    s: Float64Array | None
    alpha: float
    fit_intercept: bool


def problem(loss: str, seed: int) -> Problem:
    """Columns of all scales, nearly or exactly dependent, weights of all sizes, classes apart."""
    rng = np.random.default_rng([seed, len(loss)])
    n, d = int(rng.integers(2, 25)), int(rng.integers(1, 5))
    X = rng.standard_normal((n, d))
    if rng.random() < 0.3:
        X[:, 0] = X[:, -1] * (1 + 10.0 ** -rng.integers(2, 12) * rng.standard_normal(n))
    if rng.random() < 0.2:
        X = np.column_stack([X, X[:, 0]])
    if rng.random() < 0.2:
        X[:, 0] = rng.choice([0.0, 1.0, 3.0])
    z = X @ rng.standard_normal(X.shape[1]) * 10.0 ** rng.integers(-2, 2)
    X = X * 10.0 ** rng.integers(-6, 7, X.shape[1])
    if rng.random() < 0.3:
        X = X + 10.0 ** rng.integers(0, 5) * np.abs(X).max(axis=0)
    noise = rng.choice([0.0, 1.0]) * rng.standard_normal(n)
    s = None
    if rng.random() < 0.4:
        s = np.power(10.0, rng.integers(-3, 7, n).astype(np.float64))
    alpha = float(rng.choice([0.0, 1e-8, 1e-4, 1.0]))
    if loss == "logistic":
        y = np.where(z + noise > np.median(z), 1.0, -1.0)
        y[:2] = [1.0, -1.0]  # both classes
    elif loss == "poisson":
        y = rng.poisson(np.exp(np.clip(z, -5, 4))).astype(np.float64)
        y[0] = 1.0
    else:
        y = z + noise
    return Problem(X, y, s, alpha, bool(rng.random() < 0.8))


def precise_objective(loss: str, p: Problem, w: Any) -> tuple[Any, Any, Any]:
    """F, gradient and Hessian at weights and intercept, all in long numbers."""
    n, d = p.X.shape
    s = np.ones(n) if p.s is None else p.s
    total = mpmath.fsum(map(mpmath.mpf, s.tolist()))
    size = d + 1
    F, g, H = mpmath.mpf(0), mpmath.zeros(size, 1), mpmath.zeros(size, size)
    for k in range(n):
        x = [mpmath.mpf(value) for value in p.X[k].tolist()] + [mpmath.mpf(p.fit_intercept)]
        z = mpmath.fsum(a * b for a, b in zip(x, w, strict=True))
        y, weight = mpmath.mpf(p.y[k]), mpmath.mpf(s[k]) / total
        if loss == "squared":
            value, slope, curvature = (z - y) ** 2 / 2, z - y, mpmath.mpf(1)
        elif loss == "logistic":
            e = mpmath.exp(-y * z)
            value, slope = mpmath.log(1 + e), -y * e / (1 + e)
            curvature = e / (1 + e) ** 2
        else:
            e = mpmath.exp(z)
            value = e - y * z + (y * mpmath.log(y) - y if y > 0 else 0)
            slope, curvature = e - y, e
        F += weight * value
        for i in range(size):
            g[i] += weight * slope * x[i]
            for j in range(i + 1):
                H[i, j] += weight * curvature * x[i] * x[j]
    for i in range(size):
        for j in range(i):
            H[j, i] = H[i, j]
        if i < d:
            F += mpmath.mpf(p.alpha) * w[i] ** 2 / 2
            g[i] += mpmath.mpf(p.alpha) * w[i]
            H[i, i] += mpmath.mpf(p.alpha)
    return F, g, H


def smallest(loss: str, p: Problem, w: Any) -> Any:
    """F* by Newton's method in long numbers, from where the solver ended."""
    F, g, H = precise_objective(loss, p, w)
    for _ in range(60):
        for i in range(len(w)):  # of a singular Hessian any minimum will do
            H[i, i] += mpmath.mpf(10) ** -45 * (H[i, i] + mpmath.mpf(10) ** -20)
        step = mpmath.lu_solve(H, -g)
        promised = -mpmath.fsum(a * b for a, b in zip(g, step, strict=True))
        if promised < mpmath.mpf(10) ** -30 * (abs(F) + mpmath.mpf(10) ** -20):
            return F - promised
        length = mpmath.mpf(1)
        while True:
            trial = [a + length * b for a, b in zip(w, step, strict=True)]
            found = precise_objective(loss, p, trial)
            if found[0] <= F - promised * length / 10000:
                break
            length /= 2
        w, (F, g, H) = trial, found
    return F


def posed(loss: str, p: Problem, max_passes: int = 200) -> solvers.Problem:
    return solvers.Problem(
        p.X,
        p.y,
        p.s,
        LOSSES[loss],
        alpha=p.alpha,
        l1_ratio=0.0,
        fit_intercept=p.fit_intercept,
        tol=1e-6,
        max_passes=max_passes,
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_is_never_below_the_true_one(loss: str) -> None:
    certified = 0
    with mpmath.workdps(DIGITS):
        for seed in range(PROBLEMS):
            p = problem(loss, seed)
            optimum = solvers.solve(posed(loss, p))
            if optimum.status != "certified":
                continue
            certified += 1
            w = [mpmath.mpf(value) for value in [*optimum.coef.tolist(), optimum.intercept]]
            F = precise_objective(loss, p, w)[0]
            gap = F - smallest(loss, p, w)
            assert gap <= optimum.gap, f"problem {seed}: {mpmath.nstr(gap, 5)} > {optimum.gap:.5g}"
    assert certified >= PROBLEMS // 2


@pytest.mark.parametrize("leverage", [1e-6, 1.0, 1e6])
def test_the_self_concordant_bound_is_that_of_its_formula(leverage: float) -> None:
    with mpmath.workdps(DIGITS):
        for a in [1e-12, 1e-6, 0.00999, 0.01, 0.1, 0.5, 0.9, 0.999]:
            delta = a * a / leverage
            exact_a = mpmath.sqrt(mpmath.mpf(leverage) * mpmath.mpf(delta))
            exact = (exact_a + (1 - exact_a) * mpmath.log(1 - exact_a)) / mpmath.mpf(leverage)
            bound = mpmath.mpf(certificate.self_concordant_gap(delta, leverage))
            # The terms of the closed form cancel to a^2 / 2; of the series four are taken.
            assert exact * (1 - 1e-11) <= bound <= exact * (1 + 1e-7)
    assert certificate.self_concordant_gap(1.0, 1.0) == np.inf
