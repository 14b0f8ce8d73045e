"""Stochastic gradient descent, plain and with momentum."""

from typing import Unpack

from fallline._arguments import boolean, not_negative, number
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import FoundRate


class SGD(Optimizer):
    r"""Gradient descent, with or without momentum.

    Parameters
    ----------
    learning_rate : float, Schedule, callable or "auto"
        Step size: positive, or a function of the step number. "auto" finds it on the way, in
        `fallline.Trainer` on dense rows (see Notes).
    momentum : float, default=0.0
        Share of the last step's velocity that is kept, in [0, 1); dimensionless, per step.
    dampening : float, default=0.0
        Share of each gradient but the first that is kept out of the velocity, in [0, 1); needs
        momentum.
    nesterov : bool, default=False
        Whether to look ahead along the velocity; needs momentum, and no dampening.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as torch.optim.SGD does. It belongs to the
        optimizer; a penalty belongs to the objective.
    **options
        As of `Optimizer`: what `step` does besides.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range, ``nesterov`` or ``dampening`` is asked for without
        momentum, both at once, or momentum with "auto".

    Notes
    -----
    With g the gradient plus ``weight_decay`` times w, :math:`\mu` the momentum, :math:`\tau` the
    dampening and v = 0 at first,

    .. math:: v \leftarrow \mu v + (1 - \tau) g, \quad w \leftarrow w - \eta v
              \text{ or, with nesterov, } w \leftarrow w - \eta (g + \mu v).

    As in torch.optim.SGD the first gradient is not dampened: v = g after it.

    With "auto" the learning rate is DoWG's: with r the largest distance from the start so far,
    :math:`r^2 / \sqrt{\sum r^2 |g|^2}`, whose sum is over all steps. The model is the mean of the
    weights after each step, in which half of the weight is on the last 7 % of them. Of 69 problems
    with standardised columns 30 came within a thousandth of F in 100 passes, half of these in 8,
    and 6 within a millionth, for which there are `SAGA`, `SVRG` and
    ``fallline.Trainer(optimizer="auto")``.

    On sparse data the motion of weights whose features are absent from a mini-batch is made up for
    when they occur again, and gives what it gives on dense data. Only with momentum and an L1
    penalty it does not: the soft thresholds of such steps are then applied together, after the
    motion.

    References
    ----------
    Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods.
    Sutskever, I. et al. (2013). On the importance of initialization and momentum in deep learning,
    section 2, in the form of torch.optim.SGD, where the learning rate multiplies the velocity.
    Khaled, A., Mishchenko, K. and Jin, C. (2023). DoWG unleashed: an efficient universal
    parameter-free gradient descent method, algorithm 1.
    Shamir, O. and Zhang, T. (2013). Stochastic gradient descent for non-smooth optimization,
    section 4, for the mean.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> sgd = fl.optim.SGD(0.25, momentum=0.5)
    >>> for _ in range(2):
    ...     sgd.step(w, 2 * w)  # the gradient of w·w
    >>> w
    array([0., 0.])
    """

    _finder = "dowg"

    def __init__(
        self,
        learning_rate: FoundRate,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = number("momentum", momentum, "a number in [0, 1)", lambda x: 0 <= x < 1)
        self.dampening = number("dampening", dampening, "a number in [0, 1)", lambda x: 0 <= x < 1)
        self.nesterov = boolean("nesterov", nesterov)
        self.weight_decay = not_negative("weight_decay", weight_decay)
        if self.nesterov and not self.momentum:
            message = "nesterov must be used with momentum > 0, got momentum=0.0; 0.9 is usual"
            raise ValueError(message)
        if self.dampening and not self.momentum:
            message = (
                f"dampening must be used with momentum > 0, got {dampening!r} with momentum=0.0; "
                "leave it out"
            )
            raise ValueError(message)
        if self.dampening and self.nesterov:
            message = f"dampening must be 0 with nesterov=True, got {dampening!r}; leave one out"
            raise ValueError(message)
        if self.momentum and self.finds_rate:
            message = (
                f"momentum must be 0 with learning_rate='auto', got {momentum!r}; leave it out"
            )
            raise ValueError(message)

    @property
    def rule(self) -> str:
        if self.nesterov:
            return "nesterov"
        if self.dampening:
            return "damped_momentum"
        return "momentum" if self.momentum else "sgd"

    @property
    def rule_parameters(self) -> list[float]:
        if self.dampening:
            return [self.momentum, self.dampening]
        return [self.momentum] if self.momentum else []

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay
