"""Lion: the sign of a momentum."""

from typing import Unpack

from fallline._arguments import not_negative
from fallline.optim._moments import decay_rates
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class Lion(Optimizer):
    r"""Steps of the same length for every weight, along the sign of a mean gradient.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1e-4
        Step size: positive, or a function of the step number. A third to a tenth of that of `AdamW`
        is usual.
    betas : tuple of float, default=(0.9, 0.99)
        Decay rates of the mean that is stepped along and of the mean that is kept, each in [0, 1);
        dimensionless, per step.
    weight_decay : float, default=0.0
        Each step first multiplies the weights by 1 - learning_rate * weight_decay.
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
    With g the gradient, :math:`\lambda` the ``weight_decay`` and m = 0 at first,

    .. math:: w \leftarrow (1 - \eta \lambda) w
                  - \eta \operatorname{sign}(\beta_1 m + (1 - \beta_1) g), \quad
              m \leftarrow \beta_2 m + (1 - \beta_2) g.

    torch.optim has no Lion. On sparse data a step changes the weights and means whose gradient is
    not zero, as that of `Adam`; the decay is that of dense data.

    References
    ----------
    Chen, X. et al. (2023). Symbolic discovery of optimization algorithms, program 1.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> fl.optim.Lion(0.5).step(w, 2 * w)  # the gradient of w·w
    >>> w
    array([ 0.5, -1.5])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.betas = decay_rates(betas)
        self.weight_decay = not_negative("weight_decay", weight_decay)

    @property
    def rule(self) -> str:
        return "lion"

    @property
    def rule_parameters(self) -> list[float]:
        return list(self.betas)

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay
