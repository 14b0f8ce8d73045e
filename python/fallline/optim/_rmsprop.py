"""RMSprop: gradients over the root of their mean square."""

from typing import Unpack

from fallline._arguments import boolean, not_negative, number, positive
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class RMSprop(Optimizer):
    r"""Steps divided by the root of a running mean of squared gradients.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1e-2
        Step size: positive, or a function of the step number.
    alpha : float, default=0.99
        Decay rate of the means, in [0, 1); dimensionless, per step.
    eps : float, default=1e-8
        Added to the root, positive; in the units of the gradient.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as torch.optim.RMSprop does.
    momentum : float, default=0.0
        Share of the last step's velocity that is kept, in [0, 1); dimensionless, per step.
    centered : bool, default=False
        Whether to divide by the deviation of the gradients instead of their mean square.
    **options
        As of `Optimizer`: what `step` does besides.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    With g the gradient plus ``weight_decay`` times w, :math:`\mu` the momentum and v = m = b = 0
    at first,

    .. math:: v \leftarrow \alpha v + (1 - \alpha) g^2, \quad
              m \leftarrow m + (1 - \alpha)(g - m), \quad
              b \leftarrow \mu b + \frac{g}{\sqrt{v - c m^2} + \varepsilon}, \quad
              w \leftarrow w - \eta b,

    where c is 1 if ``centered`` and 0 if not. Rounding may not make the difference negative, as it
    may in torch; after many equal gradients it is what rounding has left of it. On sparse data a
    step changes the weights and slots whose gradient is not zero, as that of `Adam`.

    References
    ----------
    Tieleman, T. and Hinton, G. (2012). Lecture 6.5: RMSprop, in Neural networks for machine
    learning.
    Graves, A. (2013). Generating sequences with recurrent neural networks, equations 38 to 41, for
    the centered form and momentum, with ``eps`` inside the root.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> fl.optim.RMSprop(0.05).step(w, 2 * w)  # the gradient of w·w
    >>> w.round(6)
    array([ 0.5, -1.5])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.alpha = number("alpha", alpha, "a number in [0, 1)", lambda x: 0 <= x < 1)
        self.eps = positive("eps", eps)
        self.weight_decay = not_negative("weight_decay", weight_decay)
        self.momentum = number("momentum", momentum, "a number in [0, 1)", lambda x: 0 <= x < 1)
        self.centered = boolean("centered", centered)

    @property
    def rule(self) -> str:
        name = "centered_rmsprop" if self.centered else "rmsprop"
        return f"{name}_momentum" if self.momentum else name

    @property
    def rule_parameters(self) -> list[float]:
        return [self.alpha, self.eps, *([self.momentum] if self.momentum else [])]

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay
