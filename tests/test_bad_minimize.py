"""What `minimize` refuses, before a single step."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import fallline as fl
from refusals import Refusal, argument, named


def minimize(**given: Any) -> Callable[[], object]:
    whole: dict[str, Any] = {"fun": lambda x: (x @ x, 2 * x), "x0": [1.0, 2.0], "jac": True} | given
    return lambda: fl.minimize(**whole)


class Sides(NamedTuple):
    """As scipy.optimize.Bounds, which checks little of itself."""

    lb: Any
    ub: Any


def refused(name: str, value: object, error: type[Exception], *patterns: str) -> Refusal:
    shown = "a function" if callable(value) else f"{value!r:.30}"
    return Refusal(f"{name}={shown}", minimize(**{name: value}), error, patterns)


def call(**given: object) -> object:
    return minimize(**given)()


REFUSALS = [
    refused("fun", 3.0, TypeError, "fun must be a function, got 3.0; the order is minimize"),
    refused("fun", lambda x: x, ValueError, r"gradient must have shape \(2,\) .* got shape \(\)"),
    refused("fun", lambda _: 1.0, TypeError, "a value and a gradient with jac=True, got 1.0"),
    refused("fun", lambda x: (x, x), TypeError, "fun must return a number, got array.*jac=True"),
    refused("fun", lambda x: (None, x), TypeError, "fun must return a number, got None"),
    refused(
        "fun", lambda _: (1.0, [1.0]), ValueError, r"gradient must have shape \(2,\).*got shape \(1"
    ),
    refused("fun", lambda x: (math.nan, x), ValueError, "fun must be finite at x0, got nan; begin"),
    refused("fun", lambda x: (math.inf, x), ValueError, "fun must be finite at x0, got inf; begin"),
    refused("fun", lambda x: (1.0, x * np.inf), ValueError, "the gradient must be finite at x0"),
    refused("x0", [[1.0]], ValueError, r"x0 must be 1-dim.* got shape \(1, 1\); pass x0\.ravel"),
    refused("x0", [], ValueError, r"x0 must be .*not empty, got shape \(0,\)"),
    refused("x0", [1.0, math.nan], ValueError, "x0 must be finite, got nan at place 1"),
    refused("x0", "start", TypeError, "x0 must be an array of numbers, got 'start'"),
    argument(call, "jac", "2-point", TypeError, "a function, True or None", "differences"),
    argument(call, "callback", 3, TypeError, "a function or None"),
    refused("bounds", [(0, 1)], ValueError, "bounds must be 2 pairs, one for each .*, got 1"),
    argument(call, "bounds", [0, 1], TypeError, "pairs of numbers or None", "scipy.optimize.Bo"),
    argument(call, "bounds", 3, TypeError, "pairs of numbers or None"),
    argument(call, "bounds", [("a", 1), (0, 1)], TypeError, "pairs of numbers or None"),
    refused("bounds", [(0, 1), (2, 1)], ValueError, "lower <= upper, got .*2.*1.* at place 1"),
    refused("bounds", [(0, 1), (math.nan, 1)], ValueError, "lower <= upper, got .*nan.* place 1"),
    refused("bounds", [(math.inf, None), (0, 1)], ValueError, "bounds must leave numbers, got"),
    refused("bounds", Sides([0.0] * 3, 1.0), ValueError, r"bounds.lb must have shape \(2,\).*\(3,"),
    refused("constraints", [{"type": "eq"}], ValueError, "constraints must be empty", "SLSQP"),
    argument(call, "tol", -1.0, ValueError, "a finite number >= 0"),
    argument(call, "tol", "small", TypeError, "a finite number >= 0"),
    argument(call, "maxiter", -1, ValueError, "a non-negative integer"),
    argument(call, "maxiter", 10.0, TypeError, "a non-negative integer", "write 10"),
    argument(call, "disp", 1, TypeError, "True or False"),
    argument(call, "options", 3, TypeError, "a dict"),
    refused("options", {"max_iter": 3}, ValueError, "options must be one of .*did you mean 'maxi"),
    argument(call, "optimizer", "adam", TypeError, "one of fallline.optim that steps arrays"),
    argument(call, "optimizer", fl.optim.SAGA(0.1), TypeError, "that steps arrays, or None"),
    argument(call, "learning_rate", -1.0, ValueError, "positive"),
    argument(call, "learning_rate", "best", TypeError, ""),
    Refusal(
        "both rates",
        minimize(optimizer=fl.optim.SGD(0.1), learning_rate=0.1),
        ValueError,
        ("learning_rate must be 'auto' with an optimizer, got 0.1; give it to SGD",),
    ),
    refused("optimizer", fl.optim.SGD("auto"), ValueError, "learning_rate must be .*got 'auto'"),
    refused("optimizer", fl.optim.SGD(0.1, maximize=True), ValueError, "maximize must be False"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_bad_arguments_are_refused(refusal: Refusal) -> None:
    refusal.check()


@pytest.mark.parametrize(
    "given",
    [
        {"bounds": [(0, 1)]},
        {"tol": -1.0},
        {"optimizer": fl.optim.SGD("auto")},
        {"optimizer": fl.optim.Adam(0.1, groups=[{"params": [3]}])},
        {"constraints": [1]},
        {"options": {"max": 3}},
    ],
)
def test_they_are_refused_before_any_call_of_the_function(given: Any) -> None:
    calls: list[object] = []
    with pytest.raises((TypeError, ValueError)):
        fl.minimize(calls.append, [1.0, 2.0], jac=True, **given)
    assert not calls


def test_an_error_of_the_function_is_passed_on() -> None:
    def fun(x: Any) -> float:
        raise ZeroDivisionError(str(x))

    with pytest.raises(ZeroDivisionError):
        fl.minimize(fun, [1.0], jac=True)
