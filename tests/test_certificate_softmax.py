"""No certificate of several classes is ever false: gaps against minima of many digits."""

from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

import test_certificate
from fallline import losses, solvers
from fallline.solvers.wide import coupled_lbfgs
from fallline.typing import Float64Array
from sparse_problems import compress

PROBLEMS = 40


class Problem(NamedTuple):
    X: Float64Array
    y: Float64Array
    s: Float64Array | None
    alpha: float
    fit_intercept: bool


def problem(seed: int) -> Problem:
    """Rows as of the other losses; three to five classes, in order, at random, or in between."""
    rng = np.random.default_rng([seed, 7])
    p = test_certificate.problem("squared", seed)
    n = len(p.y)
    if n < 3:
        return problem(seed + 1000)
    K = min(int(rng.integers(3, 6)), n)
    y = p.y if rng.random() < 0.7 else rng.standard_normal(n)
    classes = (np.argsort(np.argsort(y)) * K // n).astype(np.float64)
    return Problem(p.X, rng.permutation(K)[classes.astype(int)].astype(float), *p[2:])


def long_basis(K: int) -> Any:
    """An orthonormal basis of what adds up to zero, in long numbers."""
    Q = mpmath.zeros(K, K - 1)
    for k in range(K - 1):
        number = 1 / mpmath.sqrt((k + 1) * (k + 2))
        for i in range(k + 1):
            Q[i, k] = number
        Q[k + 1, k] = -(k + 1) * number
    return Q


class Precise:
    """F in the coordinates of the basis, all in long numbers."""

    def __init__(self, p: Problem) -> None:
        self.p, self.K = p, int(p.y.max()) + 1
        self.Q = long_basis(self.K)
        s = np.ones(len(p.y)) if p.s is None else p.s
        total = mpmath.fsum(map(mpmath.mpf, s.tolist()))
        self.weights = [mpmath.mpf(weight) / total for weight in s.tolist()]
        self.rows = [
            [mpmath.mpf(value) for value in row] + [mpmath.mpf(p.fit_intercept)]
            for row in p.X.tolist()
        ]

    def shares(self, x: Any, W: Any) -> tuple[list[Any], list[Any]]:
        """Margins and probabilities of a row; W has a column for each class."""
        z = [mpmath.fsum(a * W[j, k] for j, a in enumerate(x)) for k in range(self.K)]
        powers = [mpmath.exp(value - max(z)) for value in z]
        total = mpmath.fsum(powers)
        return z, [power / total for power in powers]

    def value(self, W: Any) -> Any:
        d, alpha = len(self.rows[0]) - 1, mpmath.mpf(self.p.alpha)
        F = alpha / 2 * mpmath.fsum(W[j, k] ** 2 for j in range(d) for k in range(self.K))
        for x, weight, y in zip(self.rows, self.weights, self.p.y.astype(int), strict=True):
            z, _ = self.shares(x, W)
            F += weight * (mpmath.log(mpmath.fsum(map(mpmath.exp, z))) - z[y])
        return F

    def derivatives(self, V: Any) -> tuple[Any, Any]:
        """Gradient and Hessian in the coordinates of the basis, vector after vector."""
        m, L, Q = len(self.rows[0]), self.K - 1, self.Q
        g, H = mpmath.zeros(m * L, 1), mpmath.zeros(m * L, m * L)
        for x, weight, y in zip(self.rows, self.weights, self.p.y.astype(int), strict=True):
            _, p = self.shares(x, V * Q.T)
            mean = [mpmath.fsum(p[k] * Q[k, a] for k in range(self.K)) for a in range(L)]
            for a in range(L):
                for j in range(m):
                    g[a * m + j] += weight * (mean[a] - Q[y, a]) * x[j]
                for b in range(L):
                    square = mpmath.fsum(p[k] * Q[k, a] * Q[k, b] for k in range(self.K))
                    factor = weight * (square - mean[a] * mean[b])
                    for j in range(m):
                        for i in range(m):
                            H[a * m + j, b * m + i] += factor * x[j] * x[i]
        for a in range(L):
            for j in range(m - 1):
                g[a * m + j] += self.p.alpha * V[j, a]
                H[a * m + j, a * m + j] += mpmath.mpf(self.p.alpha)
        return g, H

    def smallest(self, W: Any) -> Any:
        """F* by Newton's method, from where the solver ended."""
        V = W * self.Q
        F = self.value(V * self.Q.T)
        for _ in range(80):
            g, H = self.derivatives(V)
            for i in range(len(g)):  # of a singular Hessian any minimum will do
                H[i, i] += mpmath.mpf(10) ** -45 * (H[i, i] + mpmath.mpf(10) ** -20)
            step = mpmath.lu_solve(H, -g)
            promised = -mpmath.fsum(a * b for a, b in zip(g, step, strict=True))
            if promised < mpmath.mpf(10) ** -30 * (abs(F) + mpmath.mpf(10) ** -20):
                return F - promised
            change, length = mpmath.zeros(V.rows, V.cols), mpmath.mpf(1)
            for i in range(len(g)):
                change[i % V.rows, i // V.rows] = step[i]
            while True:
                trial = V + length * change
                found = self.value(trial * self.Q.T)
                if found <= F - promised * length / 10000:
                    break
                length /= 2
            V, F = trial, found
        return F


def posed(p: Problem, max_passes: int = 200) -> solvers.Problem:
    return solvers.Problem(
        *p[:3],
        losses.Softmax(),
        alpha=p.alpha,
        l1_ratio=0.0,
        fit_intercept=p.fit_intercept,
        tol=1e-6,
        max_passes=max_passes,
        heads="classes",
    )


def solve(p: Problem) -> solvers.Optimum:
    return solvers.solve(posed(p))


def true_gap(p: Problem, optimum: solvers.Optimum) -> Any:
    precise = Precise(p)
    W = mpmath.matrix(np.vstack([optimum.coef, optimum.intercept]).tolist())
    return precise.value(W) - precise.smallest(W)


def test_the_gap_is_never_below_the_true_one() -> None:
    certified = 0
    with mpmath.workdps(test_certificate.DIGITS):
        for seed in range(PROBLEMS):
            p = problem(seed)
            optimum = solve(p)
            if optimum.status != "certified":
                continue
            certified += 1
            gap = true_gap(p, optimum)
            assert gap <= optimum.gap, f"problem {seed}: {mpmath.nstr(gap, 5)} > {optimum.gap:.5g}"
    assert certified >= PROBLEMS // 2


@pytest.mark.parametrize("sparse", [False, True])
def test_nor_is_that_of_many_columns(sparse: bool) -> None:
    certified = 0
    with mpmath.workdps(test_certificate.DIGITS):
        for seed in range(sparse, PROBLEMS, 2):
            p = problem(seed)
            X = compress(p.X, np.float64) if sparse else p.X
            optimum = coupled_lbfgs.solve(posed(p, 2000)._replace(X=X))
            if optimum.status == "certified":
                certified += 1
                gap = true_gap(p, optimum)
                assert gap <= optimum.gap, f"problem {seed}: {mpmath.nstr(gap, 5)}"
    # Of sparse columns far from zero, which keep their zeros, few are.
    assert certified >= PROBLEMS // 5
