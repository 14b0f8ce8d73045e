"""Decay at given steps."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise, repeat

import numpy as np

from fallline._arguments import integer, positive
from fallline.schedules._exponential import decay
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class MultiStep(Schedule):
    r"""Multiply the learning rate by ``gamma`` at each of some steps.

    Parameters
    ----------
    learning_rate : float
        Learning rate before the first milestone, positive and finite.
    milestones : sequence of int
        The steps that are the first with a lower rate, each at least 1, in rising order; one that
        is there twice decays twice.
    gamma : float, default=0.1
        Factor of each decay, in (0, 1]; dimensionless.

    Raises
    ------
    TypeError
        If an argument is not a number, or ``milestones`` not a sequence of integers.
    ValueError
        If an argument is out of its range, or ``milestones`` are none or not in rising order.

    Notes
    -----
    Step k gets

    .. math:: \eta_k = \eta_0 \, \gamma^m, \quad m \text{ the number of milestones } \le k,

    the closed form of `torch.optim.lr_scheduler.MultiStepLR`, which takes milestones in any order.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.MultiStep(1.0, milestones=[2, 3], gamma=0.5).values(0, 5)
    array([1.  , 1.  , 0.5 , 0.25, 0.25])
    """

    learning_rate: float
    milestones: tuple[int, ...]
    gamma: float

    def __init__(self, learning_rate: float, milestones: Sequence[int], gamma: float = 0.1) -> None:
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            milestones=_checked(milestones),
            gamma=decay(gamma),
        )

    @property
    def length(self) -> int:
        """Number of steps until the last value is reached."""
        return self.milestones[-1]

    def _rate(self, step: int) -> float:
        return self.learning_rate * math.pow(self.gamma, bisect_right(self.milestones, step))

    def _rates(self, start: int, count: int) -> Float64Array:
        passed = np.searchsorted(self.milestones, np.arange(start, start + count), side="right")
        powers = map(math.pow, repeat(self.gamma), range(len(self.milestones) + 1))
        levels = self.learning_rate * np.fromiter(powers, np.float64)
        return np.asarray(levels[passed])


def _checked(milestones: object) -> tuple[int, ...]:
    """Return milestones as a tuple of rising ints, or raise."""
    given = milestones.tolist() if isinstance(milestones, np.ndarray) else milestones
    if not isinstance(given, list | tuple):
        message = f"milestones must be a list of steps, got {milestones!r}"
        raise TypeError(message)
    if not given:
        message = f"milestones must be at least one step, got {milestones!r}; use Constant"
        raise ValueError(message)
    steps = tuple(integer(f"milestones[{k}]", step, minimum=1) for k, step in enumerate(given))
    if any(later < earlier for earlier, later in pairwise(steps)):
        message = f"milestones must be in rising order, got {milestones!r}; use sorted(...)"
        raise ValueError(message)
    return steps
