"""`minimize` as a method of `scipy.optimize.minimize`: the same results, and SciPy's contract."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.typing import Float64Array
from landscapes import LANDSCAPES

optimize = pytest.importorskip("scipy.optimize")
ROSENBROCK = LANDSCAPES["rosenbrock-2"]
FUN, JAC, START = ROSENBROCK.fun, ROSENBROCK.jac, ROSENBROCK.start


def both(x: Float64Array, *_: object) -> tuple[float, Float64Array]:
    return FUN(x), JAC(x)


@pytest.mark.parametrize("bounds", [None, [(None, 0.5), (0, None)], optimize.Bounds(-2, 0.5)])
@pytest.mark.parametrize("name", ["rosenbrock-10", "beale", "booth"])
def test_scipy_passes_everything_on(name: str, bounds: Any) -> None:
    landscape = LANDSCAPES[name]
    if isinstance(bounds, list):
        bounds = bounds * (len(landscape.start) // 2)
    mine = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, bounds=bounds)
    found = optimize.minimize(
        landscape.fun, landscape.start, jac=landscape.jac, bounds=bounds, method=fl.minimize
    )
    assert found.success
    np.testing.assert_array_equal(found.x, mine.x)
    assert (found.nit, found.nfev, found.njev) == (mine.nit, mine.nfev, mine.njev)


def test_a_function_with_its_gradient_is_called_once_for_both() -> None:
    calls = []

    def fun(x: Float64Array) -> tuple[float, Float64Array]:
        calls.append(x)
        return both(x)

    found = optimize.minimize(fun, START, jac=True, method=fl.minimize)
    np.testing.assert_array_equal(found.x, fl.minimize(both, START, jac=True).x)
    assert len(calls) == found.nfev


@pytest.mark.parametrize("jac", [None, False, "2-point"])
def test_without_a_gradient_differences_are_taken(jac: Any) -> None:
    with pytest.warns(RuntimeWarning, match="jac is None"):
        found = optimize.minimize(FUN, START, jac=jac, method=fl.minimize)
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)


def test_differences_agree_with_those_of_scipy() -> None:
    with pytest.warns(RuntimeWarning, match="jac is None"):
        mine = fl.minimize(FUN, START, maxiter=0).jac
    theirs = optimize._numdiff.approx_derivative(FUN, START, method="3-point")
    # The same points; values of 24 are right to 4e-15, and the division is by 2 * 6e-6.
    np.testing.assert_allclose(mine, theirs, atol=2 * 4e-15 / 1.2e-5)


def test_args_reach_both_functions() -> None:
    def fun(x: Float64Array, center: float) -> float:
        return float(((x - center) ** 2).sum())

    found = optimize.minimize(
        fun, [0.0, 1.0], 4.0, jac=lambda x, center: 2 * (x - center), method=fl.minimize
    )
    np.testing.assert_allclose(found.x, 4.0, atol=1e-5)


@pytest.mark.parametrize("through", ["scipy", "alone"])
def test_tol_and_options(through: str) -> None:
    minimize = optimize.minimize if through == "scipy" else fl.minimize
    given: dict[str, Any] = {"method": fl.minimize} if through == "scipy" else {}
    found = minimize(FUN, START, jac=JAC, tol=1e-3, **given)
    assert 1e-5 < np.abs(found.jac).max() <= 1e-3
    few = minimize(FUN, START, jac=JAC, options={"maxiter": 3}, **given)
    assert (few.nit, few.status) == (3, 1)
    momentum = fl.optim.SGD(1e-3, momentum=0.9)
    by_momentum = minimize(FUN, START, jac=JAC, options={"optimizer": momentum}, **given)
    assert by_momentum.success
    assert by_momentum.nit > 1000
    plain = minimize(FUN, START, jac=JAC, options={"learning_rate": 1e-3, "maxiter": 7}, **given)
    assert plain.nit == 7
    loose = minimize(FUN, START, jac=JAC, options={"tol": 0.1}, **given)
    assert np.abs(loose.jac).max() <= 0.1


@pytest.mark.parametrize("through", ["scipy", "alone"])
def test_callbacks_of_both_kinds_see_every_iteration(through: str) -> None:
    minimize = optimize.minimize if through == "scipy" else fl.minimize
    given: dict[str, Any] = {"method": fl.minimize} if through == "scipy" else {}
    places: list[Float64Array] = []
    results: list[Any] = []

    def callback(intermediate_result: Any) -> None:
        results.append(intermediate_result)

    found = minimize(FUN, START, jac=JAC, callback=places.append, **given)
    minimize(FUN, START, jac=JAC, callback=callback, **given)
    assert len(places) == len(results) == found.nit
    np.testing.assert_array_equal(places[-1], found.x)
    for place, result in zip(places, results, strict=True):
        np.testing.assert_array_equal(place, result.x)
        assert result.fun == FUN(place)


@pytest.mark.parametrize("optimizer", [None, fl.optim.Adam(0.1)])
def test_a_callback_may_stop_and_write_into_what_it_gets(optimizer: Any) -> None:
    seen: list[float] = []

    def callback(x: Float64Array) -> None:
        seen.append(FUN(x))
        x[:] = np.nan
        if len(seen) == 4:
            raise StopIteration

    found = optimize.minimize(
        FUN, START, jac=JAC, callback=callback, method=fl.minimize, options={"optimizer": optimizer}
    )
    assert (found.status, found.success, found.nit) == (99, False, 4)
    assert "StopIteration" in found.message
    assert found.fun == min([*seen, FUN(START)])


def test_hessians_are_ignored_aloud() -> None:
    with pytest.warns(RuntimeWarning, match="hess is ignored"):
        found = optimize.minimize(FUN, START, jac=JAC, hess=optimize.rosen_hess, method=fl.minimize)
    assert found.success
    with pytest.warns(RuntimeWarning, match="hessp is ignored"):
        fl.minimize(FUN, START, jac=JAC, hessp=optimize.rosen_hess_prod)


def test_constraints_are_refused() -> None:
    constraint = optimize.LinearConstraint([[1, 1]], 0, 1)
    for constraints in (constraint, [constraint], {"type": "eq", "fun": FUN}):
        with pytest.raises(ValueError, match=r"constraints must be empty, got .*'SLSQP'"):
            optimize.minimize(FUN, START, jac=JAC, constraints=constraints, method=fl.minimize)


def test_basin_hopping_takes_it_for_its_minimiser() -> None:
    found = optimize.basinhopping(
        LANDSCAPES["himmelblau"].fun,
        [0.0, 0.0],
        niter=3,
        rng=0,
        minimizer_kwargs={"method": fl.minimize, "jac": LANDSCAPES["himmelblau"].jac},
    )
    assert LANDSCAPES["himmelblau"].distance(found.x) < 1e-5


def test_scipy_is_not_loaded() -> None:
    code = (
        "import sys, fallline as fl\n"
        "found = fl.minimize(lambda x: (x @ x, 2 * x), [1.0, 2.0], jac=True, bounds=[(0, 1)] * 2)\n"
        "assert found.success and 'scipy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
