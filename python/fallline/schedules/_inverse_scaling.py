"""A power of the step number."""

import math
from itertools import repeat

import numpy as np

from fallline._arguments import not_negative, positive
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class InverseScaling(Schedule):
    r"""Divide the learning rate by a power of the step number.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the first step (scikit-learn's ``eta0``), positive and finite.
    power_t : float, default=0.5
        Exponent, at least 0 and finite; dimensionless.

    Raises
    ------
    TypeError
        If an argument is not a number.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Step k, counted from 0, gets

    .. math:: \eta_k = \frac{\eta_0}{(k + 1)^p}, \quad p = \texttt{power_t},

    scikit-learn's ``learning_rate="invscaling"``, there with an exponent of 0.5 for classifiers and
    of 0.25 for regressors. It has no end. Steps of stochastic gradient descent find the optimum for
    exponents above 0.5 and up to 1.

    References
    ----------
    Bottou, L., Curtis, F. E. and Nocedal, J. (2018). Optimization methods for large-scale machine
    learning. Equation 4.19, the condition on the exponent.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.InverseScaling(1.0, power_t=1.0).values(0, 4)
    array([1.        , 0.5       , 0.33333333, 0.25      ])
    """

    learning_rate: float
    power_t: float

    def __init__(self, learning_rate: float, power_t: float = 0.5) -> None:
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            power_t=not_negative("power_t", power_t),
        )

    # scikit-learn's two defaults by square roots, which are rounded alike on every processor, and
    # which NumPy takes 30 times as fast as `math` its powers: one-example SGD needs a rate per row.
    def _rate(self, step: int) -> float:
        if self.power_t == 0.5:
            return self.learning_rate / math.sqrt(step + 1)
        if self.power_t == 0.25:
            return self.learning_rate / math.sqrt(math.sqrt(step + 1))
        return self.learning_rate / _power(step + 1, self.power_t)

    def _rates(self, start: int, count: int) -> Float64Array:
        t = np.arange(start + 1, start + 1 + count, dtype=np.float64)
        if self.power_t == 0.5:
            powers = np.sqrt(t)
        elif self.power_t == 0.25:
            powers = np.sqrt(np.sqrt(t))
        else:
            powers = np.fromiter(map(_power, t.tolist(), repeat(self.power_t)), np.float64, count)
        return np.asarray(self.learning_rate / powers)


def _power(step: float, exponent: float) -> float:
    try:
        return math.pow(step, exponent)
    except OverflowError:  # the learning rate is then 0
        return math.inf
