"""The last steps and what they tell of the curvature, without a matrix of x's size."""

import math
from typing import Final

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.typing import BoolArray, Float64Array

# Steps that are remembered. On 32 functions, free and in boxes, as of benchmarks/peers_minimize.py,
# 1 takes 1.9 times the calls, 2 take 1.6 times, 5 take 1.3 times, and 20 as many.
_MEMORY: Final = 10
# Curvature along the gradient over that of which the last change tells, which is at least as much
# as along the step: the mean of 1 and 2, as in BBCG3. These take 1.05 and 1.15 times the calls.
_STEEPER: Final = 1.5
# The least share of a step that must not be a combination of the gradient and later steps.
_LEAST_SHARE: Final = 1e-12


class Memory:
    """The last steps, the newest first, and the changes of the gradient along them.

    Curvatures between steps are kept, so that a new one costs as many products as there are steps;
    after a change of what the bounds leave free, all are made anew.
    """

    def __init__(self) -> None:
        self._steps: list[Float64Array] = []
        self._changes: list[Float64Array] = []
        self._is_free = np.empty(0, dtype=np.bool_)
        self._bends = np.empty((0, 0))  # between two steps, by the change along the later one

    def learn(self, step: Float64Array, change: Float64Array, is_free: BoolArray) -> None:
        """Remember a step, of which free elements count."""
        self._steps = [step, *self._steps[: _MEMORY - 1]]
        self._changes = [change, *self._changes[: _MEMORY - 1]]
        n = len(self._steps)
        bends = np.empty((n, n))
        is_known = np.array_equal(is_free, self._is_free)
        bends[1:, 1:] = self._bends[: n - 1, : n - 1]
        for later in range(1 if is_known else n):
            masked = np.where(is_free, self._changes[later], 0.0)
            for earlier in range(later, n):
                bends[earlier, later] = bends[later, earlier] = inner(masked, self._steps[earlier])
        self._bends, self._is_free = bends, is_free

    @property
    def gradient_step(self) -> float:
        """The length of a step along the gradient by Barzilai and Borwein; NaN where none is known.

        The shorter of their two: the bend of the last step over the square of its change.
        """
        if not self._steps:
            return math.nan
        bend, square = float(self._bends[0, 0]), self._square()
        return bend / square if bend > 0.0 and square > 0.0 else math.nan

    @property
    def last_length(self) -> float:
        """The largest element of the last step; 0 where there is none."""
        return float(np.abs(self._steps[0]).max()) if self._steps else 0.0

    def way_down(self, gradient: Float64Array) -> Float64Array | None:
        """Return the way to the lowest point of a quadratic model; None if it has none.

        The model is of the space of the gradient, whose elements that are not free are zero, and of
        as many of the last steps as leave it convex [1]_. The curvature along the gradient is the
        one that no step has told [2]_.

        References
        ----------
        .. [1] Cragg & Levy (1969), "Study on a supermemory gradient method for the minimization of
           functions", Journal of Optimization Theory and Applications 4, for the space; and Yuan &
           Stoer (1995), "A subspace study on conjugate gradient algorithms", ZAMM 75, for a model.
        .. [2] Dai & Kou (2016), "A Barzilai-Borwein conjugate gradient method", Science China
           Mathematics 59 (BBCG3).
        """
        model, slopes = self._model(gradient)
        scale = np.sqrt(np.maximum(model.diagonal(), 0.0))
        scale[scale == 0.0] = 1.0
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is no pivot
            factor, pivot = _core.cholesky(model / np.outer(scale, scale))
        n = len(model) if pivot == -1 else pivot
        small = np.flatnonzero(factor.diagonal()[:n] ** 2 < _LEAST_SHARE)
        n = int(small[0]) if small.size else n
        if n < 2:
            return None
        leading = np.ascontiguousarray(factor[:n, :n])
        shares = -_core.cholesky_solve(leading, slopes[:n] / scale[:n]) / scale[:n]
        way = shares[0] * gradient
        for share, step in zip(shares[1:], self._steps, strict=False):
            way += share * step
        return np.where(self._is_free, way, 0.0)

    def _model(self, gradient: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return curvatures between, and slopes along, the gradient and the last steps."""
        n = 1 + len(self._steps)
        model, slopes = np.empty((n, n)), np.empty(n)
        slopes[0] = inner(gradient, gradient)
        slopes[1:] = [inner(gradient, step) for step in self._steps]
        model[0, 0] = _STEEPER * self._square() / float(self._bends[0, 0]) * float(slopes[0])
        model[0, 1:] = model[1:, 0] = [inner(gradient, change) for change in self._changes]
        model[1:, 1:] = self._bends
        return model, slopes

    def _square(self) -> float:
        """Return the square of the last change, of what is free."""
        change = np.where(self._is_free, self._changes[0], 0.0)
        return inner(change, change)
