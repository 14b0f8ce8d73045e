"""Schedules: every one of the registry through the same tests, and step by step against torch."""

import copy
import inspect
import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline import schedules
from fallline.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    Schedule,
    Step,
    as_schedule,
)

REGISTRY = [
    member
    for name in schedules.__all__
    if isinstance(member := getattr(schedules, name), type) and member is not Schedule
]

# What each argument may be; a new keyword is missing here until somebody says what it may be.
ARGUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "learning_rate": st.floats(1e-3, 10.0),
    "steps": st.integers(1, 40),
    "gamma": st.floats(0.0, 1.0, exclude_min=True),
    "eta_min": st.floats(0.0, 1e-3),
    "start_factor": st.floats(0.0, 1.0),
    "end_factor": st.floats(0.0, 1.0),
}


def constructed(schedule: type[Schedule]) -> st.SearchStrategy[Schedule]:
    names = inspect.signature(schedule).parameters
    return st.builds(schedule, **{name: ARGUMENTS[name] for name in names})


def continued(inner: st.SearchStrategy[Schedule]) -> st.SearchStrategy[Schedule]:
    """Sequences and warm-ups of what ``inner`` draws."""

    def after(first: Schedule, second: Schedule, steps: int) -> Schedule:
        begun: int = getattr(first, "at", 0) if first.length is None else first.length
        return first.then(second, at=begun + steps)

    sequences = st.builds(after, inner, inner, ARGUMENTS["steps"])
    warm = inner.filter(lambda schedule: schedule(0) > 0)
    return sequences | st.builds(
        Schedule.warmup, warm, ARGUMENTS["steps"], ARGUMENTS["start_factor"]
    )


def reciprocal(step: int) -> float:
    return 1.0 / (1.0 + step)


SINGLE = st.one_of([constructed(schedule) for schedule in REGISTRY])
ANY = st.recursive(SINGLE | st.just(as_schedule(reciprocal)), continued, max_leaves=4)
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
    names = list(inspect.signature(schedule).parameters)
    arguments = {name: data.draw(ARGUMENTS[name]) for name in names}
    made = schedule(**arguments)
    assert {name: getattr(made, name) for name in names} == arguments
    assert made == schedule(*arguments.values())
    assert made != schedule(**arguments | {"learning_rate": 20.0})


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


# torch

RATE, COUNT = 0.8, 60


