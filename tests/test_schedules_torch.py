"""Schedules step by step against those of torch."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from fallline.schedules import (
    Constant,
    Cosine,
    CosineWarmRestarts,
    Cyclic,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Polynomial,
    Schedule,
    Step,
)
from schedule_cases import REGISTRY

RATE, COUNT = 0.8, 60

# Rounding errors against torch, in units of the highest rate. Most of its schedules go from value
# to value, so that those of each step add up.
CHAINED = 8.0 * COUNT
# Others are formulas like ours: 4 units for the share of the way times pi, 4 after the cosine.
FORMULA = 8.0


def cyclic(steps_up: int, steps_down: int) -> float:
    """Of a place in a cycle that is found by subtracting the cycles from a quotient."""
    length = steps_up + steps_down
    return 2 * (1 + COUNT / length) * length / min(steps_up, steps_down) + FORMULA


class Pair(NamedTuple):
    """A schedule, how torch makes it, for how many steps they are the same, and how nearly."""

    ours: Schedule
    theirs: Callable[[Any, Any], Any]
    steps: int = COUNT
    rounding: float = CHAINED


PAIRS: dict[str, Pair] = {
    "Constant": Pair(Constant(RATE), lambda t, o: t.ConstantLR(o, factor=1.0)),
    "Step": Pair(Step(RATE, 7), lambda t, o: t.StepLR(o, 7)),
    "Step, gamma": Pair(Step(RATE, 3, gamma=0.5), lambda t, o: t.StepLR(o, 3, gamma=0.5)),
    "MultiStep": Pair(
        MultiStep(RATE, [5, 12, 12, 40], gamma=0.3),
        lambda t, o: t.MultiStepLR(o, [5, 12, 12, 40], gamma=0.3),
    ),
    "Exponential": Pair(Exponential(RATE, 0.9), lambda t, o: t.ExponentialLR(o, 0.9)),
    "Cosine": Pair(
        Cosine(RATE, 40, eta_min=0.1),
        lambda t, o: t.CosineAnnealingLR(o, 40, eta_min=0.1),
        41,  # then torch's rises again
    ),
    "CosineWarmRestarts": Pair(
        CosineWarmRestarts(RATE, 7, eta_min=0.1),
        lambda t, o: t.CosineAnnealingWarmRestarts(o, 7, eta_min=0.1),
        rounding=FORMULA,
    ),
    "CosineWarmRestarts, longer": Pair(
        CosineWarmRestarts(RATE, 5, T_mult=3),
        lambda t, o: t.CosineAnnealingWarmRestarts(o, 5, T_mult=3),
        rounding=FORMULA,
    ),
    "OneCycle": Pair(
        OneCycle(RATE, COUNT),
        lambda t, o: t.OneCycleLR(o, RATE, COUNT, cycle_momentum=False),
        rounding=FORMULA,
    ),
    "OneCycle, three_phase": Pair(
        OneCycle(RATE, COUNT, pct_start=0.37, div_factor=7, three_phase=True),
        lambda t, o: t.OneCycleLR(
            o, RATE, COUNT, pct_start=0.37, div_factor=7, three_phase=True, cycle_momentum=False
        ),
        rounding=FORMULA,
    ),
    "OneCycle, linear": Pair(
        OneCycle(RATE, COUNT, anneal_strategy="linear", final_div_factor=3),
        lambda t, o: t.OneCycleLR(
            o, RATE, COUNT, anneal_strategy="linear", final_div_factor=3, cycle_momentum=False
        ),
        rounding=FORMULA,
    ),
    "OneCycle, no rise": Pair(
        OneCycle(RATE, COUNT, pct_start=0.0),
        lambda t, o: t.OneCycleLR(o, RATE, COUNT, pct_start=0.0, cycle_momentum=False),
        rounding=FORMULA,
    ),
    "OneCycle, no fall": Pair(
        OneCycle(RATE, COUNT, pct_start=1.0),
        lambda t, o: t.OneCycleLR(o, RATE, COUNT, pct_start=1.0, cycle_momentum=False),
        rounding=FORMULA,
    ),
    "Polynomial": Pair(Polynomial(RATE, 5), lambda t, o: t.PolynomialLR(o)),
    "Polynomial, power": Pair(
        Polynomial(RATE, 40, power=2.5),
        lambda t, o: t.PolynomialLR(o, total_iters=40, power=2.5),
    ),
    "Linear": Pair(Linear(RATE, 5), lambda t, o: t.LinearLR(o)),
    "Linear, factors": Pair(
        Linear(RATE, 30, start_factor=0.9, end_factor=0.2),
        lambda t, o: t.LinearLR(o, 0.9, 0.2, total_iters=30),
    ),
    "Cyclic": Pair(
        Cyclic(RATE, 2.0, 6),
        lambda t, o: t.CyclicLR(o, RATE, 2.0, 6, cycle_momentum=False),
        rounding=cyclic(6, 6),
    ),
    "Cyclic, triangular2": Pair(
        Cyclic(RATE, 2.0, 3, 7, mode="triangular2"),
        lambda t, o: t.CyclicLR(o, RATE, 2.0, 3, 7, mode="triangular2", cycle_momentum=False),
        rounding=cyclic(3, 7),
    ),
    "Cyclic, exp_range": Pair(
        Cyclic(RATE, 2.0, 9, 5, mode="exp_range", gamma=0.98),
        lambda t, o: t.CyclicLR(
            o, RATE, 2.0, 9, 5, mode="exp_range", gamma=0.98, cycle_momentum=False
        ),
        rounding=cyclic(9, 5),
    ),
}

# What torch has not: scikit-learn, a paper and a paper are their sources.
NOT_IN_TORCH = {"InverseScaling", "InverseSqrt", "WarmupStableDecay"}
# What is told a metric, and has its own file.
IN_TEST_PLATEAU = {"ReduceOnPlateau"}


def made(torch: Any, make: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """Return a torch scheduler and its optimizer."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], RATE)
    return make(torch.optim.lr_scheduler, optimizer), optimizer


