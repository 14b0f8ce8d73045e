"""Learning rates of the estimators as schedules: scikit-learn's own, and the user's, scaled."""

import math

import numpy as np

from fallline.schedules import Schedule
from fallline.typing import Float64Array


class Optimal(Schedule):
    """``factor / (alpha (t0 + t))``, t the number of the step from 0, after Bottou.

    Notes
    -----
    ``t0`` makes the first step as long as typical weights are, ``alpha**-1/4``, for a gradient of
    the loss of at most 1 in the margin there.

    References
    ----------
    Bottou, L. (2012). Stochastic gradient descent tricks, section 5.2; t0 as in scikit-learn.
    """

    alpha: float
    factor: float

    def __init__(self, alpha: float, factor: float) -> None:
        vars(self).update(alpha=alpha, factor=factor)

    def _rate(self, step: int) -> float:
        return float(self._rates(step, 1)[0])

    def _rates(self, start: int, count: int) -> Float64Array:
        typical = math.sqrt(1.0 / math.sqrt(self.alpha))
        t = np.arange(start, start + count, dtype=np.float64)
        return self.factor / (self.alpha * (1.0 / (typical * self.alpha) + t))


class Scaled(Schedule):
    """A schedule times a factor, which makes steps on a mean loss those on a weighted one."""

    schedule: Schedule
    factor: float

    def __init__(self, schedule: Schedule, factor: float) -> None:
        vars(self).update(schedule=schedule, factor=factor)

    def _for_training(self) -> Schedule:
        return Scaled(self.schedule._for_training(), self.factor)

    def _tell(self, metric: float, step: int) -> None:
        self.schedule._tell(metric, step)

    def _rate(self, step: int) -> float:
        return self.factor * self.schedule._rate(step)

    def _rates(self, start: int, count: int) -> Float64Array:
        return self.factor * self.schedule._rates(start, count)
