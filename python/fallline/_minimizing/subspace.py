"""Steps in the plane of the gradient and the step before: no learning rate, and no matrix."""

import math
from typing import Final

import numpy as np

from fallline._minimizing.box import Box
from fallline._minimizing.function import Function, Point
from fallline._minimizing.line_search import next_point
from fallline._minimizing.watch import Ending, Watch
from fallline._standardization import inner
from fallline.typing import Float64Array

# The first step is so long as a share of x, or in absolute terms at zero: where it is wrong, the
# line search multiplies it by up to ten a time.
_FIRST_STEP: Final = 0.01
# Curvature along the gradient over that of the step before, which it exceeds: the mean of 1 and 2
# as in the paper. 2 takes a fifth more calls, 1.2 as many in all and twice those of Powell's.
_STEEPER: Final = 1.5
# The least cosine of a way with the descent of the gradient, and a determinant's least share.
_LEAST_COSINE: Final = 1e-10
_LEAST_SHARE: Final = 1e-12
# Lengths of gradient steps are kept to this and its inverse, so that their squares are numbers.
_LONGEST: Final = 1e150
# How much longer than the last step one is that no curvature tells the length of.
_LONGER: Final = 10.0


def descend(function: Function, box: Box, watch: Watch, start: Point) -> Ending:
    """Minimise in a box without a learning rate.

    Every step goes to the lowest point of a quadratic model in the plane of the gradient and the
    step before, a conjugate gradient method whose curvature along the gradient is that of Barzilai
    and Borwein [1]_. Bounds fix the elements that the gradient holds there, and bend the path of
    the others [2]_; after a change of these the model is of those now free.

    References
    ----------
    .. [1] Dai & Kou (2016), "A Barzilai-Borwein conjugate gradient method", Science China
       Mathematics 59, equations 2.11 and 2.15 (BBCG3).
    .. [2] Bertsekas (1982), "Projected Newton methods for optimization problems with simple
       constraints", SIAM Journal on Control and Optimization 20.
    """
    point, ways = start, _Ways(box, start)
    ending = watch.begin(start)
    while ending is None:
        ahead = (next_point(function, box, point, way) for way in ways.at(point))
        following = next((found for found in ahead if found is not None), None)
        if following is None or watch.idles:
            return watch.at_the_floor()
        ways.learn(point, following)
        point = following
        ending = watch.look(point)
    return ending


class _Ways:
    """Where to go from a point, by what the last step has told of the curvature."""

    def __init__(self, box: Box, start: Point) -> None:
        self._box = box
        is_free = box.free(start.x, start.gradient)
        size = float(np.abs(np.where(is_free, start.gradient, 0.0)).max())
        scale = float(np.abs(start.x).max()) or 1.0
        self._length = _kept(_FIRST_STEP * scale / size if size else 1.0)
        self._step = self._change = np.zeros_like(start.x)

    def learn(self, before: Point, after: Point) -> None:
        """Take note of a step and of how the gradient has changed along it."""
        self._step, self._change = after.x - before.x, after.gradient - before.gradient

    def at(self, point: Point) -> list[Float64Array]:
        """Return ways down, the second for where the first one fails.

        They go to the lowest point of the model and down the gradient, by a length that suits the
        last step; the latter alone where there is no model.
        """
        is_free = self._box.free(point.x, point.gradient)
        gradient = np.where(is_free, point.gradient, 0.0)
        step, change = np.where(is_free, self._step, 0.0), np.where(is_free, self._change, 0.0)
        bend, square = inner(step, change), inner(change, change)
        factors = None
        if bend > 0.0 and square > 0.0:
            self._length = _kept(bend / square)
            factors = _lowest(gradient, step, change, bend, square)
        elif self._step.any():
            size = inner(self._step, self._step) / inner(gradient, gradient)
            self._length = _kept(_LONGER * math.sqrt(size))
        steepest = -self._length * gradient
        if factors is None:
            return [steepest]
        with np.errstate(over="ignore", invalid="ignore"):
            way = self._box.inward(point.x, factors[0] * gradient + factors[1] * step)
        cosine = _LEAST_COSINE * math.sqrt(inner(gradient, gradient) * inner(way, way))
        return [way, steepest] if inner(way, gradient) < -cosine else [steepest]


def _lowest(
    gradient: Float64Array, step: Float64Array, change: Float64Array, bend: float, square: float
) -> tuple[float, float] | None:
    """Return what the model's lowest point has of gradient and step; None if it has none."""
    g_g, g_s, g_y = inner(gradient, gradient), inner(gradient, step), inner(gradient, change)
    along = _STEEPER * square / bend * g_g
    determinant = along * bend - g_y * g_y
    if not determinant > _LEAST_SHARE * along * bend:
        return None
    return (g_y * g_s - bend * g_g) / determinant, (g_y * g_g - along * g_s) / determinant


def _kept(length: float) -> float:
    return min(max(length, 1.0 / _LONGEST), _LONGEST)
