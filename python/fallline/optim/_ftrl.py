"""FTRL-Proximal: the rule of large sparse problems."""

from typing import Unpack

from fallline._arguments import not_negative
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class FTRL(Optimizer):
    r"""Follow the proximally regularised leader: `Adagrad` whose weights may be exactly zero.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=0.1
        The paper's alpha: positive, or a function of the step number.
    beta : float, default=1.0
        Added to the root of the squared gradients, not negative; in the units of the gradient.
    l1 : float, default=0.0
        The paper's lambda 1, not negative; in the units of a sum of gradients.
    l2 : float, default=0.0
        The paper's lambda 2, not negative; it adds to the curvature (beta + √n) / alpha.
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
    With g the gradient and z = n = 0 at first,

    .. math:: \sigma = \frac{\sqrt{n + g^2} - \sqrt n}{\alpha}, \quad
              z \leftarrow z + g - \sigma w, \quad n \leftarrow n + g^2, \quad
              w \leftarrow -\frac{z - \max(-\lambda_1, \min(\lambda_1, z))}
                                 {(\beta + \sqrt n) / \alpha + \lambda_2}.

    ``l1`` and ``l2`` are of the sum of all steps' objectives, as in the paper, so their weight in
    the mean falls as steps add up, and the intercept has neither. A ``penalty=`` of the Trainer
    belongs to the mean; of those FTRL takes L2, through the gradient.

    Weights need not start at zero: they are then where the first step is drawn from, instead of
    zero. Where the paper keeps z, a state keeps its distance from the value that holds w in place,
    which is at most ``l1``: the same weights with fewer digits lost.

    On sparse data a step touches the weights of the features in its rows alone, which is the same:
    a gradient of zero changes nothing. That is so where weights start at zero and without an L2
    penalty of the Trainer, whose gradient waits for the steps in which a feature occurs.

    References
    ----------
    McMahan, H. B. et al. (2013). Ad click prediction: a view from the trenches, algorithm 1.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.zeros(2)
    >>> fl.optim.FTRL(0.5, l1=1.0).step(w, np.array([-3.0, 0.5]))
    >>> w
    array([0.25, 0.  ])
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        *,
        beta: float = 1.0,
        l1: float = 0.0,
        l2: float = 0.0,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta = not_negative("beta", beta)
        self.l1 = not_negative("l1", l1)
        self.l2 = not_negative("l2", l2)

    @property
    def rule(self) -> str:
        return "ftrl"

    @property
    def rule_parameters(self) -> list[float]:
        return [self.beta, self.l1, self.l2]
