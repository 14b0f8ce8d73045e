"""Decay at every step."""

import math
from itertools import repeat

import numpy as np

from fallline._arguments import number, positive
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


def decay(gamma: object) -> float:
    """Return the factor of a decay as a float in (0, 1], or raise."""
    remedy = "a rate that grows is a function, such as lambda step: 1e-6 * 1.1**step"
    return number("gamma", gamma, "a number in (0, 1]", lambda x: 0 < x <= 1, remedy)


class Exponential(Schedule):
    r"""Multiply the learning rate by ``gamma`` at every step.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the first step, positive and finite.
    gamma : float
        Factor per step, in (0, 1]; dimensionless. For a factor f per n steps take
        ``f ** (1 / n)``.

    Raises
    ------
    TypeError
        If an argument is not a number.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Step k gets

    .. math:: \eta_k = \eta_0 \, \gamma^k,

    the closed form of `torch.optim.lr_scheduler.ExponentialLR`. It has no end, and reaches 0 when
    the power is below the smallest float64.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.Exponential(1.0, gamma=0.5).values(0, 4)
    array([1.   , 0.5  , 0.25 , 0.125])
    """

    learning_rate: float
    gamma: float

    def __init__(self, learning_rate: float, gamma: float) -> None:
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            gamma=decay(gamma),
        )

    def _rate(self, step: int) -> float:
        return self.learning_rate * math.pow(self.gamma, step)

    def _rates(self, start: int, count: int) -> Float64Array:
        powers = map(math.pow, repeat(self.gamma), range(start, start + count))
        return self.learning_rate * np.fromiter(powers, np.float64, count)
