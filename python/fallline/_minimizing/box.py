"""Bounds: the box in which a minimum is searched."""

from typing import Any

import numpy as np

from fallline.typing import BoolArray, Float64Array


class Box:
    """All x with ``lower <= x <= upper``, element by element."""

    def __init__(self, lower: Float64Array, upper: Float64Array) -> None:
        self.lower, self.upper = lower, upper

    @classmethod
    def of(cls, bounds: object, n: int) -> "Box":
        """Return the box of bounds as SciPy takes them, or raise.

        Raises
        ------
        TypeError
            If they are neither pairs nor an object with ``lb`` and ``ub``.
        ValueError
            If there are not n of them, or one is NaN or leaves no number.
        """
        if bounds is None:
            return cls(np.full(n, -np.inf), np.full(n, np.inf))
        if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
            lower, upper = _side("lb", bounds.lb, n), _side("ub", bounds.ub, n)
        else:
            lower, upper = _sides(bounds, n)
        if not (lower <= upper).all():
            i = int(np.argmin(lower <= upper))
            pair = float(lower[i]), float(upper[i])
            message = f"bounds must have lower <= upper, got {pair} at place {i}"
            raise ValueError(message)
        if (empty := (lower == np.inf) | (upper == -np.inf)).any():
            i = int(np.argmax(empty))
            message = (
                f"bounds must leave numbers, got {(float(lower[i]), float(upper[i]))} at place {i}"
            )
            raise ValueError(message)
        return cls(lower, upper)

    def project(self, x: Float64Array) -> Float64Array:
        """Return the nearest point of the box, as a new array."""
        return np.minimum(np.maximum(x, self.lower), self.upper)

    def projected_gradient(self, x: Float64Array, gradient: Float64Array) -> Float64Array:
        """Return x minus the projection of x - gradient, which is zero at a minimum.

        Without the subtraction of x from itself, which would round a small gradient away.
        """
        return np.minimum(np.maximum(gradient, x - self.upper), x - self.lower)

    def free(self, x: Float64Array, gradient: Float64Array) -> BoolArray:
        """Return which elements are not held at a bound by the gradient."""
        held = ((x <= self.lower) & (gradient > 0)) | ((x >= self.upper) & (gradient < 0))
        return np.asarray(~held)

    def inward(self, x: Float64Array, way: Float64Array) -> Float64Array:
        """Return a way from x without what leaves the box at once."""
        leaves = ((x <= self.lower) & (way < 0)) | ((x >= self.upper) & (way > 0))
        return np.where(leaves, 0.0, way)


def _side(name: str, values: object, n: int) -> Float64Array:
    array = np.asarray(values, dtype=np.float64)
    if array.shape not in ((n,), (1,), ()):
        message = f"bounds.{name} must have shape ({n},) like x0, got {array.shape}"
        raise ValueError(message)
    return np.broadcast_to(array, (n,)).copy()


def _sides(bounds: Any, n: int) -> tuple[Float64Array, Float64Array]:
    try:
        pairs = [(low, high) for low, high in bounds]
        lower, upper = (
            np.array([absent if value is None else value for value in side], dtype=np.float64)
            for side, absent in (
                ([low for low, _ in pairs], -np.inf),
                ([high for _, high in pairs], np.inf),
            )
        )
    except (TypeError, ValueError):
        message = (
            "bounds must be pairs of numbers or None, one for each element of x0, or a "
            f"scipy.optimize.Bounds, got {bounds!r}"
        )
        raise TypeError(message) from None
    if len(pairs) != n:
        message = f"bounds must be {n} pairs, one for each element of x0, got {len(pairs)}"
        raise ValueError(message)
    return lower, upper
