"""Whether a minimisation goes on, and which point it ends at."""

import inspect
import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from fallline._minimizing.box import Box
from fallline._minimizing.function import Point
from fallline._minimizing.result import Minimum

CONVERGED: Final = 0
OVER: Final = 1
FLOOR: Final = 2
NOT_FINITE: Final = 3
STOPPED: Final = 99  # as SciPy has it

# Iterations in a row that bring neither a lower value nor a smaller gradient: where a step is taken
# for its slope alone, as rounding hides the fall, they could go on for ever. With 100 a quadratic
# of 100 variables and condition 1e6 ends at three times tol.
_MOST_IDLE: Final = 1000


class Ending(NamedTuple):
    """Where and why it is over."""

    point: Point
    status: int
    message: str


class Watch:
    """What is to be looked at after each iteration.

    Attributes
    ----------
    iterations : int
        How many there have been.
    """

    def __init__(
        self,
        box: Box,
        tol: float,
        maxiter: int,
        callback: Callable[..., object] | None,
        start: Point,
    ) -> None:
        self.iterations = 0
        self._box, self._tol, self._maxiter = box, tol, maxiter
        self._tell = _teller(callback)
        self._best = start
        self._smallest = math.inf
        self._idle = 0

    def begin(self) -> Ending | None:
        """Return how it ends at the start, or None if it goes on."""
        return self._look(self._best)

    def look(self, point: Point) -> Ending | None:
        """Return how it ends after one more iteration, or None if it goes on."""
        self.iterations += 1
        ending = self._look(point)
        try:
            self._tell(point)
        except StopIteration:
            return ending or self._end(STOPPED, "the callback raised StopIteration")
        return ending

    def at_the_floor(self) -> Ending:
        """Return the end where no step leads down."""
        return self._end(
            FLOOR,
            f"the projected gradient is {self._size(self._best):.2g}, above tol={self._tol:.2g}, "
            "but no step makes fun any lower: what is left is below its rounding errors, jac is "
            "not its gradient, or there is no minimum",
        )

    def not_finite(self, point: Point, remedy: str) -> Ending:
        """Return the end where a step came to a value or gradient that is not finite."""
        what = "jac became nan or inf"
        if not math.isfinite(point.value):
            what = f"fun became {point.value}"
        return self._end(NOT_FINITE, f"{what} in iteration {self.iterations + 1}; {remedy}")

    @property
    def idles(self) -> bool:
        """Whether nothing has become better for long."""
        return self._idle >= _MOST_IDLE

    def _look(self, point: Point) -> Ending | None:
        size = self._size(point)
        self._idle += 1
        if point.value < self._best.value:
            self._best, self._idle = point, 0
        if size < self._smallest:
            self._smallest, self._idle = size, 0
        if size <= self._tol:
            message = f"the projected gradient is {size:.2g}, at most tol={self._tol:.2g}"
            return Ending(point, CONVERGED, message)
        if self.iterations >= self._maxiter:
            return self._end(
                OVER,
                f"maxiter={self._maxiter} iterations are over, and the projected gradient is "
                f"{self._size(self._best):.2g}, above tol={self._tol:.2g}; raise one of them",
            )
        return None

    def _end(self, status: int, message: str) -> Ending:
        """Return an end at the lowest value so far."""
        return Ending(self._best, status, message)

    def _size(self, point: Point) -> float:
        return float(np.abs(self._box.projected_gradient(point.x, point.gradient)).max())


def _teller(callback: Callable[..., object] | None) -> Callable[[Point], object]:
    """Return what calls back in the way that the callback's signature asks for, as in SciPy."""
    if callback is None:
        return lambda _: None
    try:
        names: Any = set(inspect.signature(callback).parameters)
    except (TypeError, ValueError):  # of built-in functions, which have none
        names = set()
    if names == {"intermediate_result"}:
        return lambda point: callback(
            intermediate_result=Minimum(x=point.x.copy(), fun=point.value)
        )
    return lambda point: callback(point.x.copy())
