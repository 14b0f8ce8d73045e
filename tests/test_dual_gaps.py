"""No certificate of the routes for many columns is ever false: against minima of many digits."""

import itertools
from collections.abc import Callable

import mpmath
import pytest

from fallline.solvers import Optimum, Problem
from fallline.solvers.wide import dual_ascent, truncated_newton
from test_certificate import DIGITS, posed, precise_objective, problem, smallest

PROBLEMS = 40  # of each loss and route
ROUTES: dict[str, Callable[[Problem], Optimum]] = {
    "ascent": dual_ascent.solve,
    "truncated_newton": truncated_newton.solve,
}


@pytest.mark.parametrize(
    ("loss", "route"),
    [*itertools.product(["squared", "logistic"], ROUTES), ("poisson", "truncated_newton")],
)
def test_the_gap_is_never_below_the_true_one(loss: str, route: str) -> None:
    certified = penalized = 0
    with mpmath.workdps(DIGITS):
        for seed in range(PROBLEMS):
            p = problem(loss, seed)
            if p.alpha == 0.0:
                continue
            penalized += 1
            optimum = ROUTES[route](posed(loss, p, max_passes=1000))
            if optimum.status != "certified":
                continue
            certified += 1
            w = [mpmath.mpf(value) for value in [*optimum.coef.tolist(), optimum.intercept]]
            gap = precise_objective(loss, p, w)[0] - smallest(loss, p, w)
            assert gap <= optimum.gap, f"problem {seed}: {mpmath.nstr(gap, 5)} > {optimum.gap:.5g}"
    assert certified >= penalized // 4
