"""Losses of given margins in the compiled code, against the reference and their own definition."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from arrays import LENGTHS, OFFSETS, DType, Guarded, eps
from fallline import _core, losses
from fallline.typing import FloatArray
from loss_cases import (
    PARAMETERS,
    ROUNDINGS,
    TARGETS,
    Exact,
    distance_to_kink,
    exact,
    has_log_link,
    of_python,
)

EXAMPLES = st.floats(-50.0, 50.0, width=32)
DOUBLE: DType = np.dtype(np.float64)
WITH_CONJUGATE = [name for name, loss in reference.LOSSES.items() if loss.conjugate]
AMOUNTS = np.array([0.25, 1.0, 3.0, 1000.0, 2.0**20])


def samples(name: str, n: int) -> Exact:
    """Margins that are multiples of 1/64, some of them on a kink, with targets that are as well.

    Their differences and products are exact in either dtype, and so is on which side of a kink
    they lie. Of the deviances some margins are close to the optimum, where the loss is nearly 0.
    """
    rng = np.random.default_rng(n)
    loss = reference.LOSSES[name]
    z = np.round(64 * rng.normal(scale=4.0, size=n)) / 64
    match loss.targets:
        case "signs":
            y = rng.choice([-1.0, 1.0], n)
        case "numbers":
            y = np.round(64 * rng.normal(scale=4.0, size=n)) / 64
        case kind:
            y = rng.choice(AMOUNTS if kind == "positive" else np.append(AMOUNTS, [0.0, 0.0]), n)
            z = np.round(64 * np.log(np.maximum(y, 1))) / 64 + z / 4
    for k, kink in enumerate(loss.kinks(y, *loss.parameters)):
        some = slice(k, n, 3 + n // 5)
        z[some] = np.broadcast_to(kink, n)[some]
    return exact(name, z, y)


def at(name: str, z: float, y: float) -> Exact:
    return exact(name, np.array([z]), np.array([y]))


def off_kink(name: str, z: float, y: float, h: float) -> float:
    """A margin near z that has no kink within h."""
    close = float(distance_to_kink(name, np.array([z]), np.array([y]))[0]) <= h
    return z + 3 * h if close else z


def compute(
    function: Callable[..., FloatArray], name: str, z: float, y: float, dtype: DType = DOUBLE
) -> float:
    margins, targets = np.array([z], dtype), np.array([y], dtype)
    return float(function(name, margins, targets, PARAMETERS[name])[0])


def test_python_and_the_core_know_the_same_losses() -> None:
    classes = [getattr(losses, name) for name in losses.__all__]
    kinds = [kind for kind in classes if kind is not losses.Loss]
    names = [kind.name for kind in kinds if not kind.coupled]
    assert sorted(names) == sorted(_core.losses())
    assert [kind.name for kind in kinds if kind.coupled] == _core.coupled_losses()
    assert set(names) == set(reference.LOSSES) == set(ROUNDINGS)


@pytest.mark.parametrize("name", _core.losses())
def test_python_and_the_reference_say_the_same_of_a_loss(name: str) -> None:
    loss, kind = of_python(name), reference.LOSSES[name].targets
    assert loss.parameters == PARAMETERS[name]
    assert loss.classifies == (kind == "signs")
    assert loss.log_link == has_log_link(name)
    assert loss.domain == (kind if has_log_link(name) else "any")


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", _core.losses())
def test_values_derivatives_and_curvatures_are_those_of_the_reference(
    name: str, offset: int, dtype: DType
) -> None:
    for n in LENGTHS:
        e = samples(name, n)
        margins, targets = Guarded(e.z, dtype, offset), Guarded(e.y, dtype, 3 - offset)
        for function, expected, error in (
            (_core.loss_values, e.value, e.value_error(dtype)),
            (_core.loss_derivatives, e.derivative, e.derivative_error(dtype)),
            (_core.loss_curvatures, e.curvature, e.curvature_error(dtype)),
        ):
            got = function(name, margins.array, targets.array, PARAMETERS[name])
            assert got.dtype == dtype
            assert got.shape == (n,)
            assert np.all(np.abs(got - expected) <= error), n
        assert np.array_equal(margins.array, e.z)
        assert np.array_equal(targets.array, e.y)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("name", _core.losses())
def test_far_out_they_are_finite_or_infinite_as_in_the_reference(name: str, dtype: DType) -> None:
    far = np.array([1e4, 1e30], dtype).astype(np.float64)
    z = np.concatenate([far, -far, far, -far])
    low = {"signs": -1.0, "numbers": -1.0, "not negative": 0.0, "positive": 2.0}
    y = np.repeat([1.0, low[reference.LOSSES[name].targets]], 4)
    e = exact(name, z, y)
    with np.errstate(invalid="ignore"):  # bounds of what is infinite
        errors = (e.value_error(dtype), e.derivative_error(dtype), e.curvature_error(dtype))
    for function, correct, error in zip(
        (_core.loss_values, _core.loss_derivatives, _core.loss_curvatures),
        (e.value, e.derivative, e.curvature),
        errors,
        strict=True,
    ):
        with np.errstate(over="ignore"):
            expected = correct.astype(dtype)  # squares of 1e30 are beyond float32
        got = function(name, z.astype(dtype), y.astype(dtype), PARAMETERS[name])
        assert not np.any(np.isnan(got))
        assert np.array_equal(np.isinf(got), np.isinf(expected))
        finite = np.isfinite(expected)
        assert np.all(np.abs(got[finite] - correct[finite]) <= error[finite])


@pytest.mark.parametrize("target_name", _core.targets())
@pytest.mark.parametrize("name", _core.losses())
@given(z=EXAMPLES, data=st.data())
def test_derivative_and_curvature_are_finite_differences(
    name: str, target_name: str, z: float, data: st.DataObject
) -> None:
    _core.set_target(target_name)
    h, y = 1e-4, data.draw(TARGETS[reference.LOSSES[name].targets])
    z = off_kink(name, z, y, h)
    ahead, here, behind = (at(name, x, y) for x in (z + h, z, z - h))
    # Off by h^2 / 6 times a third or fourth derivative, which the curvature bounds for every loss
    # (and a little beside it, e^h), and by roundings: of both values, of z and of its neighbours.
    curved = 1.01 * float(here.curvature[0]) * h**2 / 6
    for function, difference, error, slope in (
        (_core.loss_values, _core.loss_derivatives, Exact.value_error, here.derivative),
        (_core.loss_derivatives, _core.loss_curvatures, Exact.derivative_error, here.curvature),
    ):
        got = compute(function, name, z + h, y) - compute(function, name, z - h, y)
        rounding = sum(float(error(e, DOUBLE)[0]) for e in (ahead, behind)) / (2 * h)
        rounding += eps(DOUBLE) * (1 + abs(z)) * abs(float(slope[0])) * 1.01 / h
        own = here.derivative_error(DOUBLE) + here.curvature_error(DOUBLE)
        assert abs(got / (2 * h) - compute(difference, name, z, y)) <= curved + rounding + own[0]


@pytest.mark.parametrize("target_name", _core.targets())
@pytest.mark.parametrize("name", _core.losses())
@pytest.mark.parametrize("precision", ["float32", "float64"])
@given(z=EXAMPLES, other=EXAMPLES, data=st.data())
def test_a_loss_is_not_negative_and_lies_above_its_tangents(
    name: str, precision: str, target_name: str, z: float, other: float, data: st.DataObject
) -> None:
    _core.set_target(target_name)
    kind: DType = np.dtype(precision)
    y = data.draw(TARGETS[reference.LOSSES[name].targets])
    value, there = (compute(_core.loss_values, name, x, y, kind) for x in (z, other))
    slope = compute(_core.loss_derivatives, name, z, y, kind)
    e, e_there = at(name, z, y), at(name, other, y)
    rounding = e.value_error(kind) + e_there.value_error(kind)
    # A slope of z - y, where the difference is not exact, is that of a margin off by an eps.
    rounding = rounding + abs(other - z) * (
        e.derivative_error(kind) + eps(kind) * e.curvature * (abs(z) + abs(y))
    )
    rounding = rounding + eps(kind) * (value + there + abs(slope) * (abs(z) + abs(y)))
    assert value >= 0
    assert there >= value + slope * (other - z) - float(rounding[0])


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("name", WITH_CONJUGATE)
def test_conjugates_are_those_of_the_reference(name: str, dtype: DType) -> None:
    loss = reference.LOSSES[name]
    assert loss.conjugate is not None
    for n in LENGTHS:
        y = samples(name, n).y
        u = np.round(64 * np.random.default_rng(n).normal(scale=2.0, size=n)) / 64
        ends = [-4.0, -1.5, -1.0, -0.25, 0.0, 0.75, 1.0, 1.5]  # of the domains, and 0
        u[: len(ends)] = ends[:n]
        got = _core.loss_conjugates(name, u.astype(dtype), y.astype(dtype), PARAMETERS[name])
        expected = loss.conjugate(u, y, *loss.parameters)
        assert np.array_equal(np.isinf(got), np.isinf(expected))
        # Every term is a product of two of these, or of one and its logarithm.
        scale = (1 + np.abs(u) + np.abs(y)) * (1 + np.abs(u) + np.log1p(y**2) + np.abs(y))
        finite = np.isfinite(expected)
        error = ROUNDINGS[name] * eps(dtype) * scale[finite]
        assert np.all(np.abs(got[finite] - expected[finite]) <= error)


@pytest.mark.parametrize("target_name", _core.targets())
@pytest.mark.parametrize("name", WITH_CONJUGATE)
@given(z=st.floats(-16.0, 16.0), other=st.floats(-16.0, 16.0), data=st.data())
def test_loss_and_conjugate_exceed_the_product_except_at_the_derivative(
    name: str, target_name: str, z: float, other: float, data: st.DataObject
) -> None:
    """Fenchel and Young."""
    _core.set_target(target_name)
    y = data.draw(TARGETS[reference.LOSSES[name].targets])
    value = compute(_core.loss_values, name, z, y)
    here, there = (compute(_core.loss_derivatives, name, x, y) for x in (z, other))
    e, e_there = at(name, z, y), at(name, other, y)

    def gap(u: float) -> float:
        return value + compute(_core.loss_conjugates, name, u, y) - u * z

    def rounding(u: float, x: Exact) -> float:
        # The conjugate is steep where the margin is large; its terms as above, of u, y and log y.
        terms = (1 + abs(u) + abs(y)) * (1 + abs(u) + abs(y) + abs(z) + abs(float(x.z[0])))
        own = e.value_error(DOUBLE) + abs(float(x.z[0])) * x.derivative_error(DOUBLE)
        return float(own[0]) + ROUNDINGS[name] * eps(DOUBLE) * terms

    assert gap(there) >= -rounding(there, e_there)
    assert abs(gap(here)) <= rounding(here, e)


def test_a_loss_without_a_conjugate_says_so() -> None:
    y = np.ones(1)
    for name in set(_core.losses()) - set(WITH_CONJUGATE):
        with pytest.raises(ValueError, match=f"{name} has no conjugate"):
            _core.loss_conjugates(name, y, y, PARAMETERS[name])


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("name", _core.losses())
def test_no_curvature_exceeds_the_smoothness(name: str, dtype: DType) -> None:
    smoothness = _core.loss_smoothness(name, PARAMETERS[name])
    assert smoothness == reference.LOSSES[name].smoothness
    e = samples(name, 1000)
    z, y = e.z.astype(dtype), e.y.astype(dtype)
    z[0] = 0.0
    largest = np.max(_core.loss_curvatures(name, z, y, PARAMETERS[name]))
    assert largest == smoothness if np.isfinite(smoothness) else np.isfinite(largest)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("name", _core.losses())
@pytest.mark.parametrize("n", [1, 7, 16, 21])
def test_a_nan_margin_gives_a_nan_value_and_leaves_the_others(
    name: str, n: int, dtype: DType
) -> None:
    e = samples(name, n)
    z, y = e.z.astype(dtype), e.y.astype(dtype)
    clean = _core.loss_values(name, z, y, PARAMETERS[name])
    for position in range(n):
        spoilt = z.copy()
        spoilt[position] = np.nan
        values = _core.loss_values(name, spoilt, y, PARAMETERS[name])
        assert np.isnan(values[position])
        others = np.arange(n) != position
        assert np.array_equal(values[others], clean[others])


@pytest.mark.usefixtures("target")
def test_the_hinge_has_no_slope_at_its_kink(dtype: DType) -> None:
    y = np.array([1.0, -1.0], dtype)
    below = np.nextafter(y, np.zeros(2, dtype))
    assert np.array_equal(_core.loss_derivatives("hinge", y, y), [0.0, 0.0])
    assert np.array_equal(_core.loss_derivatives("hinge", below, y), -y)


@pytest.mark.usefixtures("target")
def test_the_perceptron_learns_from_a_margin_of_zero(dtype: DType) -> None:
    y = np.array([1.0, -1.0, 1.0, -1.0], dtype)
    z = np.array([0.0, 0.0, -0.0, -0.0], dtype)
    assert np.array_equal(_core.loss_derivatives("perceptron", z, y), -y)


@pytest.mark.usefixtures("target")
def test_a_deviance_keeps_its_digits_where_the_fit_is_good(dtype: DType) -> None:
    y = np.full(9, 1e6)
    z = (np.log(1e6) + np.linspace(-1e-2, 1e-2, 9)).astype(dtype).astype(np.float64)
    expected = exact("poisson", z, y)
    got = _core.loss_values("poisson", z.astype(dtype), y.astype(dtype))
    assert np.all(np.abs(got - expected.value) <= expected.value_error(dtype))
    # e^z - y z + y log y - y would lose them all in float32: it subtracts numbers of 1e7.
    assert np.max(expected.value_error(dtype)) < 1e-2 * 0.5e-4 * 1e6 * eps(dtype) / 1e-7


@pytest.mark.parametrize("function", [_core.loss_values, _core.loss_derivatives])
def test_wrong_arguments_raise(function: Callable[..., FloatArray], dtype: DType) -> None:
    z, y = np.ones(8, dtype), np.ones(8, dtype)
    with pytest.raises(ValueError, match="cauchy"):
        function("cauchy", z, y)
    with pytest.raises(ValueError, match="length 8"):
        function("squared", z, y[:7])
    with pytest.raises(ValueError, match="huber takes 1 loss_parameters, got 0"):
        function("huber", z, y)
    with pytest.raises(ValueError, match="squared takes 0 loss_parameters, got 1"):
        function("squared", z, y, [1.0])
    with pytest.raises(ValueError, match="contiguous"):
        function("squared", z[::2], y[:4])
    other = np.float32 if dtype == np.float64 else np.float64
    with pytest.raises(TypeError):
        function("squared", z, y.astype(other))
    with pytest.raises(TypeError):
        function("squared", z.astype(dtype.newbyteorder()), y)
    with pytest.raises(TypeError):
        function("squared", z.tolist(), y)
