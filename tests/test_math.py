"""exp, log1p, log and their like of the kernels, within the bounds that math-inl.hpp states."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from arrays import DType
from fallline import _core
from fallline.typing import FloatArray

LongDoubleArray = np.ndarray[Any, np.dtype[np.longdouble]]

pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant,
    reason="long double is no wider than double here, and so no judge of its last bit",
)


def exact_sigmoid(x: LongDoubleArray) -> LongDoubleArray:
    e = np.exp(-np.abs(x))  # may leave the range of every type
    return np.asarray(np.where(x >= 0, np.longdouble(1), e) / (1 + e))


def exact_excess(x: LongDoubleArray) -> LongDoubleArray:
    """exp(x) - 1 - x, near 0 from its series: the difference would lose digits."""
    near, series = np.clip(x, -0.5, 0.5), np.ones_like(x)
    for k in range(24, 2, -1):
        series = 1 + near / k * series
    return np.asarray(np.where(x == near, near**2 / 2 * series, np.expm1(x) - x))


EXACT: dict[str, Callable[[LongDoubleArray], LongDoubleArray]] = {
    "exp": np.exp,
    "exp_or_zero": np.exp,
    "log1p": np.log1p,
    "log1p_far": np.log1p,
    "log": np.log,
    "exp_excess": exact_excess,
    "sigmoid": exact_sigmoid,
}
# As stated above each function, on the targets with and without fused multiply-add.
BOUNDS = {"exp": (1.2, 2.0), "exp_or_zero": (1.2, 2.0), "log1p": (3.0, 3.0), "log": (1.5, 1.5)}
BOUNDS |= {"log1p_far": (3.0, 3.0), "exp_excess": (8.0, 8.0), "sigmoid": (3.0, 3.0)}
# Where a dense search found exp furthest off: 1.16 ulp, 0.21 of them its polynomial's, and 1.08.
HARD = np.array([707.3571573311358, 5.1989627])
RANGES = {"float32": (-104.5, 89.5), "float64": (-746.0, 711.0)}  # where exp leaves 0, reaches inf

LOWEST = {"float32": -87.0, "float64": -708.0}  # below, exp_or_zero is 0


def bound(function: str, target: str) -> float:
    fused, unfused = BOUNDS[function]
    return unfused if target == "baseline" else fused


def arguments(function: str, dtype: DType) -> FloatArray:
    """Evenly spaced, log-uniform down to the subnormals, and beside the ends of the domain."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    low, high = RANGES[str(dtype)]
    if function == "log1p":
        low, high = 0.0, 1.0
    if function == "log1p_far":
        low, high = 0.0, float(info.max)
    if function == "log":
        low, high = float(info.smallest_subnormal), float(info.max)
    if function == "exp_or_zero":
        low, high = LOWEST[str(dtype)], 0.0
    lowest_power = int(info.minexp) - int(info.nmant)
    largest = max(high, -low)
    powers = 2.0 ** rng.integers(lowest_power, np.ceil(np.log2(largest)), 20_000)
    small = np.clip(powers * rng.uniform(1.0, 2.0, len(powers)), 0.0, largest).astype(dtype)
    parts = [np.linspace(low, high, 200_001).astype(dtype), rng.uniform(low, high, 50_000)]
    parts += [np.clip(signed, low, high) for signed in (small, -small)]
    ends = np.array([0.0, low, high, 0.5, 1.0, info.tiny, info.smallest_subnormal], dtype)
    ends = np.clip(ends, low, high)
    if function == "exp":
        parts.append(HARD)
    if function == "log":
        ends = ends[ends > 0]
    if function in {"log", "log1p_far", "exp_excess"}:
        # Where log goes from one power of 2 to the next and is near 0, where log1p_far stops taking
        # x as it is, and where exp_excess changes from the polynomial to the exponential.
        parts += [np.linspace(0.5, 2.0, 200_001), 1 + np.linspace(-1e-3, 1e-3, 20_001)]
        parts += [np.linspace(0.6, 0.9, 200_001)]
    return np.concatenate([*parts, ends]).astype(dtype)


def ulps(got: FloatArray, exact: LongDoubleArray) -> LongDoubleArray:
    """Errors in units of the spacing of the dtype at the exact value; 0 where both overflow."""
    info = np.finfo(got.dtype)
    _, exponents = np.frexp(exact)  # exact = m 2^exponent with 1/2 <= m < 1
    lowest = int(info.minexp) + 1  # exponent of the smallest normal number; then equal spacing
    spacing = np.ldexp(np.longdouble(1), np.maximum(exponents, lowest) - 1 - int(info.nmant))
    overflow = exact >= np.ldexp(np.longdouble(1), int(info.maxexp)) - info.max * info.eps / 4
    with np.errstate(invalid="ignore"):
        errors = np.abs(got.astype(np.longdouble) - exact) / spacing
    return np.where(overflow & np.isinf(got), np.longdouble(0), errors)


