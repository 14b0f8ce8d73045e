"""Losses with bends over many rows: an interior point among the rows whose side is still open."""

import math
from typing import Final

import numpy as np

from fallline import _core
from fallline.solvers.narrow.descent import FEWEST_ROWS, ROWS_PER_COORDINATE, Solution
from fallline.solvers.narrow.interior_point import InteriorPoint, far_off, near_path
from fallline.solvers.narrow.objective import Objective, Point
from fallline.solvers.narrow.rounded_bends import approach, tells
from fallline.solvers.narrow.row_parts import Part, reduced, whole
from fallline.solvers.narrow.tolerance import Tolerance
from fallline.typing import BoolArray, Float64Array

# What n rows say of themselves is off by about the square root of D / n, and so is the share of the
# rows whose side is open; taken times this.
_WIDTH: Final = 3.0

# Rows of the largest leverage stay rows, so many for each row whose side is open: without them a
# reduced F has its minimum far away.
_LEADING: Final = 0.5

# Of fewer rows than so many times the first part of them an iteration takes no time to speak of.
_FEWEST_PARTS: Final = 8

# Above these shares of the rows, at first and later on, there is nothing to win.
_MOST_AT_FIRST: Final = 0.3
_MOST: Final = 0.5

# Added to the ones on a diagonal: makes a factor of any matrix whose rows may depend on another.
_JITTER: Final = 1e-9


def minimize(objective: Objective, start: Float64Array, *, tol: float, max_passes: int) -> Solution:
    """Minimise F of a loss that is a largest of parabolas or lines.

    Parameters
    ----------
    objective : Objective
        What to minimise; a loss that has `dual_boxes`.
    start : ndarray of shape (size,)
        The best intercept of a model without features.
    tol : float
        End when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        the model without features.
    max_passes : int
        End after so many passes over the data.

    Returns
    -------
    Solution
        With the duality gap of all rows as its bound.

    Notes
    -----
    Newton's method on F with its bends rounded leads to weights next to the minimum, from where the
    interior point is not far, if slopes are bounded: see `rounded_bends`. Of many rows those far
    from a bend there, for their leverage, are replaced by their means, one for each line that they
    are on, and F of means and other rows is minimised. As in [1]_ this is the minimum of F if all
    rows are still on their lines, which a pass over all rows shows: dual variables of a mean are
    those of its rows. Rows that have left their line are kept as rows from then on, and the best
    point on the way there says what lines the others are on.

    References
    ----------
    .. [1] Portnoy & Koenker (1997), "The Gaussian hare and the Laplacian tortoise: computability of
       squared-error versus absolute-error estimators", Statistical Science 12(4), section 5.
    """
    rows, tolerance = whole(objective), Tolerance(objective, tol)
    if not rows.boxes.are_bounded or not tells(rows):
        return InteriorPoint(rows, far_off(rows, start)).run(tolerance, max_passes)
    return _Settling(rows, start, tolerance, max_passes).run()