def rates(scheduler: Any, optimizer: Any, count: int) -> list[float]:
    """Return the learning rates of the next steps, by making them."""
    values = []
    for _ in range(count):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def assert_agrees(
    schedule: Schedule, expected: list[float], start: int = 0, rounding: float = CHAINED
) -> None:
    values = schedule.values(start, len(expected))
    highest = float(schedule.values(0, COUNT).max())
    tolerance = rounding * float(np.finfo(np.float64).eps) * highest
    np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance)


def test_every_schedule_has_its_pair_or_none_in_torch() -> None:
    paired = {name.partition(",")[0] for name in PAIRS}
    names = {schedule.__name__ for schedule in REGISTRY}
    assert paired | NOT_IN_TORCH | IN_TEST_PLATEAU == names


@pytest.mark.parametrize("name", PAIRS)
def test_a_schedule_is_that_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, count, rounding = PAIRS[name]
    # The last step is not made: torch's OneCycleLR raises there.
    expected = rates(*made(torch, theirs), count - 1)
    assert_agrees(ours, expected, rounding=rounding)


@pytest.mark.parametrize("name", PAIRS)
def test_a_schedule_goes_on_where_torch_was_loaded(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, count, rounding = PAIRS[name]
    middle = count // 3
    scheduler, optimizer = made(torch, theirs)
    rates(scheduler, optimizer, middle)
    states = copy.deepcopy((scheduler.state_dict(), optimizer.state_dict()))
    scheduler, optimizer = made(torch, theirs)
    scheduler.load_state_dict(states[0])
    optimizer.load_state_dict(states[1])
    expected = rates(scheduler, optimizer, count - middle - 1)
    assert_agrees(ours, expected, start=middle, rounding=rounding)


# torch's warm-up aims at the base learning rate, with which these do not begin.
BEGIN_ELSEWHERE = {"Linear", "Linear, factors", "OneCycle, no rise"}


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - BEGIN_ELSEWHERE))
def test_warmup_is_the_composition_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, count, rounding = PAIRS[name]

    def composition(t: Any, optimizer: Any) -> Any:
        rise = t.LinearLR(optimizer, start_factor=0.25, total_iters=10)
        return t.SequentialLR(optimizer, [rise, theirs(t, optimizer)], milestones=[10])

    expected = rates(*made(torch, composition), count + 10 - 1)
    assert_agrees(ours.warmup(10, start_factor=0.25), expected, rounding=rounding + CHAINED)


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
    assert_agrees(schedule, rates(*made(torch, composition), COUNT))
