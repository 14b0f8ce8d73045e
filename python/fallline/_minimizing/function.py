"""The function to be minimised: its values and gradients, checked and counted."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fallline._minimizing.box import Box
from fallline._minimizing.differences import gradient_by_differences
from fallline.typing import Float64Array


class Point(NamedTuple):
    """A place that has been looked at."""

    x: Float64Array
    value: float
    gradient: Float64Array

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.value) and bool(np.isfinite(self.gradient).all())


class Function:
    """What the user gave, with counts of what has been asked of it.

    Attributes
    ----------
    n_values, n_gradients : int
        Calls of ``fun``, and gradients.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        args: tuple[Any, ...],
        jac: Callable[..., Any] | bool | None,
        box: Box,
    ) -> None:
        self._fun, self._args, self._jac, self._box = fun, args, jac, box
        self._beside: object = None  # the gradient that came with the last value
        self.n_values = self.n_gradients = 0

    def at(self, x: Float64Array) -> Point:
        """Return value and gradient."""
        value = self.value(x)
        return Point(x, value, self.gradient(x, value))

    def value(self, x: Float64Array) -> float:
        """Return the value."""
        self.n_values += 1
        # A copy, as the user may keep it or write into it.
        found = self._fun(x.copy(), *self._args)
        if self._jac is True:
            found, self._beside = _pair(found)
        array = np.asarray(found)
        try:
            if array.dtype.kind not in "biuf":
                raise TypeError
            return float(array.item())
        except (TypeError, ValueError):
            message = (
                f"fun must return a number, got {found!r}; where it returns its gradient as well, "
                "pass jac=True"
            )
            raise TypeError(message) from None

    def gradient(self, x: Float64Array, value: float) -> Float64Array:
        """Return the gradient at x, where the last value was asked for."""
        self.n_gradients += 1
        if self._jac is True:
            return _vector(self._beside, len(x))
        if callable(self._jac):
            return _vector(self._jac(x.copy(), *self._args), len(x))
        return gradient_by_differences(self.value, x, value, self._box)


def _pair(found: Any) -> tuple[Any, Any]:
    try:
        value, gradient = found
    except (TypeError, ValueError):
        message = f"fun must return a value and a gradient with jac=True, got {found!r}"
        raise TypeError(message) from None
    return value, gradient


def _vector(gradient: Any, n: int) -> Float64Array:
    array = np.array(gradient, dtype=np.float64)  # a copy, as the user may write into it later
    if array.size != n:
        message = f"the gradient must have shape ({n},) like x0, got shape {array.shape}"
        raise ValueError(message)
    return array.reshape(n)
