"""A power of the way that is left."""

import math
from itertools import repeat

import numpy as np

from fallline._arguments import integer, positive
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class Polynomial(Schedule):
    r"""Fall from the learning rate to zero along a power of the steps that are left.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the first step, positive and finite.
    steps : int
        Number of steps of the fall (torch's ``total_iters``), at least 1.
    power : float, default=1.0
        Exponent, positive and finite; dimensionless. 1 is a straight line; above it the rate falls
        early, below it late.

    Raises
    ------
    TypeError
        If an argument is not a number, or ``steps`` not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Step k gets

    .. math:: \eta_k = \eta_0 \left( \frac{n - \min(k, n)}{n} \right)^p,
              \quad n = \texttt{steps}, \; p = \texttt{power},

    the closed form of `torch.optim.lr_scheduler.PolynomialLR`. From step n on it is 0, and weights
    stay.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.Polynomial(1.0, steps=4, power=2.0).values(0, 6)
    array([1.    , 0.5625, 0.25  , 0.0625, 0.    , 0.    ])
    """

    learning_rate: float
    steps: int
    power: float

    def __init__(self, learning_rate: float, steps: int, power: float = 1.0) -> None:
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            steps=integer("steps", steps, minimum=1),
            power=positive("power", power),
        )

    @property
    def length(self) -> int:
        """Number of steps until the last value is reached."""
        return self.steps

    # The steps left are counted as integers: 1 - k / n would lose digits towards the end.
    def _rate(self, step: int) -> float:
        left = (self.steps - min(step, self.steps)) / self.steps
        return self.learning_rate * math.pow(left, self.power)

    def _rates(self, start: int, count: int) -> Float64Array:
        step = np.arange(start, start + count)
        left = (self.steps - np.minimum(step, self.steps)) / self.steps
        powers = map(math.pow, left.tolist(), repeat(self.power))
        return self.learning_rate * np.fromiter(powers, np.float64, count)
