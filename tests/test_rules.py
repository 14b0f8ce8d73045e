"""Update rules of the compiled code, step by step against the reference."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import reference
from arrays import LENGTHS, OFFSETS, DType, Guarded, eps
from fallline import _core
from fallline.typing import Float64Array, FloatArray

PARAMETERS: dict[str, list[float]] = {
    "sgd": [],
    "momentum": [0.9],
    "damped_momentum": [0.9, 0.25],
    "nesterov": [0.9],
    "adam": [0.9, 0.999, 1e-3],
    "amsgrad": [0.9, 0.999, 1e-3],
    "nadam": [0.9, 0.999, 1e-3, 0.98, 0.0],
    "radam": [0.9, 0.999, 1e-3],
    "adamax": [0.9, 0.999, 1e-3],
    "adagrad": [1e-3, 0.5],
    "adadelta": [0.9, 1e-2],
    "rmsprop": [0.9, 1e-3],
    "rmsprop_momentum": [0.9, 1e-3, 0.5],
    "centered_rmsprop": [0.9, 1e-3],
    "centered_rmsprop_momentum": [0.9, 1e-3, 0.5],
    "asgd": [0.3, 0.75, 10.0, 0.3],
    "rprop": [0.5, 1.2, 1e-2, 0.2],
    "lion": [0.9, 0.99],
    "ftrl": [1.0, 0.2, 0.1],
}
# How far one unit of gradient can move a slot, and the direction of a step, over all steps to come.
# Adam and those after it divide by a root mean square of gradients, which gradients() keeps above
# 0.7, or the largest of them; Adagrad by the root of a sum, and FTRL by that and 1. Adadelta's
# steps are far shorter than gradients. RMSprop begins with a mean of a tenth of a square, and a
# centered one loses most of that where gradients keep their sign; momentum of 0.5 doubles. Lengths
# of Rprop, and Lion, do not depend on the size of a gradient.
GAINS = dict.fromkeys(PARAMETERS, 2.0) | {"sgd": 1.0, "asgd": 1.0, "rprop": 1.0, "lion": 1.0}
GAINS |= {"momentum": 10.0, "damped_momentum": 10.0, "nesterov": 11.0}
GAINS |= {"rmsprop": 4.0, "rmsprop_momentum": 8.0}
GAINS |= {"centered_rmsprop": 16.0, "centered_rmsprop_momentum": 32.0}
N_STEPS = 20
LEARNING_RATE = 0.05
GRADIENT_SCALE = 1.75
REGULARIZATION = {"l2": 0.02, "l1": 0.3, "weight_decay": 0.1}


def gradients(n: int, dtype: DType) -> list[Float64Array]:
    """Of either sign, none near 0: where l2 w could cancel it, rounding would decide its sign."""
    rng = np.random.default_rng(n)
    shape = (N_STEPS, n)
    values = rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape)
    return list(values.astype(dtype).astype(np.float64))


def weights(n: int, dtype: DType) -> Float64Array:
    return np.random.default_rng(n + 1).normal(size=n).astype(dtype).astype(np.float64)


class State(NamedTuple):
    w: FloatArray
    slots: list[FloatArray]


def start(rule: str, n: int, dtype: DType) -> State:
    n_slots, _ = _core.rules()[rule]
    return State(weights(n, dtype).astype(dtype), [np.zeros(n, dtype) for _ in range(n_slots)])


def advance(
    rule: str, state: State, gradient: FloatArray, step: int = 1, /, **options: float
) -> None:
    settings: dict[str, Any] = {"gradient_scale": GRADIENT_SCALE, **REGULARIZATION, **options}
    _core.step(
        rule, state.w, gradient, state.slots, PARAMETERS[rule], step, LEARNING_RATE, **settings
    )


def assert_close(got: FloatArray, expected: Float64Array, size: float, steps: int) -> None:
    """Within eight roundings per step of numbers no larger than ``size``."""
    tolerance = 8 * steps * eps(got.dtype) * size
    assert float(np.max(np.abs(got - expected))) <= tolerance


def test_python_and_the_core_know_the_same_rules() -> None:
    known = {name: (rule.n_slots, rule.n_parameters) for name, rule in reference.RULES.items()}
    assert known == _core.rules()
    assert {name: len(values) for name, values in PARAMETERS.items()} == {
        name: n_parameters for name, (_, n_parameters) in known.items()
    }


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("rule", _core.rules())
def test_twenty_steps_are_those_of_the_reference(rule: str, offset: int, dtype: DType) -> None:
    n_slots, _ = _core.rules()[rule]
    for n in LENGTHS:
        expected, expected_slots = weights(n, dtype), [np.zeros(n) for _ in range(n_slots)]
        w = Guarded(expected, dtype, offset)
        slots = [Guarded(np.zeros(n), dtype, (offset + 2 + k) % 4) for k in range(n_slots)]
        state = State(w.array, [slot.array for slot in slots])
        for k, g in enumerate(gradients(n, dtype), start=1):
            gradient = Guarded(g, dtype, (offset + 1) % 4)
            advance(rule, state, gradient.array, k)
            expected = reference.step(
                rule,
                expected,
                GRADIENT_SCALE * g,
                expected_slots,
                PARAMETERS[rule],
                k,
                LEARNING_RATE,
                **REGULARIZATION,
            )
            # An error in the slots has k steps to move the weights.
            largest = GRADIENT_SCALE * 1.5 + REGULARIZATION["l2"] * float(np.max(np.abs(w.array)))
            moved = LEARNING_RATE * k * GAINS[rule] * largest
            assert_close(w.array, expected, float(np.max(np.abs(expected))) + moved, k)
            for slot, expected_slot in zip(slots, expected_slots, strict=True):
                assert_close(slot.array, expected_slot, GAINS[rule] * largest**2, k)
            assert np.array_equal(gradient.array, g)
            assert all(array.is_intact() for array in (w, gradient, *slots))


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
@pytest.mark.parametrize("name", ["gradient_scale", "l2", "l1", "weight_decay"])
def test_every_option_matters(rule: str, name: str, dtype: DType) -> None:
    g = gradients(33, dtype)[0].astype(dtype)
    with_option, without = start(rule, 33, dtype), start(rule, 33, dtype)
    advance(rule, with_option, g)
    advance(rule, without, g, **{name: 1.0 if name == "gradient_scale" else 0.0})
    same = np.array_equal(with_option.w, without.w) and all(
        np.array_equal(a, b) for a, b in zip(with_option.slots, without.slots, strict=True)
    )
    assert not same


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
def test_options_left_out_are_options_that_do_nothing(rule: str, dtype: DType) -> None:
    g = gradients(33, dtype)[0].astype(dtype)
    neutral, default = start(rule, 33, dtype), start(rule, 33, dtype)
    advance(rule, neutral, g, gradient_scale=1.0, l2=0.0, l1=0.0, weight_decay=0.0)
    _core.step(rule, default.w, g, default.slots, PARAMETERS[rule], 1, LEARNING_RATE)
    assert np.array_equal(neutral.w, default.w)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
def test_weights_inside_the_threshold_become_exactly_zero(rule: str, dtype: DType) -> None:
    state = start(rule, 130, dtype)
    advance(rule, state, gradients(130, dtype)[0].astype(dtype), l1=1e3)
    assert not np.any(state.w)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", [1, 16, 21])
def test_a_gradient_that_is_not_finite_spoils_its_own_weight_only(
    rule: str, n: int, bad: float, dtype: DType
) -> None:
    clean = start(rule, n, dtype)
    g = gradients(n, dtype)[0].astype(dtype)
    advance(rule, clean, g)
    for position in range(n):
        state, spoilt = start(rule, n, dtype), g.copy()
        spoilt[position] = bad
        advance(rule, state, spoilt)
        assert not np.isfinite(state.w[position])
        others = np.arange(n) != position
        assert np.array_equal(state.w[others], clean.w[others])


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
def test_a_step_after_a_billion_others_is_that_of_the_reference(rule: str, dtype: DType) -> None:
    # What corrects a beginning at zero has faded long before; the rate of ASGD never does.
    number = 10**9 if rule == "asgd" else 10**5
    state = start(rule, 33, dtype)
    expected, slots = weights(33, dtype), [np.zeros(33) for _ in state.slots]
    g = gradients(33, dtype)[0]
    advance(rule, state, g.astype(dtype), 10**9)
    expected = reference.step(
        rule, expected, GRADIENT_SCALE * g, slots, PARAMETERS[rule], number, LEARNING_RATE,
        **REGULARIZATION,
    )  # fmt: skip
    largest = GRADIENT_SCALE * 1.5 + REGULARIZATION["l2"] * float(np.max(np.abs(state.w)))
    size = float(np.max(np.abs(expected))) + LEARNING_RATE * GAINS[rule] * largest
    assert_close(state.w, expected, size, 1)
    for slot, expected_slot in zip(state.slots, slots, strict=True):
        assert_close(slot, expected_slot, GAINS[rule] * largest**2, 1)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
def test_the_bits_do_not_depend_on_the_threads(rule: str, dtype: DType) -> None:
    n = 200_001
    rng = np.random.default_rng(0)
    w, g, s = (rng.uniform(0.5, 1.5, n).astype(dtype) for _ in range(3))
    results = []
    for n_threads in (1, 2, 3):
        _core.set_num_threads(n_threads)
        state = State(w.copy(), [s.copy() for _ in start(rule, 1, dtype).slots])
        for k in (1, 2):
            advance(rule, state, g, k)
        results.append(np.concatenate([state.w, *state.slots]))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
    # And they are those of short arrays, which no thread shares.
    piece = slice(n - 130, n)
    short = State(w[piece].copy(), [s[piece].copy() for _ in start(rule, 1, dtype).slots])
    for k in (1, 2):
        advance(rule, short, g[piece].copy(), k)
    assert np.array_equal(short.w, results[0][:n][piece])


@pytest.mark.parametrize("rule", _core.rules())
def test_wrong_numbers_of_slots_and_parameters_raise(rule: str, dtype: DType) -> None:
    w, slots = start(rule, 9, dtype)
    before, g, parameters = w.copy(), np.ones(9, dtype), PARAMETERS[rule]
    with pytest.raises(ValueError, match="slots"):
        _core.step(rule, w, g, [*slots, np.zeros(9, dtype)], parameters, 1, 0.1)
    with pytest.raises(ValueError, match="parameters"):
        _core.step(rule, w, g, slots, [*parameters, 0.5], 1, 0.1)
    if slots:
        with pytest.raises(ValueError, match="slots"):
            _core.step(rule, w, g, slots[1:], parameters, 1, 0.1)
    if parameters:
        with pytest.raises(ValueError, match="parameters"):
            _core.step(rule, w, g, slots, parameters[1:], 1, 0.1)
    with pytest.raises(ValueError, match="newton"):
        _core.step("newton", w, g, slots, parameters, 1, 0.1)
    assert np.array_equal(w, before)


def frozen(array: FloatArray) -> FloatArray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def test_wrong_arrays_raise_and_nothing_is_converted(dtype: DType) -> None:
    w, g, slot = (np.ones(9, dtype) for _ in range(3))
    other = np.ones(9, np.float32 if dtype == np.float64 else np.float64)
    swapped = np.ones(9, dtype.newbyteorder())
    pair, wide = np.ones((3, 3), dtype), np.ones(18, dtype)
    wrong: list[tuple[type[Exception], Any, Any, Any]] = [
        (ValueError, w[:8], g, slot),
        (ValueError, w, g[:8], slot),
        (ValueError, w, g, slot[:8]),
        (ValueError, wide[::2], g, slot),
        (ValueError, w, wide[::2], slot),
        (ValueError, w, g, wide[::2]),
        (ValueError, pair, g, slot),
        (ValueError, w, g, pair),
        (ValueError, frozen(w), g, slot),
        (ValueError, w, g, frozen(slot)),
        (TypeError, other, g, slot),
        (TypeError, w, other, slot),
        (TypeError, w, g, other),
        (TypeError, w, swapped, slot),
        (TypeError, w, np.ones(9, np.int64), slot),
        (TypeError, w, g.tolist(), slot),
        (TypeError, w, g, slot.tolist()),
    ]
    for error, first, second, third in wrong:
        with pytest.raises(error):
            _core.step("momentum", first, second, [third], [0.9], 1, 0.1)
    for array in (w, g, slot, other, swapped, pair, wide):
        assert np.all(array == 1)
    _core.step("momentum", w, frozen(g), [slot], [0.9], 1, 0.1)  # gradients are only read
    assert not np.any(w == 1)
