"""scikit-learn's learning rate that needs none, as a function of the step."""

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
