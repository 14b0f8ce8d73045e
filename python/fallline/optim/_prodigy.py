"""Rules that find their learning rate by the distance from where the weights began."""

from typing import ClassVar, Unpack

import numpy as np

from fallline._arguments import not_negative, positive
from fallline.optim._moments import decay_rates
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import Float64Array, LearningRate


class _ByDistance(Optimizer):
    """What the rules share: a distance to begin with, and in the state where weights began."""

    takes_rows: ClassVar[bool] = False
    takes_sparse: ClassVar[bool] = False
    _keeps_weights: ClassVar[bool] = True

    first_distance: float

    def _first_memory(self, n_memory: int) -> Float64Array:
        memory = np.zeros(n_memory)
        memory[0] = self.first_distance
        return memory


class Prodigy(_ByDistance):
    r"""Adam whose learning rate is an estimate of the distance to the optimum.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1.0
        What the estimate is multiplied by: positive, or a function of the step number, as one that
        falls to zero.
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of the first and second moment, each in [0, 1); dimensionless, per step.
    eps : float, default=1e-8
        Times the estimate, added to the root of the second moment; in the units of the gradient.
    weight_decay : float, default=0.0
        Each step first multiplies the weights by 1 less this times the rate, as `AdamW` does.
    first_distance : float, default=1e-6
        The estimate before the first step; in the units of the weights. It only grows.
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
    With :math:`w_0` the weights at the first step, of all arrays together, d the estimate and
    :math:`\eta` the learning rate, before step t

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) d g, \quad
              v \leftarrow \beta_2 v + (1 - \beta_2) d^2 g^2, \\
              r \leftarrow \sqrt{\beta_2} r + (1 - \sqrt{\beta_2}) \eta d^2 \, g \cdot (w_0 - w),
              \quad
              s \leftarrow \sqrt{\beta_2} s + (1 - \sqrt{\beta_2}) \eta d^2 g, \\
              w \leftarrow w - \eta d \frac{m}{\sqrt{v} + d \varepsilon}, \quad
              d \leftarrow \max(d, r / |s|_1).

    This is the paper's algorithm; its authors' package also has bias corrections, a limit of
    growth and d of the next step next to eps. Each group has an estimate of its own. A step reads
    the arrays twice. `fallline.Trainer` has the estimate as ``Adam("auto")``.

    References
    ----------
    Mishchenko, K. and Defazio, A. (2024). Prodigy: an expeditiously adaptive parameter-free
    learner, algorithm 4.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([3.0, -4.0])
    >>> prodigy = fl.optim.Prodigy()
    >>> for _ in range(300):
    ...     prodigy.step(w, 2 * w)
    >>> bool(np.abs(w).max() < 0.5)
    True
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        first_distance: float = 1e-6,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.betas = decay_rates(betas)
        self.eps = not_negative("eps", eps)
        self.weight_decay = not_negative("weight_decay", weight_decay)
        self.first_distance = positive("first_distance", first_distance)

    @property
    def rule(self) -> str:
        return "prodigy"

    @property
    def rule_parameters(self) -> list[float]:
        return [*self.betas, self.eps]

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay


class DoWG(_ByDistance):
    r"""Gradient descent whose learning rate is found by the distance gone and the gradients met.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1.0
        What the rate that is found is multiplied by: positive, or a function of the step number.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as `SGD` does.
    first_distance : float, default=1e-4
        What the distance counts as at least; in the units of the weights.
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
    With :math:`w_0` the weights at the first step, and norms over all arrays together,

    .. math:: r \leftarrow \max(r, |w - w_0|), \quad
              v \leftarrow v + r^2 |g|^2, \quad
              w \leftarrow w - \eta \frac{r^2}{\sqrt{v}} g.

    The paper's model is the mean of the weights, each counted by its r squared: ``ema`` gives a
    mean of the last ones. Each group has a rate of its own. A step reads the arrays twice.
    `fallline.Trainer` has this as ``SGD("auto")``.

    References
    ----------
    Khaled, A., Mishchenko, K. and Jin, C. (2023). DoWG unleashed: an efficient universal
    parameter-free gradient descent method, algorithm 1.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([3.0, -4.0])
    >>> dowg = fl.optim.DoWG()
    >>> for _ in range(300):
    ...     dowg.step(w, 2 * w)
    >>> bool(np.abs(w).max() < 0.1)
    True
    """

    def __init__(
        self,
        learning_rate: LearningRate = 1.0,
        *,
        weight_decay: float = 0.0,
        first_distance: float = 1e-4,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.weight_decay = not_negative("weight_decay", weight_decay)
        self.first_distance = positive("first_distance", first_distance)

    @property
    def rule(self) -> str:
        return "dowg"

    @property
    def rule_parameters(self) -> list[float]:
        return []

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay
