"""The losses of the reference, checked against their definitions and scikit-learn's metrics."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fallline.typing import Float64Array
from loss_cases import PARAMETERS, distance_to_kink
from reference_losses import LOSSES, exp_excess

EPS = float(np.finfo(np.float64).eps)
Z = np.linspace(-5.0, 5.0, 1001)
TARGETS: dict[str, list[float]] = {
    "signs": [-1.0, 1.0],
    "numbers": [-2.3, 0.0, 1.7],
    "not negative": [0.0, 0.4, 3.0],
    "positive": [0.4, 3.0],
}
CASES = [(name, y) for name, loss in LOSSES.items() for y in TARGETS[loss.targets]]


def at(formula: Callable[..., Float64Array], name: str, z: Float64Array, y: float) -> Float64Array:
    return formula(z, np.full_like(z, y), *PARAMETERS[name])


@pytest.mark.parametrize(("name", "y"), CASES)
def test_derivatives_are_finite_differences(name: str, y: float) -> None:
    loss, h = LOSSES[name], 1e-4
    z = Z[distance_to_kink(name, Z, np.full_like(Z, y)) > h]
    for function, slope in ((loss.value, loss.derivative), (loss.derivative, loss.curvature)):
        ahead, behind = at(function, name, z + h, y), at(function, name, z - h, y)
        # Of every loss the curvature bounds the derivatives after it; the rest is rounding.
        curved = 1.01 * at(loss.curvature, name, z, y) * h**2 / 6
        rounding = 16 * EPS * (1 + np.abs(ahead) + np.abs(behind)) * (1 + np.abs(z)) / h
        difference = (ahead - behind) / (2 * h)
        assert np.all(np.abs(difference - at(slope, name, z, y)) <= curved + rounding)


@pytest.mark.parametrize(("name", "y"), CASES)
def test_losses_are_not_negative_and_their_slopes_rise_as_the_smoothness_allows(
    name: str, y: float
) -> None:
    assert np.all(at(LOSSES[name].value, name, Z, y) >= 0)
    rise = np.diff(at(LOSSES[name].derivative, name, Z, y))
    assert np.all(rise >= 0)
    assert np.all(rise <= LOSSES[name].smoothness * np.diff(Z) + 4 * EPS)


@pytest.mark.parametrize(("name", "y"), [case for case in CASES if LOSSES[case[0]].conjugate])
def test_a_conjugate_is_the_largest_difference(name: str, y: float) -> None:
    loss = LOSSES[name]
    assert loss.conjugate is not None
    values = at(loss.value, name, Z, y)
    inner = Z[np.abs(Z) < 4]
    u = at(loss.derivative, name, inner, y)  # whose suprema are at these margins
    largest = np.max(u[:, np.newaxis] * Z - values, axis=1)
    np.testing.assert_allclose(at(loss.conjugate, name, u, y), largest, atol=64 * EPS, rtol=1e-12)


def test_the_logistic_loss_has_its_known_values() -> None:
    y = np.ones(3)
    z = np.array([0.0, np.log(3.0), -1000.0])
    expected = np.array([np.log(2.0), np.log(4 / 3), 1000.0])
    np.testing.assert_allclose(LOSSES["logistic"].value(z, y), expected, rtol=4 * EPS)
    expected = np.array([-0.5, -0.25, -1.0])
    np.testing.assert_allclose(LOSSES["logistic"].derivative(z, y), expected, rtol=4 * EPS)


def test_losses_are_finite_and_not_negative_far_out() -> None:
    z = np.array([-1e4, -800.0, 0.0, 800.0, 1e4])
    for name, loss in LOSSES.items():
        if loss.targets in {"signs", "numbers"}:
            for y in (-1.0, 1.0):
                assert np.all(np.isfinite(at(loss.value, name, z, y)))
                assert np.all(np.isfinite(at(loss.derivative, name, z, y)))


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie", "quantile"])
def test_means_of_losses_are_scikit_learns_metrics(name: str) -> None:
    metrics: Any = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=50), np.round(rng.gamma(1.0, 2.0, 50) + (name == "gamma"))
    mean = float(np.mean(LOSSES[name].value(z, y, *PARAMETERS[name])))
    if name == "quantile":
        expected = metrics.mean_pinball_loss(y, z, alpha=PARAMETERS[name][0])
    else:
        power = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.5}[name]
        expected = metrics.mean_tweedie_deviance(y, np.exp(z), power=power) / 2
    assert mean == pytest.approx(expected, rel=1e-13)


def test_exp_excess_is_small_near_zero_as_its_series() -> None:
    x = np.array([-1e-3, 1e-8, 0.3, -0.499999, 0.500001, 5.0])
    series = np.sum([x**k / np.prod(np.arange(1.0, k + 1)) for k in range(2, 40)], axis=0)
    np.testing.assert_allclose(exp_excess(x), series, rtol=16 * EPS)
