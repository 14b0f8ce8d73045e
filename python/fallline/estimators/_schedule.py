"""scikit-learn's learning rates as functions of the step."""

import math

import numpy as np

from fallline.schedules import Schedule
from fallline.typing import Float64Array


class InverseScaling(Schedule):
    """``eta0 / t**power_t``, t the number of the step from 1."""

    eta0: float
    power_t: float

    def __init__(self, eta0: float, power_t: float) -> None:
        vars(self).update(eta0=eta0, power_t=power_t)

    def _rate(self, step: int) -> float:
        return float(self._rates(step, 1)[0])

    def _rates(self, start: int, count: int) -> Float64Array:
        return self.eta0 / self._powers(np.arange(start + 1, start + 1 + count, dtype=np.float64))

    def _powers(self, t: Float64Array) -> Float64Array:
        # The two defaults by square roots, which NumPy rounds alike on every processor and takes
        # 30 times as fast as `math` its powers: one-example SGD needs a rate per row.
        if self.power_t == 0.5:
            return np.sqrt(t)
        if self.power_t == 0.25:
            return np.sqrt(np.sqrt(t))
        return np.array([math.pow(step, self.power_t) for step in t])


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