def torch_values(torch: Any, make: Callable[[Any, Any], Any]) -> list[float]:
    """Return the learning rates of a torch scheduler, by making its steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], RATE)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(COUNT):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def assert_agrees(schedule: Schedule, expected: list[float]) -> None:
    # torch goes from value to value, so its rounding adds up over the steps.
    tolerance = 8 * COUNT * float(np.finfo(np.float64).eps) * RATE
    for start in (0, len(expected) // 3):
        values = schedule.values(start, len(expected) - start)
        np.testing.assert_allclose(values, expected[start:], rtol=0, atol=tolerance)


# Per name: ours, torch's and the number of steps for which they are the same.
TORCH: dict[str, tuple[Schedule, Callable[[Any, Any], Any], int]] = {
    "Constant": (Constant(RATE), lambda t, o: t.ConstantLR(o, factor=1.0), COUNT),
    "Step": (Step(RATE, 7), lambda t, o: t.StepLR(o, 7), COUNT),
    "Exponential": (Exponential(RATE, 0.9), lambda t, o: t.ExponentialLR(o, 0.9), COUNT),
    "Cosine": (
        Cosine(RATE, 40, eta_min=0.1),
        lambda t, o: t.CosineAnnealingLR(o, 40, eta_min=0.1),
        41,  # then torch's rises again
    ),
    "Linear": (Linear(RATE, 5), lambda t, o: t.LinearLR(o), COUNT),
}


@pytest.mark.parametrize("name", [schedule.__name__ for schedule in REGISTRY])
def test_a_schedule_is_that_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    schedule, make, count = TORCH[name]
    assert_agrees(schedule, torch_values(torch, make)[:count])


def test_arguments_mean_what_they_mean_in_torch() -> None:
    torch = pytest.importorskip("torch")
    expected = torch_values(torch, lambda t, o: t.StepLR(o, 3, gamma=0.5))
    assert_agrees(Step(RATE, 3, gamma=0.5), expected)
    expected = torch_values(torch, lambda t, o: t.LinearLR(o, 0.9, 0.2, total_iters=30))
    assert_agrees(Linear(RATE, 30, start_factor=0.9, end_factor=0.2), expected)


@pytest.mark.parametrize("name", ["Constant", "Step", "Exponential", "Cosine"])
def test_warmup_is_the_composition_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    schedule, make, count = TORCH[name]

    def composition(t: Any, optimizer: Any) -> Any:
        rise = t.LinearLR(optimizer, start_factor=0.25, total_iters=10)
        return t.SequentialLR(optimizer, [rise, make(t, optimizer)], milestones=[10])

    expected = torch_values(torch, composition)[: count + 10]
    assert_agrees(schedule.warmup(10, start_factor=0.25), expected)


def test_then_changes_at_the_milestones_of_torch() -> None:
    torch = pytest.importorskip("torch")

    def composition(t: Any, optimizer: Any) -> Any:
        parts = [
            t.LinearLR(optimizer, total_iters=8),
            t.ConstantLR(optimizer, factor=1.0),
            t.ExponentialLR(optimizer, 0.9),
            t.CosineAnnealingLR(optimizer, 30),
        ]
        return t.SequentialLR(optimizer, parts, milestones=[8, 20, 30])

    schedule = (
        Linear(RATE, 8).then(RATE).then(Exponential(RATE, 0.9), at=20).then(Cosine(RATE, 30), at=30)
    )
    assert schedule.length == 60
    assert_agrees(schedule, torch_values(torch, composition))


# Bad arguments

POSITIVE = "learning_rate must be a positive finite number"
ANYTHING = f"{POSITIVE}, a schedule or a function of the step number"
STEPS = "steps must be a positive integer"
GAMMA = "gamma must be a number in (0, 1]"
FLOOR = "eta_min must be a number in [0, learning_rate=0.1]"
LATER = (
    "at must be above 10, where Constant(0.2) begins, got 10; it counts from the start of the whole"
)


def growing(step: int) -> float:
    return -0.5 if step == 3 else math.inf


def odd(step: int) -> Any:
    return None if step else True


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ("Constant(0)", ValueError, f"{POSITIVE}, got 0"),
        ("Constant(-0.1)", ValueError, f"{POSITIVE}, got -0.1"),
        ("Step(nan, 5)", ValueError, f"{POSITIVE}, got nan"),
        ("Exponential(inf, 0.5)", ValueError, f"{POSITIVE}, got inf"),
        ("Constant(10**400)", ValueError, f"{POSITIVE}, got 1000"),
        ("Constant('0.1')", TypeError, f"{POSITIVE}, got '0.1'"),
        ("Cosine(True, 5)", TypeError, f"{POSITIVE}, got True"),
        ("Linear(None, 5)", TypeError, f"{POSITIVE}, got None"),
        ("Constant(array([0.1]))", TypeError, f"{POSITIVE}, got array([0.1])"),
        ("Constant(1j)", TypeError, f"{POSITIVE}, got 1j"),
        ("Step(0.1, 0)", ValueError, f"{STEPS}, got 0"),
        ("Cosine(0.1, -3)", ValueError, f"{STEPS}, got -3"),
        ("Cosine(0.1, 2**60)", ValueError, "; the largest is 9007199254740992"),
        ("Cosine(0.1, 1e4)", TypeError, f"{STEPS}, got 10000.0; write 10000"),
        ("Linear(0.1, 2.5)", TypeError, f"{STEPS}, got 2.5"),
        ("Linear(0.1, nan)", TypeError, f"{STEPS}, got nan"),
        ("Step(0.1, True)", TypeError, f"{STEPS}, got True"),
        ("Step(0.1, '5')", TypeError, f"{STEPS}, got '5'"),
        ("Step(0.1, 5, gamma=0)", ValueError, f"{GAMMA}, got 0"),
        ("Step(0.1, 5, gamma=-0.5)", ValueError, f"{GAMMA}, got -0.5"),
        ("Exponential(0.1, nan)", ValueError, f"{GAMMA}, got nan"),
        ("Exponential(0.1, 1.1)", ValueError, f"{GAMMA}, got 1.1; a rate that grows is a function"),
        ("Exponential(0.1, None)", TypeError, f"{GAMMA}, got None"),
        ("Cosine(0.1, 5, eta_min=0.2)", ValueError, f"{FLOOR}, got 0.2"),
        ("Cosine(0.1, 5, eta_min=-0.1)", ValueError, f"{FLOOR}, got -0.1"),
        ("Cosine(0.1, 5, eta_min='0')", TypeError, f"{FLOOR}, got '0'"),
        (
            "Linear(0.1, 5, start_factor=-0.1)",
            ValueError,
            "start_factor must be a number in [0, 1]",
        ),
        (
            "Linear(0.1, 5, start_factor=2)",
            ValueError,
            "got 2; learning_rate is the rate at factor",
        ),
        ("Linear(0.1, 5, end_factor=nan)", ValueError, "end_factor must be a number in [0, 1]"),
        ("Linear(0.1, 5, end_factor=[1])", TypeError, "end_factor must be a number in [0, 1]"),
        ("Constant(0.1).warmup(0)", ValueError, f"{STEPS}, got 0"),
        ("Constant(0.1).warmup(0.5)", TypeError, f"{STEPS}, got 0.5"),
        (
            "Constant(0.1).warmup(5, 2)",
            ValueError,
            "got 2; it is a fraction of the schedule's first",
        ),
        ("Linear(0.1, 5, 0.0).warmup(5)", ValueError, "must be positive, got 0.0; Linear(0.1, st"),
        ("Constant(0.1).then(0.2)", ValueError, "after a schedule without an end, got None; say"),
        ("Constant(0.1).then(0.2, at=0)", ValueError, "at must be a positive integer, got 0"),
        ("Constant(0.1).then(0.2, at=5.0)", TypeError, "integer, got 5.0; write 5"),
        ("Constant(0.1).then(0.2, at=10).then(0.3, at=10)", ValueError, LATER),
        ("Constant(0.1).then(-1, at=5)", ValueError, f"{ANYTHING}, got -1"),
        ("Cosine(0.1, 5).then(None)", TypeError, f"{ANYTHING}, got None"),
        ("as_schedule('fast')", TypeError, f"{ANYTHING}, got 'fast'"),
        ("as_schedule(Cosine)", TypeError, f"{ANYTHING}, got <class 'fallline.schedules."),
        ("as_schedule(nan)", ValueError, f"{ANYTHING}, got nan"),
        ("as_schedule(False)", TypeError, f"{ANYTHING}, got False"),
        ("as_schedule(growing)(3)", ValueError, "the learning rate of step 3 must be a finite"),
        ("as_schedule(growing)(3)", ValueError, ">= 0, got -0.5; as_schedule(growing) returned it"),
        (
            "as_schedule(growing).values(5, 2)",
            ValueError,
            "step 5 must be a finite number >= 0, got",
        ),
        ("as_schedule(odd)(0)", TypeError, "step 0 must be a finite number >= 0, got True"),
        ("as_schedule(odd)(2)", TypeError, "step 2 must be a finite number >= 0, got None"),
        ("Constant(0.1).then(growing, at=4).values(0, 9)", ValueError, "rate of step 0 must be"),
        ("Constant(0.1)(-1)", ValueError, "step must be a non-negative integer, got -1"),
        ("Constant(0.1)(1.0)", TypeError, "step must be a non-negative integer, got 1.0; write 1"),
        ("Constant(0.1).values(-1, 5)", ValueError, "start must be a non-negative integer, got -1"),
        ("Constant(0.1).values(0, -5)", ValueError, "count must be a non-negative integer, got -5"),
        ("Constant(0.1).values(0, None)", TypeError, "count must be a non-negative integer, got N"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(
    call: str, error: type[Exception], message: str
) -> None:
    names = {"nan": math.nan, "inf": math.inf, "array": np.array, "growing": growing, "odd": odd}
    with pytest.raises(error, match=re.escape(message)):
        eval(call, vars(schedules) | names)
