"""Numbers and functions as schedules."""

import math
from collections.abc import Callable

from fallline._arguments import number, positive
from fallline.schedules._constant import Constant
from fallline.schedules._picture import Part
from fallline.schedules._schedule import Schedule
from fallline.typing import LearningRate


class Function(Schedule):
    """Take the learning rate of a step from the caller's function.

    Made by `as_schedule`, where the parameter is described.
    """

    function: Callable[[int], float]

    def __init__(self, function: Callable[[int], float]) -> None:
        vars(self).update(function=function)

    def __repr__(self) -> str:
        return f"as_schedule({self._name})"

    @property
    def _name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    def _parts(self) -> list[Part]:
        return [Part(0, self._name)]

    def _rate(self, step: int) -> float:
        learning_rate: object = self.function(step)  # whatever the caller wrote
        if isinstance(learning_rate, float) and 0 <= learning_rate < math.inf:
            return float(learning_rate)  # the general check below takes five times as long
        return number(
            f"the learning rate of step {step}",
            learning_rate,
            "a finite number >= 0",
            lambda x: 0 <= x < math.inf,
            f"{self!r} returned it",
        )


def as_schedule(learning_rate: LearningRate) -> Schedule:
    """Return a schedule for whatever may be given as a learning rate.

    Parameters
    ----------
    learning_rate : float, Schedule or callable
        A positive finite number, which becomes a `Constant`; a schedule, which is returned as it
        is; or a function from the step number, an int from 0, to the learning rate of that step.

    Returns
    -------
    Schedule
        The schedule. One made from a function checks each value when it is used, and raises a
        TypeError or ValueError with step and value unless it is a finite number of at least 0.

    Raises
    ------
    TypeError
        If ``learning_rate`` is none of these.
    ValueError
        If ``learning_rate`` is a number that is not positive and finite.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.as_schedule(0.1)
    Constant(0.1)
    >>> fl.schedules.as_schedule(lambda step: 1 / (1 + step)).values(0, 4)
    array([1.        , 0.5       , 0.33333333, 0.25      ])
    """
    if isinstance(learning_rate, Schedule):
        return learning_rate
    if callable(learning_rate) and not isinstance(learning_rate, type):
        return Function(learning_rate)
    requirement = "a positive finite number, a schedule or a function of the step number"
    return Constant(positive("learning_rate", learning_rate, requirement))
