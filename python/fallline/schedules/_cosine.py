"""Half a cosine."""

import math

import numpy as np

from fallline._arguments import integer, positive, up_to
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class Cosine(Schedule):
    r"""Fall from the learning rate to ``eta_min`` along half a cosine.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the first step, positive and finite.
    steps : int
        Number of steps of the fall (torch's ``T_max``), at least 1.
    eta_min : float, default=0.0
        Learning rate from step ``steps`` on, in [0, learning_rate].

    Raises
    ------
    TypeError
        If an argument is not a number, or ``steps`` not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Step k gets

    .. math:: \eta_k = \eta_{\min} + (\eta_0 - \eta_{\min})
              \, \frac{1 + \cos(\pi \min(k, n) / n)}{2}, \quad n = \texttt{steps}.

    This is `torch.optim.lr_scheduler.CosineAnnealingLR` up to step n. After it torch's learning
    rate rises again, this one stays at ``eta_min``.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2017). SGDR: Stochastic gradient descent with warm restarts.
    Equation 5.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.Cosine(1.0, steps=2, eta_min=0.5).values(0, 4)
    array([1.  , 0.75, 0.5 , 0.5 ])
    """

    learning_rate: float
    steps: int
    eta_min: float

    def __init__(self, learning_rate: float, steps: int, eta_min: float = 0.0) -> None:
        learning_rate = positive("learning_rate", learning_rate)
        vars(self).update(
            learning_rate=learning_rate,
            steps=integer("steps", steps, minimum=1),
            eta_min=up_to("eta_min", eta_min, learning_rate),
        )

    @property
    def length(self) -> int:
        """Number of steps until the last value is reached."""
        return self.steps

    def _rate(self, step: int) -> float:
        cosine = math.cos(math.pi * min(step, self.steps) / self.steps)
        return self.eta_min + (self.learning_rate - self.eta_min) * (1 + cosine) / 2

    def _rates(self, start: int, count: int) -> Float64Array:
        step = np.arange(start, start + count)
        angles = math.pi * np.minimum(step, self.steps) / self.steps
        cosine = np.fromiter(map(math.cos, angles.tolist()), np.float64, count)
        return self.eta_min + (self.learning_rate - self.eta_min) * (1 + cosine) / 2
