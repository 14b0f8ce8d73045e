"""Adagrad: steps that shorten as squared gradients add up."""

from typing import Unpack

from fallline._arguments import not_negative, positive
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class Adagrad(Optimizer):
    r"""Steps divided by the root of all squared gradients so far, each weight by its own.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1e-2
        Step size: positive, or a function of the step number.
    initial_accumulator_value : float, default=0.0
        What the sum of squares begins with, not negative; in squared units of the gradient.
    eps : float, default=1e-10
        Added to the root, positive; in the units of the gradient.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as torch.optim.Adagrad does.
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
    With g the gradient plus ``weight_decay`` times w, and G = ``initial_accumulator_value`` at
    first,

    .. math:: G \leftarrow G + g^2, \quad
              w \leftarrow w - \eta \frac{g}{\sqrt G + \varepsilon}.

    torch's ``lr_decay`` is a schedule here: ``lambda step: rate / (1 + lr_decay * step)``.

    On sparse data a step touches the weights of the features in its rows alone, which is the same:
    a gradient of zero changes nothing. That is so without ``weight_decay`` and L2 penalty; the
    gradient of either then waits for the steps in which a feature occurs, and rare features are
    shrunk less than on dense data.

    References
    ----------
    Duchi, J., Hazan, E. and Singer, Y. (2011). Adaptive subgradient methods for online learning
    and stochastic optimization, figure 1 with diagonal matrices.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> fl.optim.Adagrad(0.5).step(w, 2 * w)  # the gradient of w·w
    >>> w.round(6)
    array([ 0.5, -1.5])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1e-2,
        *,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = not_negative(
            "initial_accumulator_value", initial_accumulator_value
        )
        self.eps = positive("eps", eps)
        self.weight_decay = not_negative("weight_decay", weight_decay)

    @property
    def rule(self) -> str:
        return "adagrad"

    @property
    def rule_parameters(self) -> list[float]:
        return [self.eps, self.initial_accumulator_value]

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay
