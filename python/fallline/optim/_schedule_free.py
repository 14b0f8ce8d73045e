"""Rules whose averages need no schedule of the learning rate."""

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from fallline._arguments import not_negative, number
from fallline.optim._arrays import Key, View, widened
from fallline.optim._groups import members_at
from fallline.optim._moments import decay_rates
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.optim._state import State
from fallline.typing import LearningRate


class _ScheduleFree(Optimizer):
    """What the rules share: x, the model, of y that is stepped and z, the first of the slots."""

    takes_rows: ClassVar[bool] = False
    takes_sparse: ClassVar[bool] = False
    _has_means: ClassVar[bool] = True
    _keeps_weights: ClassVar[bool] = True

    @property
    def _share(self) -> float:
        """Of x in y."""
        raise NotImplementedError

    def _averages(self, state: State, weights: Mapping[Key, View]) -> dict[Key, Any]:
        found = {}
        for key, member in members_at(self, weights).items():
            y, z = widened(weights[key].array), widened(state.slots[key][0])
            found[key] = (y - (1 - member._share) * z) / member._share
        return found


class ScheduleFreeSGD(_ScheduleFree):
    r"""Gradient descent at a mean of its own steps, in place of a falling learning rate.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1.0
        Step size: positive, or a function of the step number, as a warm-up to a constant. 10 times
        that of plain gradient descent is usual.
    momentum : float, default=0.9
        Where gradients are taken: at this share of the mean and the rest of the last step, in
        (0, 1].
    weight_decay : float, default=0.0
        Added to the gradient times the weight.
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
    The arrays that are stepped are y, for gradients; the model is x, which `averaged` returns.
    With :math:`z = x = y` at first, :math:`\beta` = ``momentum`` and :math:`\gamma_t` the rate of
    step t,

    .. math:: z \leftarrow z - \gamma_t g(y), \quad
              x \leftarrow (1 - c) x + c z \text{ with } c = \gamma_t^2 / \sum_{i \le t}
              \gamma_i^2, \quad
              y = (1 - \beta) z + \beta x.

    References
    ----------
    Defazio, A. et al. (2024). The road less scheduled, equations 7 to 9 and 23.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> y = np.array([1.0, -2.0])
    >>> optimizer = fl.optim.ScheduleFreeSGD(0.25)
    >>> for _ in range(100):
    ...     optimizer.step(y, 2 * y)
    >>> bool(np.abs(optimizer.averaged(y)).max() < 0.05)
    True
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = number("momentum", momentum, "a number in (0, 1]", lambda x: 0 < x <= 1)
        self.weight_decay = not_negative("weight_decay", weight_decay)

    @property
    def rule(self) -> str:
        return "schedule_free_sgd"

    @property
    def rule_parameters(self) -> list[float]:
        return [self.momentum]

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay

    @property
    def _share(self) -> float:
        return self.momentum


class ScheduleFreeAdamW(_ScheduleFree):
    r"""AdamW at a mean of its own steps, in place of a falling learning rate.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=2.5e-3
        Step size: positive, or a function of the step number, as a warm-up to a constant.
    betas : tuple of float, default=(0.9, 0.999)
        Where gradients are taken, as the ``momentum`` of `ScheduleFreeSGD`, in (0, 1); and the
        decay rate of the second moment, in [0, 1).
    eps : float, default=1e-8
        Added to the root of the second moment; in the units of the gradient.
    weight_decay : float, default=0.0
        Each step also takes off the rate times this times y.
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
    As `ScheduleFreeSGD`, with the direction :math:`g / (\sqrt{v} + \varepsilon) + \lambda y` in
    place of the gradient, :math:`v \leftarrow \beta_2 v + (1 - \beta_2) g^2`, and the rate
    :math:`\gamma_t = \eta_t \sqrt{1 - \beta_2^t}`.

    References
    ----------
    Defazio, A. et al. (2024). The road less scheduled, algorithm 1.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> y = np.array([1.0, -2.0])
    >>> optimizer = fl.optim.ScheduleFreeAdamW(0.1)
    >>> for _ in range(300):
    ...     optimizer.step(y, 2 * y)
    >>> bool(np.abs(optimizer.averaged(y)).max() < 0.2)
    True
    """

    def __init__(
        self,
        learning_rate: LearningRate = 2.5e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.betas = decay_rates(betas)
        number("betas[0]", self.betas[0], "a number in (0, 1)", lambda x: x > 0)
        self.eps = not_negative("eps", eps)
        self.weight_decay = not_negative("weight_decay", weight_decay)

    @property
    def rule(self) -> str:
        return "schedule_free_adam"

    @property
    def rule_parameters(self) -> list[float]:
        return [*self.betas, self.eps, self.weight_decay]

    @property
    def _share(self) -> float:
        return self.betas[0]
