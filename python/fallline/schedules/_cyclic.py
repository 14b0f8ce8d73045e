"""Triangles, one after another."""

import math
from itertools import repeat
from typing import Literal

import numpy as np

from fallline._arguments import integer, number, one_of, positive
from fallline.schedules._exponential import decay
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array

_MODES = ("triangular", "triangular2", "exp_range")


class Cyclic(Schedule):
    r"""Rise from the learning rate to a higher one and fall back, again and again.

    Parameters
    ----------
    learning_rate : float
        Lowest learning rate (torch's ``base_lr``), with which each cycle begins; positive and
        finite.
    max_learning_rate : float
        Highest learning rate (torch's ``max_lr``), finite and above ``learning_rate``.
    steps_up : int
        Number of steps of each rise (torch's ``step_size_up``), at least 1.
    steps_down : int, default=None
        Number of steps of each fall (torch's ``step_size_down``), at least 1; None takes as many as
        for the rise.
    mode : {"triangular", "triangular2", "exp_range"}, default="triangular"
        What becomes of the height of the triangles: it stays, or halves with every cycle, or is
        multiplied by ``gamma`` at every step.
    gamma : float, default=1.0
        Factor per step with "exp_range", in (0, 1]; dimensionless. 1 with the other modes.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    With u = ``steps_up``, d = ``steps_down`` and the cycle c = floor(k / (u + d)), in which step k
    is number t from 0, it gets

    .. math:: \eta_k = \eta_0 + (\eta_{\max} - \eta_0) \, h_k
              \min\left( \frac{t}{u}, \frac{u + d - t}{d} \right), \quad
              h_k = 1, \; 2^{-c} \text{ or } \gamma^k,

    as with `torch.optim.lr_scheduler.CyclicLR`, which cycles the momentum as well: here it is the
    optimizer's and stays. For another height write a function of the step number. It has no end.

    References
    ----------
    Smith, L. N. (2017). Cyclical learning rates for training neural networks. Section 3.1.

    Examples
    --------
    >>> import fallline as fl
    >>> schedule = fl.schedules.Cyclic(1.0, max_learning_rate=3.0, steps_up=2, mode="triangular2")
    >>> schedule.values(0, 8)
    array([1. , 2. , 3. , 2. , 1. , 1.5, 2. , 1.5])
    """

    learning_rate: float
    max_learning_rate: float
    steps_up: int
    steps_down: int | None
    mode: str
    gamma: float

    def __init__(
        self,
        learning_rate: float,
        max_learning_rate: float,
        steps_up: int,
        steps_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
    ) -> None:
        learning_rate = positive("learning_rate", learning_rate)
        vars(self).update(
            learning_rate=learning_rate,
            max_learning_rate=number(
                "max_learning_rate",
                max_learning_rate,
                f"a finite number above learning_rate={learning_rate!r}",
                lambda x: learning_rate < x < math.inf,
            ),
            steps_up=integer("steps_up", steps_up, minimum=1),
            steps_down=None if steps_down is None else integer("steps_down", steps_down, minimum=1),
            mode=one_of("mode", mode, _MODES),
            gamma=decay(gamma),
        )
        if self.gamma != 1 and self.mode != "exp_range":
            message = f"gamma must be 1 with mode={mode!r}, got {gamma!r}; use mode='exp_range'"
            raise ValueError(message)

    @property
    def _steps_down(self) -> int:
        return self.steps_up if self.steps_down is None else self.steps_down

    # The place in the cycle is counted in integers, where torch subtracts the cycles from a
    # quotient and loses a digit for every power of ten of them.
    def _rate(self, step: int) -> float:
        up, down = self.steps_up, self._steps_down
        cycle, place = divmod(step, up + down)
        height = min(place / up, (up + down - place) / down)
        if self.mode == "triangular2":
            height *= math.pow(0.5, cycle)
        elif self.mode == "exp_range":
            height *= math.pow(self.gamma, step)
        return self.learning_rate + (self.max_learning_rate - self.learning_rate) * height

    def _rates(self, start: int, count: int) -> Float64Array:
        up, down = self.steps_up, self._steps_down
        step = np.arange(start, start + count)
        cycle, place = np.divmod(step, up + down)
        height = np.minimum(place / up, (up + down - place) / down)
        if self.mode == "triangular2":
            height *= np.fromiter(map(math.pow, repeat(0.5), cycle.tolist()), np.float64, count)
        elif self.mode == "exp_range":
            powers = map(math.pow, repeat(self.gamma), range(start, start + count))
            height *= np.fromiter(powers, np.float64, count)
        return self.learning_rate + (self.max_learning_rate - self.learning_rate) * height
