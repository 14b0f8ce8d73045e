"""Averaged stochastic gradient descent."""

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from fallline._arguments import not_negative
from fallline.optim._arrays import Key, View, widened
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.optim._state import State
from fallline.typing import LearningRate


class ASGD(Optimizer):
    r"""Gradient descent at a falling rate, and the mean of the weights on its way.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1e-2
        Step size at first: positive, or a function of the step number.
    lambd : float, default=1e-4
        Decay of the weights, and of the rate, not negative; per unit of the learning rate.
    alpha : float, default=0.75
        Power by which the rate falls, not negative.
    t0 : float, default=1e6
        Number of steps after which the mean begins, not negative.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as torch.optim.ASGD does.
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
    With g the gradient plus ``weight_decay`` times w, in step t, which counts from 1,

    .. math:: \eta_t = \frac{\eta}{(1 + \lambda \eta (t - 1))^\alpha}, \quad
              w \leftarrow (1 - \lambda \eta_t) w - \eta_t g, \quad
              a \leftarrow a + \frac{w - a}{\max(1, t - 1 - t_0)}.

    The weights that are stepped, and those that `fallline.Trainer` returns, are w; a is what
    `averaged` gives. ``lambd`` is a penalty, which the Trainer's intercept is spared. A schedule
    gives :math:`\eta` of the step itself, where torch takes that of the step before. Sparse X is
    refused, as the mean changes with every step, and so are weights without a gradient.

    References
    ----------
    Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging,
    in the form of torch.optim.ASGD.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> asgd = fl.optim.ASGD(0.25, t0=0)
    >>> for _ in range(3):
    ...     asgd.step(w, 2 * w)  # the gradient of w·w
    >>> w.round(3), asgd.averaged(w).round(3)
    (array([ 0.125, -0.25 ]), array([ 0.187, -0.375]))
    """

    takes_sparse: ClassVar[bool] = False

    _has_means: ClassVar[bool] = True
    _keeps_weights: ClassVar[bool] = True

    def __init__(
        self,
        learning_rate: LearningRate = 1e-2,
        *,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.lambd = not_negative("lambd", lambd)
        self.alpha = not_negative("alpha", alpha)
        self.t0 = not_negative("t0", t0)
        self.weight_decay = not_negative("weight_decay", weight_decay)

    @property
    def rule(self) -> str:
        return "asgd"

    @property
    def rule_parameters(self) -> list[float]:
        return [self.lambd, self.alpha, self.t0, self.lambd]

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay

    def _averages(self, state: State, weights: Mapping[Key, View]) -> dict[Key, Any]:
        return {key: widened(state.slots[key][0]) for key in weights}
