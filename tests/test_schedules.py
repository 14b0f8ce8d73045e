"""Schedules: every one of the registry through the same tests."""

import copy
import inspect
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline import schedules
from fallline.schedules import (
    Constant,
    Cosine,
    CosineWarmRestarts,
    Cyclic,
    Exponential,
    InverseScaling,
    InverseSqrt,
    Linear,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
    WarmupStableDecay,
    as_schedule,
)
from reference_schedules import REFERENCE
from schedule_cases import ANY, REGISTRY, SINGLE, arguments, constructed, reciprocal

STARTS = st.integers(0, 200) | st.integers(0, 2**40)
COUNTS = st.integers(0, 300)


def test_the_registry_holds_schedules() -> None:
    assert {Constant, Step, Exponential, Cosine, Linear} <= set(REGISTRY)
    assert all(issubclass(schedule, Schedule) for schedule in REGISTRY)


# What holds for every schedule


@given(schedule=ANY, start=STARTS, count=COUNTS)
def test_values_equal_calls_to_the_bit(schedule: Schedule, start: int, count: int) -> None:
    values = schedule.values(start, count)
    calls = np.array([schedule(step) for step in range(start, start + count)], np.float64)
    assert values.dtype == np.float64
    assert values.tobytes() == calls.tobytes()


@given(schedule=ANY, step=STARTS)
def test_a_learning_rate_is_a_finite_float_and_not_negative(schedule: Schedule, step: int) -> None:
    assert type(schedule(step)) is float
    assert 0 <= schedule(step) < math.inf


@given(schedule=ANY, beyond=STARTS)
def test_a_schedule_holds_its_last_value_past_its_end(schedule: Schedule, beyond: int) -> None:
    if schedule.length is not None:
        assert schedule(schedule.length + beyond) == schedule(schedule.length)


@given(schedule=ANY)
def test_a_schedule_prints_as_it_is_made(schedule: Schedule) -> None:
    again = eval(repr(schedule), vars(schedules) | {"reciprocal": reciprocal})
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert repr(again) == repr(schedule)


@given(schedule=ANY)
def test_a_schedule_survives_pickle_and_copy(schedule: Schedule) -> None:
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert copy.deepcopy(schedule) == schedule


@given(schedule=SINGLE)
def test_a_schedule_never_changes(schedule: Schedule) -> None:
    for name in vars(schedule):
        with pytest.raises(AttributeError, match="never changes"):
            setattr(schedule, name, 0.5)
        with pytest.raises(AttributeError, match="never changes"):
            delattr(schedule, name)
    values = schedule.values(0, 3)
    values[:] = -1  # the array is the caller's
    assert schedule(0) >= 0


@pytest.mark.parametrize("schedule", REGISTRY)
@given(data=st.data())
def test_arguments_can_be_read_back_and_tell_schedules_apart(
    schedule: type[Schedule], data: st.DataObject
) -> None:
    given = data.draw(arguments(schedule))
    assert list(given) == list(inspect.signature(schedule).parameters)
    made = schedule(**given)
    assert {name: getattr(made, name) for name in given} == given
    assert made == schedule(*given.values())
    assert made != schedule(**given | {"learning_rate": 20.0})


@pytest.mark.parametrize("schedule", REGISTRY)
@given(data=st.data())
def test_a_schedule_is_that_of_the_reference(schedule: type[Schedule], data: st.DataObject) -> None:
    given = data.draw(arguments(schedule))
    expected = REFERENCE[schedule.__name__](np.arange(300.0), **given)
    # Of the highest rate: 4 units of rounding for the share of the way, which times pi goes into a
    # cosine or, times its exponent, into a power that falls as the exponent grows; and 4 after it.
    tolerance = 8 * float(np.finfo(np.float64).eps) * expected.max()
    values = schedule(**given).values(0, 300)
    np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance)


@given(rate=st.floats(1e-3, 10.0))
def test_schedules_of_different_classes_differ(rate: float) -> None:
    assert Constant(rate) != as_schedule(lambda _: rate)
    assert Constant(rate) != rate


# What each one is


