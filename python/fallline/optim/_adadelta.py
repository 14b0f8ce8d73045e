"""Adadelta: steps whose size is learnt from the steps before."""

from typing import Unpack

from fallline._arguments import not_negative, number, positive
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class Adadelta(Optimizer):
    r"""Steps in the units of the weights: running sizes of steps over those of gradients.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1.0
        What multiplies the step: positive, or a function of the step number.
    rho : float, default=0.9
        Decay rate of both mean squares, in [0, 1); dimensionless, per step.
    eps : float, default=1e-6
        Added to both mean squares, positive; the first steps are of the size of its root.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as torch.optim.Adadelta does.
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
    With g the gradient plus ``weight_decay`` times w, and v = a = 0 at first,

    .. math:: v \leftarrow \rho v + (1 - \rho) g^2, \quad
              d = \sqrt{\frac{a + \varepsilon}{v + \varepsilon}} \, g, \quad
              a \leftarrow \rho a + (1 - \rho) d^2, \quad w \leftarrow w - \eta d.

    The paper has no learning rate, which is a rate of 1. On sparse data a step changes the weights
    and slots whose gradient is not zero, as that of `Adam`.

    References
    ----------
    Zeiler, M. D. (2012). ADADELTA: an adaptive learning rate method, algorithm 1.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> fl.optim.Adadelta(100.0).step(w, 2 * w)  # the gradient of w·w
    >>> w.round(3)
    array([ 0.684, -1.684])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = number("rho", rho, "a number in [0, 1)", lambda x: 0 <= x < 1)
        self.eps = positive("eps", eps)
        self.weight_decay = not_negative("weight_decay", weight_decay)

    @property
    def rule(self) -> str:
        return "adadelta"

    @property
    def rule_parameters(self) -> list[float]:
        return [self.rho, self.eps]

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay
