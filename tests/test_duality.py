"""Minima with an L1 term: no gap is ever below the true one, against minima of many digits."""

from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet

from fallline import losses, solvers
from test_certificate import DIGITS, LOSSES, Problem, precise_objective, problem
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

PROBLEMS = 60  # of each loss
NOTHING = mpmath.mpf(10) ** -50
ABOVE = 1 + mpmath.mpf(10) ** -15


class Penalised(NamedTuple):
    """A problem whose alpha is that of the L2 term, and the L1 term's factor."""

    smooth: Problem
    alpha: float
    l1_ratio: float

    @property
    def l1(self) -> Any:
        return mpmath.mpf(self.alpha) * mpmath.mpf(self.l1_ratio)


def penalised(loss: str, seed: int) -> Penalised:
    """From a penalty that hardly matters to one that leaves no weight."""
    rng = np.random.default_rng([seed, 7])
    p = problem(loss, seed)
    s = np.ones(len(p.y)) if p.s is None else p.s
    mean = float(np.average(p.y, weights=s)) if p.fit_intercept else 0.0
    start = p.y - mean if loss != "poisson" else p.y - max(mean, 1.0)
    largest = float(np.abs((s * start) @ p.X).max() / s.sum()) or 1.0
    alpha = largest * 10.0 ** float(rng.choice([-6.0, -4.0, -2.0, -1.0, 0.5]))
    l1_ratio = float(rng.choice([0.3, 1.0]))
    return Penalised(p._replace(alpha=alpha * (1.0 - l1_ratio)), alpha, l1_ratio)


def solve(loss: str, p: Penalised, tol: float) -> solvers.Optimum:
    X, y, s, _, fit_intercept = p.smooth
    return solvers.solve(
        solvers.Problem(
            *(X, y, s, LOSSES[loss]),
            alpha=p.alpha,
            l1_ratio=p.l1_ratio,
            fit_intercept=fit_intercept,
            tol=tol,
            max_passes=200,
        )
    )


def precise(loss: str, p: Penalised, w: Any) -> Any:
    """F with its L1 term."""
    F = precise_objective(loss, p.smooth, w)[0]
    return F + p.l1 * mpmath.fsum(abs(value) for value in w[:-1])


def smallest(loss: str, p: Penalised, w: Any) -> Any:
    """F* by Newton's method on the weights that are not zero, until no other wants to join."""
    w = list(w)
    d = len(w) - 1
    signs = [mpmath.sign(value) for value in w[:d]]
    while True:
        free = [j for j in range(d) if signs[j]] + [d]
        F, g, H = precise_objective(loss, p.smooth, w)
        F += p.l1 * mpmath.fsum(abs(value) for value in w[:d])
        slope = mpmath.matrix([g[j] + (p.l1 * signs[j] if j < d else 0) for j in free])
        A = mpmath.matrix(len(free))
        for i, row in enumerate(free):
            for k, column in enumerate(free):
                A[i, k] = H[row, column]
            A[i, i] += mpmath.mpf(10) ** -45 * (A[i, i] + mpmath.mpf(10) ** -20)
        step = mpmath.lu_solve(A, -slope)
        promised = -mpmath.fsum(a * b for a, b in zip(slope, step, strict=True))
        if promised < NOTHING * (abs(F) + mpmath.mpf(10) ** -20):
            # Of equal columns the second is at the threshold, but for the long numbers' rounding.
            joining = [j for j in range(d) if not signs[j] and abs(g[j]) > p.l1 * ABOVE]
            if not joining:
                return F - promised
            worst = max(joining, key=lambda j: (abs(g[j]) - p.l1) ** 2 / H[j, j])
            signs[worst] = -mpmath.sign(g[worst])
            continue
        w, signs = moved(loss, p, w, signs, free, step, F - promised / 10000)


def moved(
    loss: str, p: Penalised, w: Any, signs: Any, free: list[int], step: Any, target: Any
) -> tuple[Any, Any]:
    """Go along a step, at most to where the first weight is zero, which then leaves."""
    d, length, leaving = len(w) - 1, mpmath.mpf(1), None
    for k, j in enumerate(free):
        if j < d and (w[j] + length * step[k]) * signs[j] < 0:
            length, leaving = -w[j] / step[k], j
    F = precise(loss, p, w)
    while True:
        trial = list(w)
        for k, j in enumerate(free):
            trial[j] += length * step[k]
        found = precise(loss, p, trial)
        if leaving is not None and found <= F:
            trial[leaving], signs = mpmath.mpf(0), list(signs)
            signs[leaving] = 0
            return trial, signs
        if leaving is None and found <= F - (F - target) * length:
            return trial, signs
        length, leaving = length / 2, None


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_is_never_below_the_true_one(loss: str) -> None:
    certified = 0
    with mpmath.workdps(DIGITS):
        for seed in range(PROBLEMS):
            p = penalised(loss, seed)
            best = None
            for tol in (1e-3, 1e-6, 1e-12):
                optimum = solve(loss, p, tol)
                if optimum.status != "certified":
                    continue
                certified += tol == 1e-6
                w = [mpmath.mpf(value) for value in [*optimum.coef.tolist(), optimum.intercept]]
                if best is None:
                    best = smallest(loss, p, w)
                gap = precise(loss, p, w) - best
                assert gap <= optimum.gap, f"{seed}: {mpmath.nstr(gap, 5)} > {optimum.gap:.5g}"
    assert certified >= 0.95 * PROBLEMS


def wide_enough(loss: str) -> Problem:
    """More rows than the first part, columns of different scale and mean."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 9))
    z = X[:, :3].sum(axis=1) + rng.standard_normal(len(X))
    y = {"squared": z, "logistic": np.where(z > 0, 1.0, -1.0), "poisson": np.floor(np.exp(z / 2))}
    X = X * 10.0 ** (np.arange(-4, 5) / 2) + np.arange(9)
    return Problem(X, y[loss], None, 0.0, True)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_bits_depend_on_neither_threads_nor_target(loss: str) -> None:
    p = Penalised(wide_enough(loss), 1e-4, 0.7)

    def fit() -> bytes:
        found = solve(loss, p, 1e-6)
        assert found.status == "certified"
        return found.coef.tobytes() + np.array([found.intercept, found.gap]).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)


def test_least_squares_take_two_passes_and_no_weights_one() -> None:
    p = wide_enough("squared")
    assert solve("squared", Penalised(p, 1e-4, 1.0), 1e-6).passes == 2.0
    nothing = solve("squared", Penalised(p, 1e9, 1.0), 1e-6)
    assert nothing.status == "certified"
    assert nothing.passes == 1.0
    assert not nothing.coef.any()


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 1.0])
def test_diabetes_has_the_zeros_and_weights_of_scikit_learn(alpha: float, l1_ratio: float) -> None:
    X, y = load_diabetes(return_X_y=True)
    peer = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000).fit(X, y)
    found = solvers.solve(
        solvers.Problem(
            *(X, y, None, losses.Squared()),
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=True,
            tol=1e-6,
            max_passes=10,
        )
    )
    assert found.status == "certified"
    assert np.array_equal(found.coef == 0.0, peer.coef_ == 0.0)
    # Its gap is 1e-12 of |y|^2: the root of that, over columns whose sum of squares is 1.
    np.testing.assert_allclose(found.coef, peer.coef_, atol=1e-6 * np.sqrt(np.sum(y * y)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (5, 1)])
def test_a_single_row_or_column_is_certified(shape: tuple[int, int]) -> None:
    X = np.random.default_rng(0).standard_normal(shape)
    p = Problem(X, np.arange(1.0, 1.0 + shape[0]), None, 0.0, True)
    assert solve("squared", Penalised(p, 1e-2, 1.0), 1e-6).status == "certified"


def posed(X: Any, y: Any, loss: losses.Loss) -> solvers.Problem:
    options: dict[str, Any] = {"alpha": 1e-2, "l1_ratio": 0.5, "fit_intercept": True}
    return solvers.Problem(X, y, None, loss, **options, tol=1e-6, max_passes=100)


@pytest.mark.parametrize(
    "loss", [losses.Huber(), losses.SquaredEpsilonInsensitive(0.1)], ids=lambda loss: loss.name
)
def test_losses_made_of_parabolas_are_certified(loss: losses.Loss) -> None:
    X, y, *_ = wide_enough("squared")
    found = solvers.solve(posed(X, y, loss))
    judge = solvers.solve(posed(X, y, loss)._replace(tol=1e-13))
    assert found.status == "certified"
    assert found.value - judge.value <= found.gap <= 1.001e-6 * found.value


def test_a_loss_whose_conjugate_is_not_known_is_not_certified() -> None:
    X, y, *_ = wide_enough("poisson")
    assert solvers.solve(posed(X, y, losses.Tweedie(1.5))).status == "estimated"
