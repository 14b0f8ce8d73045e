"""RAdam: Adam whose first steps wait for the second moment."""

from typing import Unpack

from fallline.optim._moments import MomentRule
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class RAdam(MomentRule):
    r"""`Adam` whose steps are as long as its second moment is certain.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1e-3
        Step size: positive, or a function of the step number.
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of the first and second moment, each in [0, 1); dimensionless, per step.
    eps : float, default=1e-8
        Added to the root of the second moment, not negative; in the units of the gradient.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, or decoupled.
    decoupled_weight_decay : bool, default=False
        Whether ``weight_decay`` is that of `AdamW`.
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
    With m, v and g as of `Adam`, :math:`\rho_\infty = 2 / (1 - \beta_2) - 1` and
    :math:`\rho_t = \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t)`,

    .. math:: w \leftarrow w - \frac{\eta}{1 - \beta_1^t} \, r_t
                  \frac{m \sqrt{1 - \beta_2^t}}{\sqrt v + \varepsilon}, \quad
              r_t = \sqrt{\frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}
                                {(\rho_\infty - 4)(\rho_\infty - 2) \rho_t}}

    where :math:`\rho_t > 5`, and :math:`w \leftarrow w - \eta m / (1 - \beta_1^t)` before: the
    first five steps with the usual betas. The paper's threshold is 4; 5 is torch.optim's, like the
    place of ``eps``. A coupled ``weight_decay`` is in g. On sparse data a step changes the weights
    and moments whose gradient is not zero, as that of `Adam`; decoupled decay is that of dense
    data.

    References
    ----------
    Liu, L. et al. (2020). On the variance of the adaptive learning rate and beyond, algorithm 2.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> radam = fl.optim.RAdam(0.25)
    >>> radam.step(w, 2 * w)  # the gradient of w·w, whose size still counts
    >>> w.round(6)
    array([ 0.5, -1. ])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(
            learning_rate,
            betas,
            eps,
            weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
            **options,
        )

    @property
    def rule(self) -> str:
        return "radam"