@pytest.mark.parametrize(
    ("schedule", "expected", "length"),
    [
        (Constant(0.5), [0.5, 0.5, 0.5], None),
        (Step(8.0, 2, gamma=0.5), [8, 8, 4, 4, 2, 2], None),
        (Exponential(8.0, 0.5), [8, 4, 2, 1], None),
        (Cosine(1.0, 2), [1, 0.5, 0, 0, 0], 2),
        (Cosine(1.0, 2, eta_min=0.5), [1, 0.75, 0.5, 0.5], 2),
        (Linear(3.0, 2), [1, 2, 3, 3], 2),
        (Linear(1.0, 4, 1.0, 0.0), [1, 0.75, 0.5, 0.25, 0, 0], 4),
        (MultiStep(8.0, [2, 3, 3], gamma=0.5), [8, 8, 4, 1, 1], 3),
        (CosineWarmRestarts(1.0, 2), [1, 0.5, 1, 0.5, 1], None),
        (CosineWarmRestarts(1.0, 1, T_mult=2, eta_min=0.5), [1, 1, 0.75, 1], None),
        (OneCycle(1.0, 5, 0.6, "linear", 2, 4), [0.5, 0.75, 1, 0.5625, 0.125, 0.125], 4),
        (OneCycle(1.0, 5, 0.6, "cos", 2, 4), [0.5, 0.75, 1, 0.5625, 0.125, 0.125], 4),
        (
            OneCycle(1.0, 8, 3 / 8, "linear", 2, 5, three_phase=True),
            [0.5, 0.75, 1, 0.75, 0.5, 11 / 30, 7 / 30, 0.1, 0.1],
            7,
        ),
        (OneCycle(1.0, 4, 0.25, "linear", 2, 4), [1, 17 / 24, 10 / 24, 0.125], 3),
        (Polynomial(1.0, 2, power=2.0), [1, 0.25, 0, 0], 2),
        (Cyclic(1.0, 3.0, 2), [1, 2, 3, 2, 1, 2, 3], None),
        (Cyclic(1.0, 5.0, 1, 2, mode="triangular2"), [1, 5, 3, 1, 3, 2, 1, 2], None),
        (Cyclic(1.0, 5.0, 1, mode="exp_range", gamma=0.5), [1, 3, 1, 1.5, 1], None),
        (InverseScaling(1.0), [1, 0.5**0.5, (1 / 3) ** 0.5, 0.5], None),
        (InverseScaling(1.0, power_t=0.25), [1, 0.5**0.25], None),
        (InverseScaling(1.0, power_t=2), [1, 1 / 4, 1 / 9], None),
        (InverseSqrt(1.0, 1), [1, 0.5**0.5, (1 / 3) ** 0.5, 0.5], None),
        (InverseSqrt(1.0, 2).warmup(2), [0, 0.5, 1, (2 / 3) ** 0.5, 0.5**0.5], None),
        (WarmupStableDecay(1.0, 2, 1, 2, 0.25), [0, 0.5, 1, 1, 0.5, 0.25, 0.25], 5),
        (WarmupStableDecay(1.0, 2, 0, 1), [0, 0.5, 1, 0.1, 0.1], 3),
        (Constant(0.5).warmup(2), [0, 0.25, 0.5, 0.5], None),
        (Constant(0.5).warmup(2, start_factor=0.5), [0.25, 0.375, 0.5, 0.5], None),
        (Cosine(1.0, 2).warmup(2), [0, 0.5, 1, 0.5, 0, 0], 4),
        (Linear(3.0, 2).warmup(2), [0, 0.5, 1, 2, 3, 3], 4),
        (Cosine(1.0, 2).then(Constant(0.25)), [1, 0.5, 0.25, 0.25], None),
        (Cosine(1.0, 2).then(0.25, at=4), [1, 0.5, 0, 0, 0.25, 0.25], None),
        (Constant(1.0).then(Cosine(0.5, 2), at=1), [1, 0.5, 0.25, 0, 0], 3),
        (Constant(4.0).then(2.0, at=1).then(1.0, at=3), [4, 2, 2, 1, 1], None),
        (Cosine(1.0, 2).then(Cosine(4.0, 2)).then(Cosine(2.0, 2)), [1, 0.5, 4, 2, 2, 1, 0], 6),
        (as_schedule(reciprocal), [1, 1 / 2, 1 / 3], None),
    ],
    ids=repr,
)
def test_a_schedule_has_its_values(
    schedule: Schedule, expected: list[float], length: int | None
) -> None:
    np.testing.assert_allclose(schedule.values(0, len(expected)), expected, rtol=1e-15, atol=1e-16)
    assert schedule.length == length


@given(linear=constructed(Linear))
def test_linear_ends_at_its_end_factor(linear: Linear) -> None:
    assert linear(0) == linear.learning_rate * linear.start_factor
    end = linear.learning_rate * linear.end_factor
    assert linear(linear.steps) == pytest.approx(end, rel=0, abs=4e-16 * linear.learning_rate)


@given(schedule=SINGLE.filter(lambda schedule: schedule(0) > 0), steps=st.integers(1, 40))
def test_a_warmup_leads_up_to_the_first_value(schedule: Schedule, steps: int) -> None:
    warm = schedule.warmup(steps)
    assert warm(0) == 0
    assert np.all(np.diff(warm.values(0, steps + 1)) > 0)
    assert warm.values(steps, 50).tobytes() == schedule.values(0, 50).tobytes()


def test_the_transformer_has_its_schedule() -> None:
    n, width = 4000, 512
    t = np.arange(1.0, 20_001.0)  # the paper counts from 1, and reaches its peak at step n
    paper = width**-0.5 * np.minimum(t**-0.5, t * n**-1.5)
    schedule = InverseSqrt((width * n) ** -0.5, n).warmup(n)
    np.testing.assert_allclose(schedule.values(1, len(t)), paper, rtol=2e-15)


def test_a_stable_schedule_is_a_composition() -> None:
    stable = WarmupStableDecay(0.5, 10, 20, 30, end_factor=0.1)
    fall = Exponential(0.5, 0.1 ** (1 / 30))
    composed = Constant(0.5).then(fall, at=20).warmup(10)
    # The exponent goes up to 30 with a base that is rounded.
    rounding = 32 * float(np.finfo(np.float64).eps)
    np.testing.assert_allclose(stable.values(0, 61), composed.values(0, 61), rtol=rounding)


def test_a_number_a_schedule_and_a_function_are_schedules() -> None:
    assert as_schedule(1) == Constant(1.0)
    assert as_schedule(schedule := Cosine(0.1, 10)) is schedule
    assert as_schedule(reciprocal)(3) == 0.25


def test_the_numbers_of_numpy_are_numbers() -> None:
    ours: Any = schedules  # their types are not float and int
    assert ours.as_schedule(np.float32(0.5)) == Constant(0.5)
    assert ours.as_schedule(lambda step: np.float32(step)).values(1, 2).tolist() == [1.0, 2.0]
    assert ours.Cosine(0.1, np.int64(10)) == Cosine(0.1, 10)
    assert ours.Cosine(0.1, 10)(np.uint8(3)) == Cosine(0.1, 10)(3)
