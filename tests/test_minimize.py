"""Minima of classic functions, found without a learning rate; and how `minimize` ends."""

import copy
import math
import pickle
import re
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.typing import Float64Array
from landscapes import LANDSCAPES, Landscape, Quadratic
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

TOL = 1e-5
NOISE = np.random.default_rng(0)


def reach(landscape: Landscape, minimum: Float64Array, tol: float = TOL) -> float:
    """How far from a minimum a gradient of ``tol`` may be: its norm over the least curvature.

    Twice that, as the curvature changes on the way there.
    """
    n, step = len(minimum), 1e-6
    axes = step * np.eye(n)
    hessian = np.array(
        [landscape.jac(minimum + axis) - landscape.jac(minimum - axis) for axis in axes]
    ) / (2 * step)
    least = float(np.linalg.eigvalsh(0.5 * (hessian + hessian.T))[0])
    return 2 * math.sqrt(n) * tol / least


@pytest.mark.parametrize("name", LANDSCAPES)
def test_the_landscapes_have_the_gradients_and_minima_they_claim(name: str) -> None:
    landscape = LANDSCAPES[name]
    x, step = landscape.start + 0.3, 1e-6
    slopes = [
        (landscape.fun(x + axis) - landscape.fun(x - axis)) / (2 * step)
        for axis in step * np.eye(len(x))
    ]
    np.testing.assert_allclose(landscape.jac(x), slopes, rtol=1e-6, atol=1e-5)
    for minimum in landscape.minima:
        assert landscape.fun(minimum) < 1e-20
        assert np.abs(landscape.jac(minimum)).max() < 1e-9


@pytest.mark.parametrize("name", LANDSCAPES)
def test_minima_are_found(name: str) -> None:
    landscape = LANDSCAPES[name]
    found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac)
    assert found.success
    assert found.status == 0
    assert np.abs(found.jac).max() <= TOL
    np.testing.assert_array_equal(found.jac, landscape.jac(found.x))
    assert found.fun == landscape.fun(found.x)
    if name == "powell":  # flat at its minimum, but convex: f(x) - f(0) <= gradient · x
        assert 0 <= found.fun <= found.jac @ found.x
    else:
        assert landscape.distance(found.x) <= reach(landscape, landscape.minima[0])


@pytest.mark.parametrize("n", [1, 2, 10, 100, 500])
@pytest.mark.parametrize("condition", [1e2, 1e4])
def test_quadratics_are_minimised(n: int, condition: float) -> None:
    quadratic = Quadratic.random(n, condition, seed=n)
    found = fl.minimize(quadratic.fun, np.zeros(n), jac=quadratic.jac)
    assert found.success
    # The least eigenvalue is 1.
    assert np.linalg.norm(found.x - quadratic.center) <= math.sqrt(n) * TOL


def test_a_condition_of_a_million_takes_patience() -> None:
    quadratic = Quadratic.random(100, 1e6, seed=0)
    found = fl.minimize(quadratic.fun, np.zeros(100), jac=quadratic.jac, maxiter=100_000)
    assert found.success
    assert np.linalg.norm(found.x - quadratic.center) <= math.sqrt(100) * TOL


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e4, 1e12])
def test_no_scale_of_x_needs_a_learning_rate(scale: float) -> None:
    landscape = LANDSCAPES["rosenbrock-2"]
    found = fl.minimize(
        lambda x: landscape.fun(x / scale),
        landscape.start * scale,
        jac=lambda x: landscape.jac(x / scale) / scale,
        tol=TOL / scale,
    )
    assert found.success
    assert landscape.distance(found.x / scale) <= reach(landscape, landscape.minima[0])
    assert found.nfev < 300


def test_the_tolerance_is_that_of_the_gradient() -> None:
    landscape = LANDSCAPES["rosenbrock-10"]
    calls = []
    for tol in (1e-2, 1e-5, 1e-8):
        found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, tol=tol)
        assert np.abs(found.jac).max() <= tol
        calls.append(found.nfev)
    assert calls == sorted(calls)


def test_a_start_at_the_minimum_is_the_end() -> None:
    found = fl.minimize(lambda x: (x @ x, 2 * x), np.zeros(3), jac=True)
    assert (found.success, found.nit, found.nfev, found.njev) == (True, 0, 1, 1)


