"""Half a cosine, again and again."""

import math

import numpy as np

from fallline._arguments import integer, positive, up_to
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class CosineWarmRestarts(Schedule):
    r"""Fall along half a cosine, jump back to the learning rate, and so on.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the first step of every fall, positive and finite.
    steps : int
        Number of steps of the first fall (torch's ``T_0``), at least 1.
    T_mult : int, default=1
        Factor by which each fall is longer than the one before, at least 1; dimensionless.
    eta_min : float, default=0.0
        What each fall would reach at the step that starts again, in [0, learning_rate].

    Raises
    ------
    TypeError
        If an argument is not a number, or ``steps`` or ``T_mult`` not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The i-th fall, from 0, has :math:`T_i = n m^i` steps, n = ``steps`` and m = ``T_mult``. Its step
    t, from 0, gets

    .. math:: \eta = \eta_{\min} + (\eta_0 - \eta_{\min}) \, \frac{1 + \cos(\pi t / T_i)}{2},

    as with `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`. It has no end.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2017). SGDR: Stochastic gradient descent with warm restarts.
    Equation 5.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.CosineWarmRestarts(1.0, steps=2, T_mult=2).values(0, 7).round(3)
    array([1.   , 0.5  , 1.   , 0.854, 0.5  , 0.146, 1.   ])
    """

    learning_rate: float
    steps: int
    T_mult: int
    eta_min: float

    def __init__(
        self, learning_rate: float, steps: int, T_mult: int = 1, eta_min: float = 0.0
    ) -> None:
        learning_rate = positive("learning_rate", learning_rate)
        vars(self).update(
            learning_rate=learning_rate,
            steps=integer("steps", steps, minimum=1),
            T_mult=integer("T_mult", T_mult, minimum=1),
            eta_min=up_to("eta_min", eta_min, learning_rate),
        )

    def _rate(self, step: int) -> float:
        first, length = self._falls(step)[-1]
        done = (step - first) % length
        # A length beyond 2**53 is rounded to a float before it divides, as in NumPy below.
        cosine = math.cos(math.pi * done / float(length))
        return self.eta_min + (self.learning_rate - self.eta_min) * (1 + cosine) / 2

    def _rates(self, start: int, count: int) -> Float64Array:
        falls = self._falls(start + count)
        firsts = np.array([first for first, _ in falls])
        lengths = np.array([float(length) for _, length in falls])
        step = np.arange(start, start + count)
        which = np.searchsorted(firsts, step, side="right") - 1
        done = step - firsts[which]
        if self.T_mult == 1:
            done %= self.steps
        angles = math.pi * done / lengths[which]
        cosine = np.fromiter(map(math.cos, angles.tolist()), np.float64, count)
        return self.eta_min + (self.learning_rate - self.eta_min) * (1 + cosine) / 2

    def _falls(self, last: int) -> list[tuple[int, int]]:
        """Return first step and length of each fall begun by ``last``; of equal ones, one."""
        falls = [(0, self.steps)]
        while self.T_mult > 1 and sum(falls[-1]) <= last:
            first, length = falls[-1]
            falls.append((first + length, length * self.T_mult))
        return falls
