"""A trapezoid: up, along, down."""

import math
from itertools import repeat

import numpy as np

from fallline._arguments import integer, number, positive
from fallline.schedules._picture import WARMUP, Part
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class WarmupStableDecay(Schedule):
    r"""Rise linearly to the learning rate, stay there, and decay exponentially at the end.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the stable steps, positive and finite.
    warmup_steps : int
        Number of steps of the rise from 0, at least 1.
    stable_steps : int
        Number of steps at the learning rate, at least 0.
    decay_steps : int
        Number of steps of the decay, at least 1.
    end_factor : float, default=0.1
        Fraction of the learning rate that is left after the decay, in (0, 1]; dimensionless.

    Raises
    ------
    TypeError
        If an argument is not a number, or a number of steps not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    With W, T and S the ends of the rise, of the stable steps and of the decay, and
    :math:`\epsilon` = ``end_factor``, step k gets

    .. math:: \eta_k = \eta \, \frac{k}{W} \text{ for } k < W, \quad
              \eta \text{ for } W \le k < T, \quad
              \eta \, \epsilon^{(\min(k, S) - T) / (S - T)} \text{ for } k \ge T.

    The paper leaves the shape of the decay open and takes the exponential one, with a half-life;
    ours is ``decay_steps * log(0.5) / log(end_factor)``. A tenth of all steps is its advice for the
    decay. Any other shape is a composition, such as
    ``Constant(rate).then(Polynomial(rate, decay_steps), at=stable_steps).warmup(warmup_steps)``.

    References
    ----------
    Hu, S. et al. (2024). MiniCPM: Unveiling the potential of small language models with scalable
    training strategies. Section 4, where the schedule is defined as WSD(T; s).

    Examples
    --------
    >>> import fallline as fl
    >>> schedule = fl.schedules.WarmupStableDecay(1.0, 2, 2, 2, end_factor=0.25)
    >>> schedule.values(0, 8)
    array([0.  , 0.5 , 1.  , 1.  , 1.  , 0.5 , 0.25, 0.25])
    """

    learning_rate: float
    warmup_steps: int
    stable_steps: int
    decay_steps: int
    end_factor: float

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        stable_steps: int,
        decay_steps: int,
        end_factor: float = 0.1,
    ) -> None:
        requirement, remedy = "a number in (0, 1]", "a decay to 0 is .then(Polynomial(...))"
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            warmup_steps=integer("warmup_steps", warmup_steps, minimum=1),
            stable_steps=integer("stable_steps", stable_steps),
            decay_steps=integer("decay_steps", decay_steps, minimum=1),
            end_factor=number("end_factor", end_factor, requirement, lambda x: 0 < x <= 1, remedy),
        )

    @property
    def length(self) -> int:
        """Number of steps until the last value is reached."""
        return self._decay_begins + self.decay_steps

    @property
    def _decay_begins(self) -> int:
        return self.warmup_steps + self.stable_steps

    def _parts(self) -> list[Part]:
        stable = [Part(self.warmup_steps, "stable")] if self.stable_steps else []
        return [Part(0, WARMUP), *stable, Part(self._decay_begins, "decay")]

    def _rate(self, step: int) -> float:
        risen = min(step / self.warmup_steps, 1.0)
        decayed = min(max(step - self._decay_begins, 0), self.decay_steps) / self.decay_steps
        return self.learning_rate * risen * math.pow(self.end_factor, decayed)

    def _rates(self, start: int, count: int) -> Float64Array:
        step = np.arange(start, start + count)
        risen = np.minimum(step / self.warmup_steps, 1.0)
        decayed = np.clip(step - self._decay_begins, 0, self.decay_steps) / self.decay_steps
        powers = map(math.pow, repeat(self.end_factor), decayed.tolist())
        return self.learning_rate * risen * np.fromiter(powers, np.float64, count)