def bits(optimizer: fl.optim.Optimizer | None = None) -> bytes:
    landscape = LANDSCAPES["rosenbrock-100"]
    found = fl.minimize(
        landscape.fun,
        landscape.start,
        jac=landscape.jac,
        bounds=[(None, 1.5), (0.9, None)] * 50,
        optimizer=optimizer,
        maxiter=100,
    )
    return bytes(found.x.tobytes() + found.jac.tobytes() + repr(found.nfev).encode())


@pytest.mark.parametrize("optimizer", [None, fl.optim.Adam(0.01)], ids=["auto", "adam"])
def test_bits_are_the_same_at_any_number_of_threads_and_on_every_target(
    optimizer: fl.optim.Optimizer | None,
) -> None:
    same_at_any_number_of_threads(lambda: bits(optimizer))
    same_on_all_fma_targets(lambda: bits(optimizer))


def test_calls_are_counted() -> None:
    landscape, calls = LANDSCAPES["beale"], {"fun": 0, "jac": 0}

    def fun(x: Float64Array) -> float:
        calls["fun"] += 1
        return landscape.fun(x)

    def jac(x: Float64Array) -> Float64Array:
        calls["jac"] += 1
        return landscape.jac(x)

    found = fl.minimize(fun, landscape.start, jac=jac)
    assert (found.nfev, found.njev) == (calls["fun"], calls["jac"])


def test_a_function_with_its_gradient_is_called_once_for_both() -> None:
    landscape, calls = LANDSCAPES["beale"], []

    def both(x: Float64Array) -> tuple[float, Float64Array]:
        calls.append(x)
        return landscape.fun(x), landscape.jac(x)

    together = fl.minimize(both, landscape.start, jac=True)
    apart = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac)
    assert together.nfev == len(calls) == apart.nfev
    np.testing.assert_array_equal(together.x, apart.x)


def test_few_gradients_are_left_unused() -> None:
    # Most first lengths are good enough, which is what makes a step cheap.
    quadratic = Quadratic.random(300, 1e3, seed=3)
    found = fl.minimize(quadratic.fun, np.zeros(300), jac=quadratic.jac)
    assert found.nfev <= 1.05 * found.nit + 10


def test_differences_take_the_place_of_a_gradient() -> None:
    landscape = LANDSCAPES["rosenbrock-10"]
    with pytest.warns(RuntimeWarning, match=r"jac is None.*2n calls.*pass jac"):
        found = fl.minimize(landscape.fun, landscape.start)
    assert found.success
    assert found.nfev >= 2 * 10 * found.njev
    # Their error: that of the formula, h² f'''/6 with f''' of up to 2400 here, and of rounding.
    step = np.finfo(float).eps ** (1 / 3)
    error = 400 * step**2 + 1e-16 / step
    np.testing.assert_allclose(found.jac, landscape.jac(found.x), atol=error)
    assert landscape.distance(found.x) <= reach(landscape, landscape.minima[0], TOL + error)


def test_further_arguments_reach_both_functions() -> None:
    def fun(x: Float64Array, center: float, weight: float = 1.0) -> float:
        return float(weight * ((x - center) ** 2).sum())

    def jac(x: Float64Array, center: float, weight: float = 1.0) -> Float64Array:
        return 2 * weight * (x - center)

    for args in (3.0, (3.0,), (3.0, 0.5)):
        found = fl.minimize(fun, [0.0, 9.0], args, jac)
        np.testing.assert_allclose(found.x, 3.0, atol=TOL)


def test_nothing_of_the_user_is_changed_and_nothing_of_ours_changes_for_them() -> None:
    landscape = LANDSCAPES["rosenbrock-2"]
    seen: list[Float64Array] = []
    values: list[Float64Array] = []
    gradient = np.empty(2)  # returned again and again

    def fun(x: Float64Array) -> float:
        seen.append(x)
        values.append(x.copy())
        return landscape.fun(x)

    def jac(x: Float64Array) -> Float64Array:
        gradient[:] = landscape.jac(x)
        x[:] = np.nan  # a careless user
        return gradient

    start = landscape.start.astype(np.float32)
    found = fl.minimize(fun, start, jac=jac)
    np.testing.assert_array_equal(start, landscape.start.astype(np.float32))
    np.testing.assert_array_equal(seen, values)
    plain = fl.minimize(landscape.fun, start, jac=landscape.jac)
    np.testing.assert_array_equal(found.x, plain.x)
    np.testing.assert_array_equal(found.jac, plain.jac)
    assert found.x.dtype == np.float64


