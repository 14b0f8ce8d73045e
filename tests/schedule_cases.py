"""All schedules and what their arguments may be."""

import inspect
from typing import Any

from hypothesis import strategies as st

from fallline import schedules
from fallline.schedules import (
    Cyclic,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    WarmupStableDecay,
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
    "milestones": st.lists(st.integers(1, 200), min_size=1, max_size=5).map(sorted).map(tuple),
    "T_mult": st.integers(1, 3),
    "pct_start": st.floats(0.0, 0.5),
    "anneal_strategy": st.sampled_from(["cos", "linear"]),
    "div_factor": st.floats(1.0, 100.0),
    "final_div_factor": st.floats(1.0, 1e5),
    "three_phase": st.booleans(),
    "power": st.floats(0.1, 5.0),
    "power_t": st.sampled_from([0.25, 0.5]) | st.floats(0.0, 2.0),
    "max_learning_rate": st.floats(21.0, 50.0),
    "steps_up": st.integers(1, 40),
    "steps_down": st.none() | st.integers(1, 40),
    "warmup_steps": st.integers(1, 40),
    "stable_steps": st.integers(0, 40),
    "decay_steps": st.integers(1, 40),
    "factor": st.floats(0.0, 1.0, exclude_min=True, exclude_max=True),
    "patience": st.integers(0, 4),
    "threshold": st.floats(0.0, 0.5),
    "threshold_mode": st.sampled_from(["rel", "abs"]),
    "cooldown": st.integers(0, 3),
    "min_learning_rate": st.floats(0.0, 1e-3),
    "start_factor": st.floats(0.0, 1.0),
    "end_factor": st.floats(0.0, 1.0),
}


# Where a class asks for more than the keyword says.
SPECIAL: dict[type[Schedule], dict[str, st.SearchStrategy[Any]]] = {
    ReduceOnPlateau: {"mode": st.sampled_from(["min", "max"])},
    WarmupStableDecay: {"end_factor": st.floats(0.0, 1.0, exclude_min=True)},
    OneCycle: {"steps": st.integers(2, 40)},
    Cyclic: {"mode": st.sampled_from(["triangular", "triangular2", "exp_range"])},
}


def arguments(schedule: type[Schedule]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments with which a schedule can be constructed."""
    known = ARGUMENTS | SPECIAL.get(schedule, {})
    names = list(inspect.signature(schedule).parameters)

    def ordered(drawn: dict[str, Any]) -> dict[str, Any]:  # which hypothesis leaves open
        drawn = {name: drawn[name] for name in names}
        unused = schedule is Cyclic and drawn["mode"] != "exp_range"
        return drawn | {"gamma": 1.0} if unused else drawn

    return st.fixed_dictionaries({name: known[name] for name in names}).map(ordered)


def constructed(schedule: type[Schedule]) -> st.SearchStrategy[Schedule]:
    return arguments(schedule).map(lambda drawn: schedule(**drawn))


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
