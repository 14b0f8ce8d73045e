"""The inverse square root of the step number."""

import math

import numpy as np

from fallline._arguments import integer, positive
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class InverseSqrt(Schedule):
    r"""Fall with the inverse square root of the step number; of Transformers, with a warm-up.

    Parameters
    ----------
    learning_rate : float
        Learning rate of the first step, positive and finite.
    steps : int
        Number of steps from whose end the square root counts, at least 1; with a warm-up, its
        number of steps.

    Raises
    ------
    TypeError
        If an argument is not a number, or ``steps`` not an integer.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Step k gets

    .. math:: \eta_k = \eta_0 \sqrt{\frac{n}{n + k}}, \quad n = \texttt{steps}.

    It has no end. ``InverseSqrt(learning_rate, n).warmup(n)`` is the schedule of the Transformer:
    it rises linearly to the learning rate at step n, and is from there on proportional to the
    inverse square root of the number of all steps. The paper's peak is ``(d_model * n) ** -0.5``,
    and its steps are counted from 1; fairseq's ``inverse_sqrt`` is the same with a peak of your
    own.

    References
    ----------
    Vaswani, A. et al. (2017). Attention is all you need. Equation 3.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.schedules.InverseSqrt(1.0, steps=4).warmup(4).values(0, 17)[::4]
    array([0.        , 1.        , 0.70710678, 0.57735027, 0.5       ])
    """

    learning_rate: float
    steps: int

    def __init__(self, learning_rate: float, steps: int) -> None:
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            steps=integer("steps", steps, minimum=1),
        )

    def _rate(self, step: int) -> float:
        return self.learning_rate * math.sqrt(self.steps / (self.steps + step))

    def _rates(self, start: int, count: int) -> Float64Array:
        step = np.arange(start, start + count)
        return self.learning_rate * np.sqrt(self.steps / (self.steps + step))