class _Settling:
    """One minimisation under way: `u` is the best point of all rows, `z` its margins."""

    def __init__(
        self, rows: Part, start: Float64Array, tolerance: Tolerance, max_passes: int
    ) -> None:
        self.rows, self.objective, self.u = rows, rows.objective, start
        self.tolerance, self.max_passes = tolerance, max_passes
        self.value = tolerance.null_value
        self.values: list[float] = []
        self.events: list[str] = []

    def run(self) -> Solution:
        """Go next to the minimum, and then on with the rows whose side is open, or with all."""
        try:
            return self._run()
        except KeyboardInterrupt:
            return self._end("interrupted", math.nan)

    def _run(self) -> Solution:
        nearby = approach(self.rows, self.u, self.max_passes)
        self.u, self.z, self.value, self.mu = nearby.u, nearby.z, nearby.value, nearby.mu
        self.values = nearby.values
        if nearby.status:
            return self._end(nearby.status, self.value if nearby.status == "stopped" else math.nan)
        n, size = len(self.rows.s), self.objective.size
        first = max(ROWS_PER_COORDINATE * size, FEWEST_ROWS)
        share = (1.0 + _LEADING) * _WIDTH * math.sqrt(size / n)
        if n < _FEWEST_PARTS * first or share > _MOST_AT_FIRST:
            return self._with_all()
        is_near = self._near(_leverages(self.rows, nearby.hessian))
        while is_near.mean() <= _MOST:
            solution = self._round(is_near)
            if solution is not None:
                return solution
        self.events.append("too many rows are next to a bend: on with all of them")
        return self._with_all()

    def _near(self, leverages: Float64Array) -> BoolArray:
        """Return which rows have an open side, or a leverage."""
        n = len(self.z)
        open_rows = int(_WIDTH * math.sqrt(self.objective.size / n) * n)
        depths = self.rows.boxes.depths(self.z) / np.sqrt(np.maximum(leverages, _JITTER))
        deepest = _nth(depths, min(open_rows, n - 1))
        leading = _nth(-leverages, min(int(_LEADING * open_rows), n - 1))
        return np.asarray((depths <= max(deepest, 0.0)) | (-leverages < leading))

    def _round(self, is_near: BoolArray) -> Solution | None:
        """Minimise F of the rows near and the means of the others, and add those that it moves."""
        rows, tolerance = self.rows, self.tolerance
        part, places = reduced(rows, self.z, is_near)
        method = InteriorPoint(part, near_path(part, self.u, part.margins(self.u), self.mu))
        method.approach(tolerance.allowed, self.max_passes)
        u, d = method.state.u, method.state.d[:, places]
        z = rows.margins(u)
        value, gap = rows.value_and_gap(u, z, d, method.residual)
        self.values.append(value)
        if gap <= tolerance.allowed(value):
            value, gap = rows.value_and_gap(u, z, d, rows.residual(u, d))
        before = self.u, self.z, self.value
        moved = (rows.boxes.slopes(z) != rows.boxes.slopes(self.z)).any(axis=0)
        if value < self.value:
            self.u, self.z, self.value = u, z, value
        if gap <= tolerance.allowed(value):
            self.u, self.value = u, value
            return self._end("certified", gap + tolerance.rounding(value))
        if self.objective.passes >= self.max_passes:
            return self._end("budget", gap - (value - self.value))
        if self.objective.observe(self.u, self.value):
            return self._end("stopped", gap - (value - self.value))
        if not (moved & ~is_near).any():
            return self._with_all()  # which no longer rounds
        is_near |= moved
        self._between(*before, u, z)
        return None

    def _between(
        self,
        u: Float64Array,
        z: Float64Array,
        value: float,
        to: Float64Array,
        z_there: Float64Array,
    ) -> None:
        """Go to the best point on the way, of which the margins tell."""
        nothing = np.empty(0)
        start = Point(u, value, nothing, nothing, z)
        end = Point(to, self.value, nothing, nothing, z_there)
        t = self.objective.best_step(start, end, self.rows.rows)
        u, z = u + t * (to - u), z + t * (z_there - z)
        value = self.rows.value(u, z)
        if value < self.value:
            self.u, self.z, self.value = u, z, value

    def _with_all(self) -> Solution:
        state = near_path(self.rows, self.u, self.z, self.mu)
        solution = InteriorPoint(self.rows, state).run(self.tolerance, self.max_passes)
        values, events = self.values + solution.values, self.events + solution.events
        return solution._replace(values=values, events=events)

    def _end(self, status: str, gap: float) -> Solution:
        allowed = self.tolerance.allowed(self.value)
        return Solution(self.u, status, gap, allowed, self.value, self.values, self.events)


def _leverages(rows: Part, square: Float64Array) -> Float64Array:
    """Return ``x . H^-1 x`` of each row and a matrix H: one pass."""
    objective, coordinates = rows.objective, rows.objective.coordinates
    found = np.empty(len(rows.s))
    diagonal = square.diagonal()
    scale = np.divide(1.0, np.sqrt(diagonal), out=np.zeros_like(diagonal), where=diagonal > 0.0)
    square = square * (scale[:, np.newaxis] * scale)
    square.flat[:: len(scale) + 1] = 1.0 + _JITTER
    factor, _ = _core.cholesky(square)
    lengths = np.divide(1.0, scale, out=np.ones_like(scale), where=scale > 0.0)
    objective.passes += len(found) / objective.n_samples
    with objective.reading:
        _core.leverage_pass(
            objective.X,
            coordinates.mean,
            coordinates.inverse_scale,
            coordinates.fit_intercept,
            factor * lengths[:, np.newaxis],
            order=rows.rows,
            leverages=found,
        )
    return found


def _nth(values: Float64Array, n: int) -> float:
    return float(np.partition(values, n)[n])