@pytest.mark.parametrize("start", [[-1, 1], (-1.0, 1.0), np.array([-1, 1], np.int8)])
def test_starts_of_any_numbers_become_float64(start: Any) -> None:
    landscape = LANDSCAPES["rosenbrock-2"]
    found = fl.minimize(landscape.fun, start, jac=landscape.jac)
    assert found.success
    assert found.x.dtype == np.float64


def test_a_number_is_a_start_of_one_element() -> None:
    found = fl.minimize(lambda x: (x[0] - 2) ** 2, 0.0, jac=lambda x: 2 * (x - 2))
    np.testing.assert_allclose(found.x, [2.0], atol=TOL)


@pytest.mark.parametrize("beyond", [math.nan, math.inf])
def test_steps_are_shortened_where_the_function_is_not_finite(beyond: float) -> None:
    # log is defined on one side only, and the first steps of a flat start go far.
    def fun(x: Float64Array) -> float:
        return float((x - np.log(x)).sum()) if (x > 0).all() else beyond

    found = fl.minimize(fun, [1e-3, 50.0, 1e3], jac=lambda x: 1 - 1 / x)
    assert found.success
    np.testing.assert_allclose(found.x, 1.0, atol=2 * TOL)  # where the curvature is 1


def test_steps_are_shortened_where_the_gradient_is_not_finite() -> None:
    def jac(x: Float64Array) -> Float64Array:
        return np.where(x > 0, 2 * (x - 1), np.nan)

    found = fl.minimize(lambda x: float(((x - 1) ** 2).sum()), [4.0, 0.5], jac=jac)
    assert found.success


@pytest.mark.parametrize(
    "jac",
    [
        lambda x: 4 * x**3 + NOISE.choice([-1e-3, 1e-3], 2),  # by more than tol
        lambda x: -4 * x**3,  # up the hill
    ],
)
def test_no_way_down_is_no_success(jac: Any) -> None:
    found = fl.minimize(lambda x: 1e9 + float((x**4).sum()), [1.0, 2.0], jac=jac, tol=1e-6)
    assert not found.success
    assert found.status == 2
    assert re.search(r"above tol=1e-06, but no step .* rounding errors", found.message)
    assert found.nfev < 5000


def test_where_rounding_hides_the_fall_slopes_lead_on() -> None:
    # Beside 1e9 values tell nothing below 1e-7, that is x within 0.02 of its place.
    found = fl.minimize(
        lambda x: 1e9 + float((x**4 + x).sum()), [1.0, 2.0], jac=lambda x: 4 * x**3 + 1
    )
    assert found.success
    np.testing.assert_allclose(found.x, -(4 ** (-1 / 3)), atol=TOL)  # curvature is 4.8


def test_the_budget_is_no_success() -> None:
    landscape = LANDSCAPES["rosenbrock-2"]
    found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, maxiter=5)
    assert (found.success, found.status, found.nit) == (False, 1, 5)
    assert "maxiter=5" in found.message
    assert fl.minimize(landscape.fun, [0, 0], jac=landscape.jac, maxiter=0).nit == 0


def test_a_function_without_a_minimum_ends() -> None:
    found = fl.minimize(lambda x: float(x[0]), [1.0], jac=np.ones_like)
    assert not found.success
    assert found.fun < -1e100


def test_the_result_is_a_dict_with_attributes() -> None:
    landscape = LANDSCAPES["booth"]
    found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac)
    assert isinstance(found, fl.Minimum)
    assert " ".join(found) == "message success status fun x nit jac nfev njev"
    assert found.x is found["x"]
    found.note = "mine"
    assert found["note"] == "mine"
    assert "note" in dir(found)
    del found.note
    with pytest.raises(AttributeError, match="note"):
        _ = found.note
    with pytest.raises(AttributeError, match="note"):
        del found.note
    lines = repr(found).splitlines()
    assert lines[0].startswith("message: the projected gradient is")
    assert lines[1] == "success: True"
    assert len({line.index(":") for line in lines}) == 1
    for same in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert isinstance(same, fl.Minimum)
        np.testing.assert_array_equal(same.x, found.x)


def test_disp_prints_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    landscape = LANDSCAPES["booth"]
    fl.minimize(landscape.fun, landscape.start, jac=landscape.jac)
    assert not capsys.readouterr().out
    found = fl.minimize(landscape.fun, landscape.start, jac=landscape.jac, disp=True)
    out = capsys.readouterr().out
    assert found.message in out
    assert f"{found.nfev} calls of fun" in out
