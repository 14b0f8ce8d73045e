"""Losses of given margins in the compiled code, against the reference and their own definition."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from arrays import LENGTHS, OFFSETS, DType, Guarded, eps
from fallline import _core, losses
from fallline.typing import Float64Array, FloatArray

# Roundings behind each value and derivative, in units of eps relative to the result. Logistic adds
# up exp (2 on the baseline) and log1p (3), or exp, a sum and a quotient; every step maps a relative
# error to one no larger. The rest is the reference's own.
ROUNDINGS = {"squared": 2, "logistic": 8, "hinge": 2}
EXAMPLES = st.floats(-50.0, 50.0)
SIGNS = st.sampled_from([-1.0, 1.0])


def samples(loss: str, n: int, dtype: DType) -> tuple[Float64Array, Float64Array]:
    """Margins, some of them on the kink of the hinge, and targets; both exact in ``dtype``."""
    rng = np.random.default_rng(n)
    z = rng.normal(scale=4.0, size=n)
    z[:: 1 + n // 3] = 1.0
    y = rng.normal(size=n) if loss == "squared" else rng.choice([-1.0, 1.0], n)
    return z.astype(dtype).astype(np.float64), y.astype(dtype).astype(np.float64)


def tolerance(loss: str, expected: Float64Array, dtype: DType) -> Float64Array:
    rounding = np.abs(expected) * eps(dtype) + float(np.finfo(dtype).smallest_subnormal)
    return np.asarray(ROUNDINGS[loss] * rounding)


def column(x: float, dtype: DType) -> Float64Array:
    return np.array([x], dtype)


def test_python_and_the_core_know_the_same_losses() -> None:
    classes = [getattr(losses, name) for name in losses.__all__]
    names = [kind.name for kind in classes if kind is not losses.Loss]
    assert sorted(names) == sorted(_core.losses())
    assert set(names) == set(reference.LOSSES) == set(ROUNDINGS)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("loss", _core.losses())
def test_values_and_derivatives_are_those_of_the_reference(
    loss: str, offset: int, dtype: DType
) -> None:
    for n in LENGTHS:
        z, y = samples(loss, n, dtype)
        margins, targets = Guarded(z, dtype, offset), Guarded(y, dtype, 3 - offset)
        for compute, expected in (
            (_core.loss_values, reference.LOSSES[loss].value(z, y)),
            (_core.loss_derivatives, reference.LOSSES[loss].derivative(z, y)),
        ):
            got = compute(loss, margins.array, targets.array)
            assert got.dtype == dtype
            assert got.shape == (n,)
            assert np.all(np.abs(got - expected) <= tolerance(loss, expected, dtype)), n
        assert np.array_equal(margins.array, z)
        assert np.array_equal(targets.array, y)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("loss", _core.losses())
def test_far_out_they_are_finite_or_infinite_as_in_the_reference(loss: str, dtype: DType) -> None:
    far = np.array([1e4, 1e30], dtype).astype(np.float64)
    z = np.concatenate([far, -far, far, -far])
    y = np.repeat([1.0, -1.0], 4)
    for compute, exact in (
        (_core.loss_values, reference.LOSSES[loss].value(z, y)),
        (_core.loss_derivatives, reference.LOSSES[loss].derivative(z, y)),
    ):
        with np.errstate(over="ignore"):
            expected = exact.astype(dtype)  # squares of 1e30 are beyond float32
        got = compute(loss, z.astype(dtype), y.astype(dtype))
        assert not np.any(np.isnan(got))
        assert np.array_equal(np.isinf(got), np.isinf(expected))
        finite = np.isfinite(expected)
        errors = np.abs(got[finite] - exact[finite])
        assert np.all(errors <= tolerance(loss, exact[finite], dtype))


@pytest.mark.parametrize("target_name", _core.targets())
@pytest.mark.parametrize("loss", _core.losses())
@given(z=EXAMPLES, y=SIGNS)
def test_a_derivative_is_the_finite_difference_of_the_value(
    loss: str, target_name: str, z: float, y: float
) -> None:
    _core.set_target(target_name)
    h, double = 1e-4, np.dtype(np.float64)
    if loss == "hinge" and abs(1 - y * z) <= h:
        z += 3 * h  # the kink lies between z - h and z + h
    targets = column(y, double)
    ahead = float(_core.loss_values(loss, column(z + h, double), targets)[0])
    behind = float(_core.loss_values(loss, column(z - h, double), targets)[0])
    derivative = float(_core.loss_derivatives(loss, column(z, double), targets)[0])
    # Of order h^2 / 6 times a third derivative below 0.1; the rest is rounding of values and z.
    rounding = ROUNDINGS[loss] * eps(double) * (max(ahead, behind) + 1 + abs(z)) / h
    assert abs((ahead - behind) / (2 * h) - derivative) <= 0.1 * h**2 / 6 + rounding


@pytest.mark.parametrize("target_name", _core.targets())
@pytest.mark.parametrize("loss", _core.losses())
@pytest.mark.parametrize("precision", ["float32", "float64"])
@given(z=st.floats(-50.0, 50.0, width=32), other=st.floats(-50.0, 50.0, width=32), y=SIGNS)
def test_a_loss_lies_above_its_tangents(
    loss: str, precision: str, target_name: str, z: float, other: float, y: float
) -> None:
    _core.set_target(target_name)
    kind: DType = np.dtype(precision)
    targets = column(y, kind)
    value = float(_core.loss_values(loss, column(z, kind), targets)[0])
    there = float(_core.loss_values(loss, column(other, kind), targets)[0])
    slope = float(_core.loss_derivatives(loss, column(z, kind), targets)[0])
    rounding = ROUNDINGS[loss] * eps(kind) * (value + there + abs(slope * (other - z)))
    assert there >= value + slope * (other - z) - rounding - 1e-37  # of subnormal values


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("loss", _core.losses())
@pytest.mark.parametrize("n", [1, 7, 16, 21])
def test_a_nan_margin_gives_a_nan_value_and_leaves_the_others(
    loss: str, n: int, dtype: DType
) -> None:
    z, y = (x.astype(dtype) for x in samples(loss, n, dtype))
    clean = _core.loss_values(loss, z, y)
    for position in range(n):
        spoilt = z.copy()
        spoilt[position] = np.nan
        values = _core.loss_values(loss, spoilt, y)
        assert np.isnan(values[position])
        others = np.arange(n) != position
        assert np.array_equal(values[others], clean[others])


@pytest.mark.usefixtures("target")
def test_the_hinge_has_no_slope_at_its_kink(dtype: DType) -> None:
    y = np.array([1.0, -1.0], dtype)
    below = np.nextafter(y, np.zeros(2, dtype))
    assert np.array_equal(_core.loss_derivatives("hinge", y, y), [0.0, 0.0])
    assert np.array_equal(_core.loss_derivatives("hinge", below, y), -y)


@pytest.mark.parametrize("compute", [_core.loss_values, _core.loss_derivatives])
def test_wrong_arguments_raise(compute: Callable[..., FloatArray], dtype: DType) -> None:
    z, y = np.ones(8, dtype), np.ones(8, dtype)
    with pytest.raises(ValueError, match="cauchy"):
        compute("cauchy", z, y)
    with pytest.raises(ValueError, match="length 8"):
        compute("squared", z, y[:7])
    with pytest.raises(ValueError, match="contiguous"):
        compute("squared", z[::2], y[:4])
    other = np.float32 if dtype == np.float64 else np.float64
    with pytest.raises(TypeError):
        compute("squared", z, y.astype(other))
    with pytest.raises(TypeError):
        compute("squared", z.astype(dtype.newbyteorder()), y)
    with pytest.raises(TypeError):
        compute("squared", z.tolist(), y)
