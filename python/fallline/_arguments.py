"""Check single numbers: argument, requirement, what came, and the way out."""

import math
from collections.abc import Callable, Sequence

import numpy as np

LARGEST = 2**53  # up to here float64 holds every integer, so dividing by one is the same in NumPy
INTEGER = (int, np.integer)
NUMBER = (*INTEGER, float, np.floating)


def number(
    name: str,
    value: object,
    requirement: str,
    accepts: Callable[[float], bool],
    remedy: str = "",
) -> float:
    """Return ``value`` as a float that ``accepts`` says yes to, or raise."""
    error: type[Exception] = TypeError
    if isinstance(value, NUMBER) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:  # an integer beyond the range of float64
            result = math.inf
        if accepts(result):
            return result
        error = ValueError
    message = f"{name} must be {requirement}, got {value!r}" + (f"; {remedy}" if remedy else "")
    raise error(message)


def positive(name: str, value: object, requirement: str = "a positive finite number") -> float:
    """Return ``value`` as a positive finite float, or raise."""
    return number(name, value, requirement, lambda x: 0 < x < math.inf)


def not_negative(name: str, value: object) -> float:
    """Return ``value`` as a finite float of at least 0, or raise."""
    return number(name, value, "a finite number >= 0", lambda x: 0 <= x < math.inf)


def fraction(name: str, value: object, remedy: str) -> float:
    """Return ``value`` as a float in [0, 1], or raise."""
    return number(name, value, "a number in [0, 1]", lambda x: 0 <= x <= 1, remedy)


def up_to(name: str, value: object, learning_rate: float) -> float:
    """Return a lower learning rate as a float in [0, learning_rate], or raise."""
    requirement = f"a number in [0, learning_rate={learning_rate!r}]"
    return number(name, value, requirement, lambda x: 0 <= x <= learning_rate)


def boolean(name: str, value: object) -> bool:
    """Return ``value`` as a bool, or raise."""
    if not isinstance(value, bool | np.bool_):
        message = f"{name} must be True or False, got {value!r}"
        raise TypeError(message)
    return bool(value)


def integer(name: str, value: object, minimum: int = 0) -> int:
    """Return ``value`` as an int of at least ``minimum`` (0 or 1), or raise."""
    error: type[Exception] = TypeError
    remedy = ""
    if isinstance(value, INTEGER) and not isinstance(value, bool):
        if minimum <= value <= LARGEST:
            return int(value)
        error = ValueError
        if value > LARGEST:
            remedy = f"; the largest is {LARGEST}"
    elif isinstance(value, float) and value.is_integer():  # 1e4 is a likely way to write 10_000
        remedy = f"; write {int(value)}"
    requirement = "a positive integer" if minimum else "a non-negative integer"
    message = f"{name} must be {requirement}, got {value!r}{remedy}"
    raise error(message)


def one_of(name: str, value: object, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of a few words, or raise."""
    if isinstance(value, str) and value in choices:
        return value
    known = ", ".join(map(repr, choices))
    error: type[Exception] = TypeError
    remedy = ""
    if isinstance(value, str):
        from difflib import get_close_matches  # here, as importing it takes a millisecond

        error = ValueError
        close = get_close_matches(value, choices, n=1)
        remedy = f", did you mean {close[0]!r}?" if close else ""
    message = f"{name} must be one of {known}; got {value!r}{remedy}"
    raise error(message)
