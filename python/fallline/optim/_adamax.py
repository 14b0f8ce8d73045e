"""Adamax: Adam with the largest gradient in the place of the second moment."""

from typing import Unpack

from fallline._arguments import positive
from fallline.optim._moments import MomentRule
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class Adamax(MomentRule):
    r"""`Adam` by a fading maximum of gradients instead of the root of their mean square.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=2e-3
        Step size: positive, or a function of the step number.
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of the mean and the maximum, each in [0, 1); dimensionless, per step.
    eps : float, default=1e-8
        Added to the size of a gradient, positive; in the units of the gradient.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as torch.optim.Adamax does.
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
    With g the gradient plus ``weight_decay`` times w, and m = u = 0 before step t = 1,

    .. math:: m \leftarrow m + (1 - \beta_1)(g - m), \quad
              u \leftarrow \max(\beta_2 u, |g| + \varepsilon), \quad
              w \leftarrow w - \frac{\eta}{1 - \beta_1^t} \frac{m}{u}.

    The paper has no ``eps``, which is torch.optim's. On sparse data a step changes the weights and
    slots whose gradient is not zero, as that of `Adam`.

    References
    ----------
    Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization, algorithm 2.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> fl.optim.Adamax(0.5).step(w, 2 * w)  # the gradient of w·w
    >>> w.round(6)
    array([ 0.5, -1.5])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, betas, positive("eps", eps), weight_decay, **options)

    @property
    def rule(self) -> str:
        return "adamax"
