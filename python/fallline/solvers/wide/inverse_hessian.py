"""What the last steps tell of the inverse Hessian."""

from collections.abc import Callable

from fallline._standardization import inner
from fallline.typing import Float64Array


class InverseHessian:
    """The limited-memory BFGS model of the inverse Hessian: the two-loop recursion [1]_.

    Parameters
    ----------
    memory : int
        How many steps it remembers.

    References
    ----------
    .. [1] Nocedal (1980), "Updating quasi-Newton matrices with limited storage", Mathematics of
       Computation 35, the algorithm of section 4.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        # Steps, the changes of the gradient, and the products of both.
        self._pairs: list[tuple[Float64Array, Float64Array, float]] = []

    def times(
        self, gradient: Float64Array, rough: Callable[[Float64Array], Float64Array]
    ) -> Float64Array:
        """Return the product with a gradient; `rough` is that of a model that no step has taught.

        It may be another one each time: what is remembered does not depend on it.
        """
        direction = gradient.copy()
        shares = []
        for step, change, product in reversed(self._pairs):
            share = inner(step, direction) / product
            direction -= share * change
            shares.append(share)
        direction = rough(direction)
        if self._pairs:
            _, change, product = self._pairs[-1]
            direction *= product / inner(change, rough(change))
        for (step, change, product), share in zip(self._pairs, reversed(shares), strict=True):
            direction += (share - inner(change, direction) / product) * step
        return direction

    def remember(self, step: Float64Array, change: Float64Array) -> None:
        """Learn from a step, and what it has changed in the gradient."""
        product = inner(step, change)
        if product > 0.0:
            self._pairs = [*self._pairs[1 - self._memory :], (step, change, product)]
