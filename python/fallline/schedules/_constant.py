"""The learning rate that stays."""

import numpy as np

from fallline._arguments import positive
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class Constant(Schedule):
    """Keep one learning rate for all steps.

    Parameters
    ----------
    learning_rate : float
        Learning rate, positive and finite.

    Raises
    ------
    TypeError
        If ``learning_rate`` is not a number.
    ValueError
        If ``learning_rate`` is not positive and finite.

    Notes
    -----
    torch's ``ConstantLR`` is another thing: a factor that applies for a few steps, here
    ``Constant(factor * learning_rate).then(learning_rate, at=total_iters)``.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.Constant(0.1)(1000)
    0.1
    """

    learning_rate: float

    def __init__(self, learning_rate: float) -> None:
        vars(self).update(learning_rate=positive("learning_rate", learning_rate))

    def _rate(self, step: int) -> float:  # noqa: ARG002
        return self.learning_rate

    def _rates(self, start: int, count: int) -> Float64Array:  # noqa: ARG002
        return np.full(count, self.learning_rate)
