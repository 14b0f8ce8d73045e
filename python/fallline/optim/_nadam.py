"""NAdam: Adam that looks ahead."""

from typing import Unpack

from fallline._arguments import not_negative
from fallline.optim._moments import MomentRule
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class NAdam(MomentRule):
    r"""`Adam` with Nesterov's momentum.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=2e-3
        Step size: positive, or a function of the step number.
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of the first and second moment, each in [0, 1); dimensionless, per step.
    eps : float, default=1e-8
        Added to the root of the second moment, not negative; in the units of the gradient.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, or decoupled.
    momentum_decay : float, default=4e-3
        How fast the momentum rises from half of the first beta to all of it, not negative; per
        step.
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
    With m, v and g as of `Adam`, and :math:`\mu_t = \beta_1 (1 - 0.96^{t \psi} / 2)` with
    :math:`\psi` the ``momentum_decay``,

    .. math:: w \leftarrow w - \eta \left(\frac{(1 - \mu_t) g}{1 - \prod_{i \le t} \mu_i}
              + \frac{\mu_{t+1} m}{1 - \prod_{i \le t+1} \mu_i}\right)
              \frac{1}{\sqrt{v / (1 - \beta_2^t)} + \varepsilon}.

    That is torch.optim's form, in which m decays by :math:`\beta_1` and only what corrects it by
    :math:`\mu_t`; the paper lets m decay by :math:`\mu_t` too. A coupled ``weight_decay`` is in g.
    On sparse data a step changes the weights and moments whose gradient is not zero, as that of
    `Adam`; decoupled decay is that of dense data.

    References
    ----------
    Dozat, T. (2016). Incorporating Nesterov momentum into Adam, algorithm 2.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> nadam = fl.optim.NAdam(0.5)
    >>> nadam.step(w, 2 * w)  # the gradient of w·w
    >>> w.round(3)
    array([ 0.472, -1.472])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
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
        self.momentum_decay = not_negative("momentum_decay", momentum_decay)

    @property
    def rule(self) -> str:
        return "nadam"

    @property
    def rule_parameters(self) -> list[float]:
        return [*super().rule_parameters, 0.96**self.momentum_decay, 0.0]
