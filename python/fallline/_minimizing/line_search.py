"""How far to go along a way that leads down."""

import math
from typing import Final

import numpy as np

from fallline._minimizing.box import Box
from fallline._minimizing.function import Function, Point
from fallline._standardization import inner
from fallline.typing import Float64Array

# What must be won of the slope, and how much flatter it must have become: Wolfe's conditions. With
# 0.5 and 0.1 for the latter there are 1.1 and 1.4 times the calls, as most first lengths are good.
_ARMIJO: Final = 1e-4
_FLATTER: Final = 0.9
# By how much of itself a value may rise where the slope says that it falls: more than the rounding
# errors of most functions, whose terms cancel, and far less than anything of interest.
_ROUNDING: Final = 1e-9
# Parts of the way between the ends that a new length keeps from them, and how far it goes beyond.
_SHORTEST_CUT, _LONGEST_CUT, _MARGIN, _LONGEST_RISE = 0.1, 0.5, 0.05, 9.0
_MOST_TRIALS: Final = 40
# Cuts after which all are the shortest: beside a pole, as of log(x) at 0, parabolas know nothing of
# what is many powers of ten away.
_MOST_MODELLED_CUTS: Final = 8


def next_point(function: Function, box: Box, start: Point, way: Float64Array) -> Point | None:
    """Return a point that is lower along a way, bent by the box; None if there is none.

    A length is good enough by Wolfe's conditions, or where rounding hides the fall by the second
    of them alone [1]_. Where the path is bent at the box, the first is enough [2]_.

    References
    ----------
    .. [1] Hager & Zhang (2005), "A new conjugate gradient method with guaranteed descent and an
       efficient line search", SIAM Journal on Optimization 16, equation 4.1.
    .. [2] Bertsekas (1982), "Projected Newton methods for optimization problems with simple
       constraints", SIAM Journal on Control and Optimization 20.
    """
    bracket = _Bracket(start.value, inner(way, start.gradient))
    best: Point | None = None
    for _ in range(_MOST_TRIALS):
        length = bracket.length
        with np.errstate(over="ignore", invalid="ignore"):
            straight = start.x + length * way
        if not np.isfinite(straight).all():
            bracket.shorten(math.inf)
            continue
        x = box.project(straight)
        if np.array_equal(x, start.x):
            return best
        is_bent = not np.array_equal(x, straight)
        promised = min(inner(x - start.x, start.gradient), 0.0)
        value = function.value(x)
        rise = value - start.value
        is_hidden = not is_bent and abs(rise) <= _ROUNDING * abs(start.value)
        if not (rise <= _ARMIJO * promised or is_hidden):
            bracket.shorten(value)
            continue
        point = Point(x, value, function.gradient(x, value))
        if not point.is_finite:
            bracket.shorten(math.inf)
            continue
        if is_bent or bracket.is_flat(slope := inner(way, point.gradient)):
            return point
        if value < start.value:
            best = point
        bracket.refine(value, slope)
    return best


class _Bracket:
    """Lengths between which a good one is, and the next one to try.

    Attributes
    ----------
    length : float
        That one; at first the whole way.
    """

    def __init__(self, value: float, slope: float) -> None:
        self.length = 1.0
        self._first_slope = slope
        self._left, self._left_value, self._left_slope = 0.0, value, slope
        self._right = math.inf
        self._n_cuts = 0

    def is_flat(self, slope: float) -> bool:
        """Return whether a slope is by enough flatter than the first one."""
        return abs(slope) <= -_FLATTER * self._first_slope

    def shorten(self, value: float) -> None:
        """Go back, as a value is too high or not finite."""
        self._right, width = self.length, self.length - self._left
        # The lowest point of the parabola with that slope through both values.
        excess = value - self._left_value - width * self._left_slope
        self._n_cuts += 1
        is_usable = math.isfinite(excess) and excess > 0.0 and self._n_cuts <= _MOST_MODELLED_CUTS
        cut = -0.5 * width * self._left_slope / excess if is_usable else _SHORTEST_CUT
        self.length = self._left + width * min(max(cut, _SHORTEST_CUT), _LONGEST_CUT)

    def refine(self, value: float, slope: float) -> None:
        """Go to where the line through the slopes at both ends is zero."""
        here, width = self.length, self.length - self._left
        fall = slope - self._left_slope
        zero = self._left - self._left_slope / fall * width if fall > 0.0 else math.inf
        if slope > 0.0:
            self._right = here
        else:
            self._left, self._left_value, self._left_slope = here, value, slope
        if math.isinf(self._right):
            nearest, furthest = here + _SHORTEST_CUT * width, here + _LONGEST_RISE * width
        else:
            margin = _MARGIN * (self._right - self._left)
            nearest, furthest = self._left + margin, self._right - margin
        self.length = min(max(zero, nearest), furthest)
