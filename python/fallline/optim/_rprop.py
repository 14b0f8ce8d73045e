"""Rprop: steps by the signs of gradients."""

from typing import ClassVar, Unpack

from fallline._arguments import number, positive
from fallline.optim._optimizer import Optimizer
from fallline.optim._options import ArrayOptions
from fallline.typing import LearningRate


class Rprop(Optimizer):
    r"""A step length for each weight, which grows while its gradient keeps its sign.

    Parameters
    ----------
    learning_rate : float, Schedule or callable, default=1e-2
        Length of the first step: positive, or a function whose value at step 0 counts.
    etas : tuple of float, default=(0.5, 1.2)
        What multiplies a length when the sign has changed, in (0, 1), and when it has not, above 1.
    step_sizes : tuple of float, default=(1e-6, 50)
        Shortest and longest length; in the units of the weights.
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
    With g the gradient and p = 0 and d = ``learning_rate`` at first,

    .. math:: d \leftarrow \begin{cases} \eta_- d & g p < 0 \\ \eta_+ d & g p > 0 \\ d & g p = 0
              \end{cases} \text{ within } [d_{\min}, d_{\max}], \quad
              p \leftarrow \begin{cases} 0 & g p < 0 \\ g & g p \ge 0 \end{cases}, \quad
              w \leftarrow w - d \operatorname{sign}(p).

    That is torch.optim's form, which does not take a step back where the paper does. The sign of
    g p is the product of the signs, where in torch that of two small numbers is 0. Only signs
    count, so gradients should be of all rows: in `fallline.Trainer` that is ``batch_size=None``.
    Sparse X is refused.

    References
    ----------
    Riedmiller, M. and Braun, H. (1993). A direct adaptive method for faster backpropagation
    learning: the RPROP algorithm.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> rprop = fl.optim.Rprop(0.5)
    >>> for _ in range(2):
    ...     rprop.step(w, 2 * w)  # the gradient of w·w
    >>> w.round(6)
    array([-0.1, -0.9])
    """

    takes_sparse: ClassVar[bool] = False

    def __init__(
        self,
        learning_rate: LearningRate = 1e-2,
        *,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, **options)
        shrinks, grows = _pair("etas", etas)
        self.etas = (
            number("etas[0]", shrinks, "a number in (0, 1)", lambda x: 0 < x < 1),
            number("etas[1]", grows, "a finite number > 1", lambda x: 1 < x < float("inf")),
        )
        shortest, longest = _pair("step_sizes", step_sizes)
        least = positive("step_sizes[0]", shortest)
        requirement = f"a finite number >= step_sizes[0]={least!r}"
        self.step_sizes = (
            least,
            number("step_sizes[1]", longest, requirement, lambda x: least <= x < float("inf")),
        )

    @property
    def rule(self) -> str:
        return "rprop"

    @property
    def rule_parameters(self) -> list[float]:
        return [*self.etas, *self.step_sizes]


def _pair(name: str, value: object) -> tuple[object, object]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        message = f"{name} must be a pair of numbers, got {value!r}"
        raise TypeError(message)
    first, second = value
    return first, second
