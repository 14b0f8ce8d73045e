"""Near the minimum of a loss with bends: Newton's method on the loss with its bends rounded."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline._standardization import inner
from fallline.solvers.narrow.descent import FEWEST_ROWS, GROWTH, ROWS_PER_COORDINATE
from fallline.solvers.narrow.newton_step import newton_step
from fallline.solvers.narrow.objective import Point, bisect
from fallline.solvers.narrow.row_parts import Part, spaced
from fallline.solvers.narrow.row_sums import hubers
from fallline.typing import Float64Array

# Of m rows so many times the root of D / m are on a rounded bend at last: their minimum is off by
# about as much. No more than that share of few rows.
_WIDTH: Final = 2.0
_MOST: Final = 0.5

# All rows are on the bend at first, and after each step this share of those that were. Of 0.25 to
# 0.7 the smaller took fewer passes, until too few rows told of a column with a heavy tail.
_SHARPENED: Final = 0.5

# Where more rows are exactly at their bend, the width is this times their share of the mean
# distance from it.
_NARROWEST: Final = 0.1

# The next step promises less than this share of F: a part of the rows has taught what it can; all
# of them have, and the bends are too round for more.
_LEARNT: Final = 0.1
_NEAR: Final = 1e-4

# Steps on the same rows; and shorter than this share of what the model says they lead nowhere. With
# 10 instead of 20 a hinge on covtype took 145 instead of 86 passes.
_MOST_STEPS: Final = 20
_SHORTEST: Final = 1e-3


class Nearby(NamedTuple):
    """Where F is nearly as small as it gets.

    Attributes
    ----------
    u : ndarray of shape (size,)
        The place.
    z : ndarray of shape (n_rows,)
        Margins there.
    value : float
        F there.
    hessian : ndarray of shape (size, size)
        Of F with its bends rounded, there or next to it.
    mu : float
        What the products of the central path are where it is about as far from the minimum.
    values : list of float
        F at every point of all rows.
    status : str
        "stopped" (by `Objective.observe`), "interrupted" (Ctrl-C), or empty: go on.
    """

    u: Float64Array
    z: Float64Array
    value: float
    hessian: Float64Array
    mu: float
    values: list[float]
    status: str = ""


def tells(rows: Part) -> bool:
    """Return whether rows are enough, for their coordinates, to know the side of most of them."""
    return _on_bends(rows) <= _MOST


def approach(rows: Part, start: Float64Array, max_passes: int) -> Nearby:
    """Return a place where F of a loss with bounded slopes is nearly as small as it gets.

    Parameters
    ----------
    rows : Part
        All rows, whose boxes are bounded.
    start : ndarray of shape (size,)
        No weights, and an intercept.
    max_passes : int
        End soon after so many passes over the data.

    Notes
    -----
    Each arm of such a loss is the largest ``d (z - c) - q d^2 / 2`` of a d within w of m. It is

        m (z - k) + (w / h) huber_h(z - k) + constant,    k = c + q m,    h = q w,

    with Huber's loss that is straight from a distance h on. With a larger h the bends are rounded,
    also the one of q = 0 [1]_: a curvature that Newton's method can use is spread over more rows.
    With h the largest distance of all rows, F is least squares; h shrinks with each step until only
    those rows are on the bend whose side the rows visited cannot tell. Few rows, evenly spaced, are
    followed by four times as many.

    The slopes of the rounded loss are dual variables in their boxes, and so an h is about what a mu
    is to an interior point: of q = 0 both curve by ``w / h`` at the kink if ``mu = w h / 2``.

    References
    ----------
    .. [1] Chen (2007), "A finite smoothing algorithm for quantile regression", Journal of
       Computational and Graphical Statistics 16(1).
    """
    return _Approach(rows, start, max_passes).run()


class _Rounded:
    """F of some rows with the bends rounded."""

    def __init__(self, part: Part) -> None:
        self.part, self.objective, boxes = part, part.objective, part.boxes
        self.middle = 0.5 * (boxes.lower + boxes.upper)
        self.kinks = boxes.c + boxes.q * self.middle
        self.half = 0.5 * float(boxes.upper[0, 0] - boxes.lower[0, 0])
        self.sharpest = boxes.q * self.half
        slopes, ones = self.middle.sum(axis=0), np.ones_like(part.s)
        self.tilt = np.zeros(self.objective.size)
        if slopes.any():
            self.tilt, _ = part.sums(slopes, ones, hessian=False)

    def width(self, z: Float64Array, share: float) -> float:
        """Return how wide the bends are that such a share of the rows is on."""
        distances = np.abs(z - self.kinks).min(axis=0)
        n = min(int(share * len(distances)), len(distances) - 1)
        least = _NARROWEST * share * float(distances.mean())
        return max(float(np.partition(distances, n)[n]), least, self.sharpest)

    def at(self, u: Float64Array, width: float) -> Point:
        """Visit the rows, as often as a loss has arms, and return what F is like at u."""
        part, objective = self.part, self.objective
        gradient = self.tilt + objective.ridge * u
        hessian = np.diag(objective.ridge)
        for kinks in self.kinks:
            of_arm, curvature, z = hubers(objective, u, kinks, part.s, part.rows, width)
            gradient = gradient + self.half / width * of_arm
            hessian = hessian + self.half / width * curvature
        return Point(u, self.value(u, z, width), gradient, hessian, z)

    def value(self, u: Float64Array, z: Float64Array, width: float) -> float:
        """Return F of margins at u."""
        r = z - self.kinks
        t = np.clip(r / width, -1.0, 1.0)
        losses = self.middle * r + self.half * t * (r - 0.5 * width * t)
        losses += 0.5 * self.part.boxes.q * self.middle**2
        mean = inner(self.part.s, losses.sum(axis=0)) / self.objective.sum_of_weights
        return mean + self.objective.penalty(u)

    def best_step(self, start: Point, end: Point, width: float) -> float:
        """Return about the best t in [0, 1] on the way between two points."""
        way, direction = end.margins - start.margins, end.u - start.u
        total = self.objective.sum_of_weights

        def slope(t: float) -> float:
            r = start.margins + t * way - self.kinks
            d = (self.middle + self.half * np.clip(r / width, -1.0, 1.0)).sum(axis=0)
            of_penalty = inner(direction, self.objective.ridge * (start.u + t * direction))
            return inner(self.part.s, d * way) / total + of_penalty

        return bisect(slope)


class _Approach:
    """One approach under way: where it is, and how round the bends are."""

    def __init__(self, rows: Part, start: Float64Array, max_passes: int) -> None:
        self.rows, self.objective, self.max_passes = rows, rows.objective, max_passes
        self.u, self.share, self.width = start, 1.0, math.inf
        self.best: Nearby | None = None
        self.values: list[float] = []

    def run(self) -> Nearby:
        """Go on from few rows to all."""
        try:
            n = len(self.rows.s)
            count = max(ROWS_PER_COORDINATE * self.objective.size, FEWEST_ROWS)
            while 2 * count <= n:
                self._learn(_Rounded(spaced(self.rows, count)))
                count *= GROWTH
            return self._arrive(_Rounded(self.rows))
        except KeyboardInterrupt:
            if self.best is None:
                raise
            return self.best._replace(status="interrupted")

    def _learn(self, rounded: _Rounded) -> None:
        """Go on until some rows have taught what they can."""
        point: Point | None = self._begin(rounded)
        for _ in range(_MOST_STEPS):
            if point is None:
                return
            was_sharp, promise = self._step(rounded, point)
            if was_sharp and promise <= _LEARNT * abs(point.value):
                return
            point = self._follow(rounded, point)

    def _arrive(self, rounded: _Rounded) -> Nearby:
        """Go on with all rows until F falls no further, or is not expected to."""
        point = self._begin(rounded)
        best = self.best = self._nearby(rounded, point)
        for _ in range(_MOST_STEPS):
            here = self._nearby(rounded, point)
            has_fallen = not self.values or here.value < best.value
            self.values.append(here.value)
            if has_fallen:
                best = self.best = here
            if self.objective.observe(here.u, here.value):
                return best._replace(status="stopped")
            if not has_fallen or self.objective.passes >= self.max_passes:
                break
            was_sharp, promise = self._step(rounded, point)
            if was_sharp and promise <= _NEAR * here.value:
                break
            following = self._follow(rounded, point)
            if following is None:
                break
            point = following
        return best

    def _nearby(self, rounded: _Rounded, point: Point) -> Nearby:
        u, z, mu = point.u, point.margins, 0.5 * rounded.half * self.width
        return Nearby(u, z, self.rows.value(u, z), point.hessian, mu, self.values)

    def _begin(self, rounded: _Rounded) -> Point:
        if math.isinf(self.width):  # margins are the intercept alone
            fit_intercept = self.objective.coordinates.fit_intercept
            z = np.full(len(rounded.part.s), self.u[-1] if fit_intercept else 0.0)
            self.width = rounded.width(z, 1.0) or 1.0
        return rounded.at(self.u, self.width)

    def _step(self, rounded: _Rounded, point: Point) -> tuple[bool, float]:
        """Make a step and sharpen the bends; return whether they were, and what it promises."""
        least = min(_on_bends(rounded.part), _MOST)
        with self.objective.solving:
            step = newton_step(point)
        self.u = point.u + step.direction
        was_sharp = self.share <= least
        if not was_sharp:
            self.share = max(_SHARPENED * self.share, least)
        self.width = min(self.width, rounded.width(point.margins, self.share) or self.width)
        return was_sharp, 0.5 * step.decrement

    def _follow(self, rounded: _Rounded, start: Point) -> Point | None:
        """Visit where the step has led, or the best place on the way; None if that is the start."""
        end = rounded.at(self.u, self.width)
        if end.value <= rounded.value(start.u, start.margins, self.width):
            return end
        t = rounded.best_step(start, end, self.width)
        self.u = start.u + t * (end.u - start.u)
        return rounded.at(self.u, self.width) if t > _SHORTEST else None


def _on_bends(part: Part) -> float:
    """Return the share of the rows whose side they cannot tell."""
    return _WIDTH * math.sqrt(part.objective.size / len(part.s))
