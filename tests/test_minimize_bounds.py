"""Minima in a box: what holds at them, and that nothing is asked outside."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fallline as fl
from fallline.typing import Float64Array
from landscapes import LANDSCAPES, Quadratic, rosenbrock

TOL = 1e-5
BOXES: dict[str, tuple[str, Any]] = {
    "inactive": ("rosenbrock-2", [(-2, 2), (-2, 2)]),
    "one active": ("rosenbrock-2", [(None, 0.5), (None, None)]),
    "at the minimum": ("rosenbrock-2", [(None, 1.0), (1.0, None)]),
    "both active": ("rosenbrock-2", [(-2, 0.5), (0.5, 2)]),
    "one fixed": ("rosenbrock-2", [(0.3, 0.3), (None, None)]),
    "start outside": ("rosenbrock-2", [(3, 5), (-9, 4)]),
    "upper": ("rosenbrock-10", [(-2, 0.8)] * 10),
    "some": ("rosenbrock-100", [(-2, 0.9 if i % 3 else None) for i in range(100)]),
    "beale": ("beale", [(0.6, 2.0), (0.5, 1.0)]),
    "himmelblau": ("himmelblau", [(0, 2), (0, 5)]),
    "powell": ("powell", [(0.1, 100), (-20, 20), (-20, 20), (-20, 20)]),
    "booth": ("booth", [(2, 5), (-1, 2)]),
    "matyas": ("matyas", [(1, 10), (-10, 10)]),
}


def sides(bounds: Any) -> tuple[Float64Array, Float64Array]:
    lower = [-math.inf if low is None else low for low, _ in bounds]
    upper = [math.inf if high is None else high for _, high in bounds]
    return np.array(lower, float), np.array(upper, float)


def check_conditions(
    found: fl.Minimum, lower: Float64Array, upper: Float64Array, tol: float = TOL
) -> None:
    """Karush, Kuhn and Tucker: in the box, and with a gradient that pushes out at most."""
    assert found.success, found.message
    x, gradient = found.x, found.jac
    assert ((lower <= x) & (x <= upper)).all()
    assert (gradient[x - lower > tol] <= tol).all()
    assert (gradient[upper - x > tol] >= -tol).all()


@pytest.mark.parametrize("name", BOXES)
def test_the_conditions_of_a_minimum_hold(name: str) -> None:
    landscape, (lower, upper) = LANDSCAPES[BOXES[name][0]], sides(BOXES[name][1])
    outside = []

    def fun(x: Float64Array) -> float:
        outside.append(bool(((x < lower) | (x > upper)).any()))
        return landscape.fun(x)

    found = fl.minimize(fun, landscape.start, jac=landscape.jac, bounds=BOXES[name][1])
    check_conditions(found, lower, upper)
    assert not any(outside)


@pytest.mark.parametrize("name", BOXES)
def test_the_minima_are_those_of_scipy(name: str) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    landscape, bounds = LANDSCAPES[BOXES[name][0]], BOXES[name][1]
    found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, bounds=bounds, tol=1e-7)
    judge = optimize.minimize(
        landscape.fun,
        landscape.start,
        jac=landscape.jac,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 0, "gtol": 1e-7, "maxiter": 10_000, "maxfun": 100_000},
    )
    # Of a convex function: what the gradients allow, along the way from one end to the other.
    way = np.abs(found.x - judge.x).sum()
    assert abs(found.fun - judge.fun) <= 1e-7 * max(way, 1.0) + 1e-12
    if name != "powell":  # least curvatures inside the faces are above 0.1, Powell's is none
        np.testing.assert_allclose(found.x, judge.x, atol=2 * len(found.x) * 1e-7 / 0.1)


@pytest.mark.parametrize("n", [10, 100, 500])
@pytest.mark.parametrize("condition", [1e2, 1e4])
def test_quadratics_in_a_box_take_few_calls(n: int, condition: float) -> None:
    quadratic, rng = Quadratic.random(n, condition, seed=n), np.random.default_rng(n)
    middle, half = 0.1 * rng.standard_normal(n), np.abs(rng.standard_normal(n))
    lower, upper = middle - half, middle + half
    found = fl.minimize(
        quadratic.fun, np.zeros(n), jac=quadratic.jac, bounds=list(zip(lower, upper, strict=True))
    )
    check_conditions(found, lower, upper)
    assert 0 < ((found.x == lower) | (found.x == upper)).sum() < n
    assert found.nfev < 6 * math.sqrt(condition) * math.log(condition / TOL)


@settings(max_examples=60)
@given(
    n=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    exponent=st.floats(0, 3),
    width=st.floats(0, 3),
    share=st.floats(0, 1),
)
def test_the_conditions_hold_on_any_convex_quadratic_in_any_box(
    n: int, seed: int, exponent: float, width: float, share: float
) -> None:
    rng = np.random.default_rng(seed)
    quadratic = Quadratic.random(n, 10**exponent, seed)
    lower = rng.standard_normal(n) - width * rng.random(n)
    upper = lower + width * rng.random(n)
    lower[rng.random(n) < share] = -math.inf
    upper[rng.random(n) < share] = math.inf
    found = fl.minimize(
        quadratic.fun,
        5 * rng.standard_normal(n),
        jac=quadratic.jac,
        bounds=list(zip(lower, upper, strict=True)),
    )
    check_conditions(found, lower, upper)


def test_bounds_may_be_an_object_of_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    landscape = rosenbrock(4)
    pairs = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, bounds=[(-2, 0.8)] * 4)
    for bounds in (optimize.Bounds(-2, 0.8), optimize.Bounds([-2] * 4, [0.8] * 4)):
        found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, bounds=bounds)
        np.testing.assert_array_equal(found.x, pairs.x)


def test_infinite_bounds_are_none() -> None:
    landscape = rosenbrock(2)
    free = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac)
    for bounds in ([(None, None)] * 2, [(-math.inf, math.inf)] * 2, [[None, math.inf]] * 2):
        found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, bounds=bounds)
        np.testing.assert_array_equal(found.x, free.x)


def test_differences_stay_in_the_box() -> None:
    lower, upper = np.array([0.0, 0.0, 1.0, 2.0]), np.array([math.inf, 1e-7, 1.0, 3.0])

    def fun(x: Float64Array) -> float:
        assert ((lower <= x) & (x <= upper)).all()
        return float(np.sqrt(x).sum() + ((x - 2.5) ** 2).sum())

    with pytest.warns(RuntimeWarning, match="jac is None"):
        found = fl.minimize(fun, [5.0, 0.0, 7.0, 2.0], bounds=list(zip(lower, upper, strict=True)))
    assert found.jac[2] == 0.0  # nothing is to be found out of what is fixed
    assert found.x[2] == 1.0
    assert ((lower <= found.x) & (found.x <= upper)).all()


def test_differences_at_a_bound_are_of_second_order() -> None:
    with pytest.warns(RuntimeWarning, match="jac is None"):
        found = fl.minimize(lambda x: float(np.exp(x).sum()), [0.0, 0.0], bounds=[(0, 1), (0, 2)])
    step = np.finfo(float).eps ** (1 / 3)
    # At a bound h² f'''/3, and the rounding errors of three values.
    np.testing.assert_allclose(found.jac, 1.0, atol=step**2 / 3 * 1.01 + 8 * 2.3e-16 / step)


def test_a_box_of_one_point_is_the_minimum() -> None:
    landscape = rosenbrock(2)
    found = fl.minimize(
        landscape.fun, landscape.start, jac=landscape.jac, bounds=[(0.5, 0.5), (2, 2)]
    )
    assert found.success
    np.testing.assert_array_equal(found.x, [0.5, 2.0])


def test_a_pole_beside_a_bound_is_left() -> None:
    # The first slopes are 1e8 and the minimum is 1: nothing near the bound tells how far to go.
    found = fl.minimize(
        lambda x: float((x - np.log(x)).sum()),
        [1e-8, 1e8],
        jac=lambda x: 1 - 1 / x,
        bounds=[(1e-10, None)] * 2,
    )
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, atol=2 * TOL)  # where the curvature is 1
