"""What Adam and the rules that descend from it share."""

from typing import Unpack

from fallline._arguments import boolean, not_negative, number
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import FoundRate


class MomentRule(Optimizer):
    """A rule with running moments of the gradient.

    Parameters
    ----------
    learning_rate : float, Schedule, callable or "auto"
        Step size.
    betas : tuple of float
        Decay rates of the first and second moment, each in [0, 1).
    eps : float
        What keeps the divisor from 0, not negative.
    weight_decay : float
        Not negative.
    decoupled_weight_decay : bool, default=False
        Whether the decay multiplies the weights instead of joining the gradient.
    """

    def __init__(
        self,
        learning_rate: FoundRate,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        *,
        decoupled_weight_decay: bool = False,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.betas = decay_rates(betas)
        self.eps = not_negative("eps", eps)
        self.weight_decay = not_negative("weight_decay", weight_decay)
        self.decoupled_weight_decay = boolean("decoupled_weight_decay", decoupled_weight_decay)

    @property
    def rule_parameters(self) -> list[float]:
        return [*self.betas, self.eps]

    @property
    def coupled_decay(self) -> float:
        return 0.0 if self.decoupled_weight_decay else self.weight_decay

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay if self.decoupled_weight_decay else 0.0


def decay_rates(betas: object) -> tuple[float, float]:
    """Return the pair ``betas`` as floats in [0, 1), or raise."""
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        message = f"betas must be a pair of numbers in [0, 1), got {betas!r}"
        raise TypeError(message)
    first, second = (
        number(f"betas[{k}]", beta, "a number in [0, 1)", lambda x: 0 <= x < 1)
        for k, beta in enumerate(betas)
    )
    return first, second
