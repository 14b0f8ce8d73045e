"""Schedules refuse bad arguments with a message that helps."""

import math
import re
from typing import Any

import numpy as np
import pytest

from fallline import schedules

POSITIVE = "learning_rate must be a positive finite number"
ANYTHING = f"{POSITIVE}, a schedule or a function of the step number"
STEPS = "steps must be a positive integer"
GAMMA = "gamma must be a number in (0, 1]"
FLOOR = "eta_min must be a number in [0, learning_rate=0.1]"
RELATIVE = "must be a number in [0, 1) with threshold_mode='rel'"
HIGHER = "max_learning_rate must be a finite number above learning_rate=0.1"
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
        ("MultiStep(0.1, [])", ValueError, "milestones must be at least one step, got []; use Con"),
        ("MultiStep(0.1, 5)", TypeError, "milestones must be a list of steps, got 5"),
        ("MultiStep(0.1, [5, 3])", ValueError, "in rising order, got [5, 3]; use sorted(...)"),
        ("MultiStep(0.1, [0])", ValueError, "milestones[0] must be a positive integer, got 0"),
        ("MultiStep(0.1, [1, 2.0])", TypeError, "milestones[1] must be a positive integer, got 2."),
        ("MultiStep(0.1, [5], gamma=2)", ValueError, f"{GAMMA}, got 2"),
        ("CosineWarmRestarts(0.1, 0)", ValueError, f"{STEPS}, got 0"),
        ("CosineWarmRestarts(0.1, 5, T_mult=0)", ValueError, "T_mult must be a positive integer"),
        ("CosineWarmRestarts(0.1, 5, T_mult=1.5)", TypeError, "T_mult must be a positive integer"),
        ("CosineWarmRestarts(0.1, 5, eta_min=1)", ValueError, f"{FLOOR}, got 1"),
        ("OneCycle(0.1, 1)", ValueError, "steps must be at least 2, a first and a last, got 1; us"),
        ("OneCycle(0.1, 0)", ValueError, f"{STEPS}, got 0"),
        (
            "OneCycle(0.1, 9, pct_start=1.5)",
            ValueError,
            "pct_start must be a number in [0, 1], got",
        ),
        (
            "OneCycle(0.1, 9, pct_start=0.7, three_phase=True)",
            ValueError,
            "pct_start must be a number in [0, 0.5] with three_phase=True, got 0.7",
        ),
        (
            "OneCycle(0.1, 9, anneal_strategy='cosine')",
            ValueError,
            "anneal_strategy must be one of 'cos', 'linear'; got 'cosine', did you mean 'cos'?",
        ),
        ("OneCycle(0.1, 9, anneal_strategy=None)", TypeError, "one of 'cos', 'linear'; got None"),
        ("OneCycle(0.1, 9, div_factor=0.5)", ValueError, "div_factor must be a finite number >= 1"),
        ("OneCycle(0.1, 9, final_div_factor=inf)", ValueError, "final_div_factor must be a finite"),
        ("OneCycle(0.1, 9, three_phase=1)", TypeError, "three_phase must be True or False, got 1"),
        ("Polynomial(0.1, 0)", ValueError, f"{STEPS}, got 0"),
        (
            "Polynomial(0.1, 5, power=0)",
            ValueError,
            "power must be a positive finite number, got 0",
        ),
        ("Cyclic(0.1, 0.1, 5)", ValueError, f"{HIGHER}, got 0.1"),
        ("Cyclic(0.1, inf, 5)", ValueError, f"{HIGHER}, got inf"),
        ("Cyclic(0.1, None, 5)", TypeError, f"{HIGHER}, got None"),
        ("Cyclic(0.1, 1, 0)", ValueError, "steps_up must be a positive integer, got 0"),
        ("Cyclic(0.1, 1, 5, 0)", ValueError, "steps_down must be a positive integer, got 0"),
        ("Cyclic(0.1, 1, 5, mode='exprange')", ValueError, "'exprange', did you mean 'exp_range'?"),
        (
            "Cyclic(0.1, 1, 5, mode='x')",
            ValueError,
            "'triangular', 'triangular2', 'exp_range'; got",
        ),
        ("Cyclic(0.1, 1, 5, gamma=0.9)", ValueError, "gamma must be 1 with mode='triangular', got"),
        ("Cyclic(0.1, 1, 5, mode='exp_range', gamma=2)", ValueError, f"{GAMMA}, got 2"),
        ("InverseScaling(0)", ValueError, f"{POSITIVE}, got 0"),
        (
            "InverseScaling(0.1, power_t=-1)",
            ValueError,
            "power_t must be a finite number >= 0, got",
        ),
        ("InverseSqrt(0.1, 0)", ValueError, f"{STEPS}, got 0"),
        ("WarmupStableDecay(0.1, 0, 5, 5)", ValueError, "warmup_steps must be a positive integer"),
        ("WarmupStableDecay(0.1, 5, -1, 5)", ValueError, "stable_steps must be a non-negative int"),
        ("WarmupStableDecay(0.1, 5, 5, 0)", ValueError, "decay_steps must be a positive integer"),
        (
            "WarmupStableDecay(0.1, 5, 5, 5, end_factor=0)",
            ValueError,
            "end_factor must be a number in (0, 1], got 0; a decay to 0 is .then(Polynomial(...))",
        ),
        ("ReduceOnPlateau(0)", ValueError, f"{POSITIVE}, got 0"),
        ("ReduceOnPlateau(0.1, 'low')", ValueError, "mode must be one of 'min', 'max'; got 'low'"),
        ("ReduceOnPlateau(0.1, factor=1)", ValueError, "factor must be a number in (0, 1), got 1"),
        ("ReduceOnPlateau(0.1, patience=-1)", ValueError, "patience must be a non-negative integ"),
        ("ReduceOnPlateau(0.1, threshold=1)", ValueError, f"threshold {RELATIVE}, got 1"),
        (
            "ReduceOnPlateau(0.1, threshold=-1, threshold_mode='abs')",
            ValueError,
            "threshold must be a finite number >= 0, got -1",
        ),
        (
            "ReduceOnPlateau(0.1, threshold_mode='relative')",
            ValueError,
            "threshold_mode must be one of 'rel', 'abs'; got 'relative'",
        ),
        ("ReduceOnPlateau(0.1, cooldown=0.5)", TypeError, "cooldown must be a non-negative integ"),
        (
            "ReduceOnPlateau(0.1, min_learning_rate=1)",
            ValueError,
            "min_learning_rate must be a number in [0, learning_rate=0.1], got 1",
        ),
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