def test_every_function_has_a_bound() -> None:
    assert set(_core.functions()) == set(BOUNDS) == set(EXACT)


@pytest.mark.parametrize("function", EXACT)
def test_errors_stay_within_the_stated_bound(function: str, dtype: DType, target: str) -> None:
    x = arguments(function, dtype)
    errors = ulps(_core.evaluate(function, x), EXACT[function](x.astype(np.longdouble)))
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound(function, target), f"{errors[worst]:.2f} ulp at {x[worst]!r}"


@pytest.mark.usefixtures("target")
def test_exp_underflows_gradually_and_overflows_to_infinity(dtype: DType) -> None:
    info = np.finfo(dtype)
    log_max, log_tiny = np.log(info.max), np.log(info.tiny)  # rounded: either side of the border
    above = np.array([log_max * (1 + 2 * info.eps), log_max + 1, info.max, np.inf], dtype)
    assert np.all(_core.evaluate("exp", above) == np.inf)
    below = np.array([log_max * (1 - 2 * info.eps), log_max - 1], dtype)
    assert np.all(np.isfinite(_core.evaluate("exp", below)))
    subnormal = _core.evaluate("exp", np.linspace(log_tiny - 1, log_tiny - 12, 12).astype(dtype))
    assert np.all(subnormal > 0)
    assert np.all(subnormal < info.tiny)
    gone = np.array([log_tiny - 40, -info.max, -np.inf], dtype)
    assert np.all(_core.evaluate("exp", gone) == 0)


@pytest.mark.usefixtures("target")
def test_exp_or_zero_is_zero_before_exp_is_subnormal(dtype: DType) -> None:
    lowest = np.array(LOWEST[str(dtype)], dtype)
    info = np.finfo(dtype)
    below = np.array([np.nextafter(lowest, -np.inf), 2 * lowest, -info.max, -np.inf], dtype)
    assert not _core.evaluate("exp_or_zero", below).any()
    assert info.tiny < _core.evaluate("exp_or_zero", lowest.reshape(1))[0] < 2 * info.tiny


@pytest.mark.usefixtures("target")
def test_special_values(dtype: DType) -> None:
    def value(function: str, x: float) -> float:
        return float(_core.evaluate(function, np.array([x], dtype))[0])

    for zero in (0.0, -0.0):
        assert value("exp", zero) == value("exp_or_zero", zero) == 1.0
        assert value("sigmoid", zero) == 0.5
        assert value("log1p", zero) == value("log1p_far", zero) == 0.0
        assert value("exp_excess", zero) == 0.0
        assert -1000 < value("log", zero) < np.log(float(np.finfo(dtype).smallest_subnormal)) + 0.1
    assert value("log", 1.0) == 0.0
    assert np.isnan(value("log", np.inf))
    assert np.isnan(value("log1p_far", np.inf))
    assert value("exp_excess", np.inf) == np.inf
    assert value("exp_excess", -np.inf) == np.inf
    assert value("sigmoid", np.inf) == 1.0
    assert value("sigmoid", -np.inf) == 0.0
    for sign in (1.0, -1.0):
        assert value("sigmoid", sign * float(np.finfo(dtype).max)) == (sign > 0)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("function", EXACT)
@pytest.mark.parametrize("n", [1, 5, 16, 21])
def test_a_nan_stays_where_it_is(function: str, n: int, dtype: DType) -> None:
    for position in range(n):
        x = np.full(n, 0.0 if function == "exp_or_zero" else 0.25, dtype)
        clean = _core.evaluate(function, x)
        x[position] = np.nan
        y = _core.evaluate(function, x)
        assert np.isnan(y[position])
        others = np.arange(n) != position
        assert np.array_equal(y[others], clean[others])


@pytest.mark.usefixtures("target")
def test_wrong_arguments_raise(dtype: DType) -> None:
    x = np.ones(8, dtype)
    with pytest.raises(ValueError, match="tanh"):
        _core.evaluate("tanh", x)
    with pytest.raises(ValueError, match="contiguous"):
        _core.evaluate("exp", x[::2])
    with pytest.raises(ValueError, match="contiguous"):
        _core.evaluate("exp", x.reshape(2, 4))
    with pytest.raises(TypeError):
        _core.evaluate("exp", np.ones(8, np.int64))  # type: ignore[arg-type]
