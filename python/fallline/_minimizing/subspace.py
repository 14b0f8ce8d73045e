"""Steps in the space of the gradient and the last steps: no learning rate, and no matrix."""

import math
from typing import Final

import numpy as np

from fallline._minimizing.box import Box
from fallline._minimizing.function import Function, Point
from fallline._minimizing.line_search import next_point
from fallline._minimizing.memory import Memory
from fallline._minimizing.watch import Ending, Watch
from fallline._standardization import inner
from fallline.typing import Float64Array

# The first step is so long as a share of x, or in absolute terms at zero: where it is wrong, the
# line search multiplies it by up to ten a time.
_FIRST_STEP: Final = 0.01
# How much longer than the last step one is that no curvature tells the length of.
_LONGER: Final = 10.0
# The least cosine of a way with the descent of the gradient.
_LEAST_COSINE: Final = 1e-10
# Lengths of gradient steps are kept to this and its inverse, so that their squares are numbers.
_LONGEST: Final = 1e150


def descend(function: Function, box: Box, watch: Watch, start: Point) -> Ending:
    """Minimise in a box without a learning rate.

    Every step goes to the lowest point of a quadratic model in the space of the gradient and the
    last steps, see `Memory`. Bounds fix the elements that the gradient holds there, and bend the
    path of the others [1]_; the model is of those now free.

    References
    ----------
    .. [1] Bertsekas (1982), "Projected Newton methods for optimization problems with simple
       constraints", SIAM Journal on Control and Optimization 20.
    """
    point, ways = start, _Ways(box, start)
    ending = watch.begin()
    while ending is None:
        following = None
        for way in ways.at(point):  # no generator, in which StopIteration of fun would be another
            following = following or next_point(function, box, point, way)
        if following is None or watch.idles:
            return watch.at_the_floor()
        ways.learn(point, following)
        point = following
        ending = watch.look(point)
    return ending


class _Ways:
    """Where to go from a point, by what the last steps have told of the curvature."""

    def __init__(self, box: Box, start: Point) -> None:
        self._box, self._memory = box, Memory()
        size = float(np.abs(self._free_gradient(start)).max())
        scale = float(np.abs(start.x).max()) or 1.0
        self._length = _kept(_FIRST_STEP * scale / size if size else 1.0)

    def learn(self, before: Point, after: Point) -> None:
        """Take note of a step and of how the gradient has changed along it."""
        is_free = self._box.free(after.x, after.gradient)
        self._memory.learn(after.x - before.x, after.gradient - before.gradient, is_free)

    def at(self, point: Point) -> list[Float64Array]:
        """Return ways down, the second for where the first one fails.

        They go to the lowest point of the model and down the gradient, by a length that suits the
        last step; the latter alone where there is no model.
        """
        gradient, length = self._free_gradient(point), self._memory.gradient_step
        way = None
        if not math.isnan(length):
            self._length = _kept(length)
            way = self._memory.way_down(gradient)
        elif far := self._memory.last_length:
            self._length = _kept(_LONGER * far / float(np.abs(gradient).max()))
        steepest = -self._length * gradient
        if way is None:
            return [steepest]
        way = self._box.inward(point.x, way)
        cosine = _LEAST_COSINE * math.sqrt(inner(gradient, gradient) * inner(way, way))
        return [way, steepest] if inner(way, gradient) < -cosine else [steepest]

    def _free_gradient(self, point: Point) -> Float64Array:
        return np.where(self._box.free(point.x, point.gradient), point.gradient, 0.0)


def _kept(length: float) -> float:
    return min(max(length, 1.0 / _LONGEST), _LONGEST)
