"""A straight line between two learning rates."""

import numpy as np

from fallline._arguments import fraction, integer, positive
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class Linear(Schedule):
    r"""Change the learning rate linearly from one fraction of it to another.

    Parameters
    ----------
    learning_rate : float
        Base learning rate, positive and finite; the two factors are fractions of it.
    steps : int
        Number of steps of the change (torch's ``total_iters``), at least 1.
    start_factor : float, default=0.3333333333333333
        Fraction at step 0, in [0, 1]; dimensionless.
    end_factor : float, default=1.0
        Fraction from step ``steps`` on, in [0, 1]; dimensionless.

    Raises
    ------
    TypeError
        If an argument is not a number, or ``steps`` not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Step k gets, with :math:`\sigma` = ``start_factor`` and :math:`\epsilon` = ``end_factor``,

    .. math:: \eta_k = \eta \left( \sigma
              + (\epsilon - \sigma) \min(k, n) / n \right), \quad n = \texttt{steps},

    the closed form of `torch.optim.lr_scheduler.LinearLR`, which refuses a ``start_factor`` of 0.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.Linear(1.0, steps=4, start_factor=1.0, end_factor=0.0).values(0, 6)
    array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """

    learning_rate: float
    steps: int
    start_factor: float
    end_factor: float

    def __init__(
        self,
        learning_rate: float,
        steps: int,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
    ) -> None:
        remedy = "learning_rate is the rate at factor 1"
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            steps=integer("steps", steps, minimum=1),
            start_factor=fraction("start_factor", start_factor, remedy),
            end_factor=fraction("end_factor", end_factor, remedy),
        )

    @property
    def length(self) -> int:
        """Number of steps until the last value is reached."""
        return self.steps

    # The quotient comes first: it is exactly 1 at the end, and rounding never makes the sum
    # negative on the way to 0.
    def _rate(self, step: int) -> float:
        progress = min(step, self.steps) / self.steps
        factor = self.start_factor + (self.end_factor - self.start_factor) * progress
        return self.learning_rate * factor

    def _rates(self, start: int, count: int) -> Float64Array:
        progress = np.minimum(np.arange(start, start + count), self.steps) / self.steps
        factor = self.start_factor + (self.end_factor - self.start_factor) * progress
        return self.learning_rate * factor
