"""Decay by steps."""

import math
from itertools import repeat

import numpy as np

from fallline._arguments import integer, positive
from fallline.schedules._exponential import decay
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class Step(Schedule):
    r"""Multiply the learning rate by ``gamma`` every ``steps`` steps.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the first ``steps`` steps, positive and finite.
    steps : int
        Number of steps between two decays (torch's ``step_size``), at least 1.
    gamma : float, default=0.1
        Factor of each decay, in (0, 1]; dimensionless.

    Raises
    ------
    TypeError
        If an argument is not a number, or ``steps`` not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Step k gets

    .. math:: \eta_k = \eta_0 \, \gamma^{\lfloor k / n \rfloor}, \quad n = \texttt{steps},

    the closed form of `torch.optim.lr_scheduler.StepLR`. It has no end.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.Step(1.0, steps=30, gamma=0.5).values(28, 4)
    array([1. , 1. , 0.5, 0.5])
    """

    learning_rate: float
    steps: int
    gamma: float

    def __init__(self, learning_rate: float, steps: int, gamma: float = 0.1) -> None:
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            steps=integer("steps", steps, minimum=1),
            gamma=decay(gamma),
        )

    def _rate(self, step: int) -> float:
        return self.learning_rate * math.pow(self.gamma, step // self.steps)

    def _rates(self, start: int, count: int) -> Float64Array:
        first, last = start // self.steps, (start + count) // self.steps
        powers = map(math.pow, repeat(self.gamma), range(first, last + 1))
        levels = self.learning_rate * np.fromiter(powers, np.float64)
        edges = np.clip(np.arange(first, last + 2) * self.steps, start, start + count)
        return np.repeat(levels, np.diff(edges))
