"""Rows far on the wrong side, whose losses a Newton step takes along as they are."""

from collections.abc import Callable
from typing import Final

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.narrow.newton_step import TINY, NewtonStep, newton_step
from fallline.solvers.narrow.objective import Objective, Point, bisect
from fallline.solvers.narrow.row_sums import margins, normal_equations
from fallline.typing import Float64Array, FloatArray, IntArray

# Margins this far on the wrong side are those of rows whose own class has a probability below 0.12:
# the step that their model would take for them alone is 8 and more.
_FAR: Final = 2.0

# Over a way of 1 a second derivative may change e times.
_MOVED: Final = 1.0

# Of the rows visited, the share that are few; and of what the quadratic model promises, the share
# that it may be wrong by.
_FEW: Final = 1.0 / 16.0
_WRONG: Final = 0.2

# Of fewer rows a step that fails costs less than asking which may make it fail.
_FEWEST_ROWS: Final = 1000

# The model is minimised until its decrement is so small a share of what it was.
_SOLVED: Final = 1e-20
_MOST_STEPS: Final = 30


def with_misfits(
    objective: Objective, point: Point, step: NewtonStep, rows: IntArray | None
) -> NewtonStep:
    """Return the step to the minimum of a model that takes some losses as they are.

    Parameters
    ----------
    objective : Objective
        Of the logistic loss.
    point : Point
        Of the rows, with its Hessian.
    step : NewtonStep
        To the minimum of the quadratic model of F there.
    rows : ndarray of shape (n_visited,) or None
        Those that the point is of; None for all.

    Returns
    -------
    NewtonStep
        `step` itself where the losses of the rows that are far on the wrong side are much as the
        quadratic model expects, or too many rows are, or all rows are few.

    Notes
    -----
    Far on the wrong side the slope of a loss is 1, and its curvature next to none. A few such rows
    with a value in a column that is zero nearly everywhere send its weight to nowhere, and the step
    has to be cut, for all columns. With the losses of a set M of rows as they are,

        m(D) = q(D) + mean over M of (l(z + x.D) - l - l' x.D - l'' (x.D)^2 / 2),

    q the quadratic model of F, is convex, and Newton's method for it reads no other rows.
    """
    if len(point.margins) < _FEWEST_ROWS:
        return step
    y = objective.y if rows is None else objective.y[rows]
    is_misfit = point.margins * y < -_FAR
    if objective.sample_weight is not None:
        s = objective.sample_weight if rows is None else objective.sample_weight[rows]
        is_misfit &= s > 0.0
    found = np.flatnonzero(is_misfit)
    if not 0 < len(found) <= _FEW * len(y):
        return step
    way = margins(objective, step.direction, found if rows is None else rows[found])
    moved = np.abs(way) > _MOVED
    if not moved.any():
        return step
    model = _Model(objective, point, found[moved], rows)
    if model.error(way[moved]) < _WRONG * 0.5 * step.decrement:
        return step
    return model.step(step)


class _Model:
    """The model of F, of which a few of the rows visited have the losses that they have."""

    def __init__(
        self, objective: Objective, point: Point, found: IntArray, rows: IntArray | None
    ) -> None:
        self.objective, self.point, self.found = objective, point, found
        self.rows = found if rows is None else rows[found]
        self.y, self.start = objective.y[self.rows], point.margins[found]
        s = objective.sample_weight
        if s is None:
            self.shares = np.full(len(found), 1.0 / len(point.margins))
        else:
            self.shares = s[self.rows] / float((s if rows is None else s[rows]).sum())

    def error(self, way: Float64Array) -> float:
        """Return by how much the quadratic model is wrong for a change in the margins."""
        z = self.start
        expected = self._of_losses(_core.loss_derivatives, z)
        expected += 0.5 * way * self._of_losses(_core.loss_curvatures, z)
        change = self._of_losses(_core.loss_values, z + way)
        change -= self._of_losses(_core.loss_values, z)
        return abs(inner(self.shares, change - way * expected))

    def step(self, plain: NewtonStep) -> NewtonStep:
        """Return the step to its minimum, with the factorisation of the plain one."""
        direction, z = np.zeros_like(plain.direction), self.start
        gradient, hessian = self._sums(z)
        rest = self.point.gradient - gradient, self.point.hessian - hessian
        for _ in range(_MOST_STEPS):
            slope = rest[0] + (rest[1] * direction).sum(axis=1)
            place = Point(direction, np.nan, slope + gradient, rest[1] + hessian, z)
            following = newton_step(place)
            if following.decrement <= _SOLVED * plain.decrement:
                break
            way = margins(self.objective, following.direction, self.rows)
            length = self._length(slope, rest[1], z, following, way)
            direction, z = direction + length * following.direction, z + length * way
            gradient, hessian = self._sums(z)
        saved = self._of_losses(_core.loss_values, self.start)
        saved -= self._of_losses(_core.loss_values, z)
        promised = inner(self.shares, saved)
        promised -= inner(direction, rest[0] + 0.5 * (rest[1] * direction).sum(axis=1))
        if not promised > 0.0:
            return plain
        return plain._replace(direction=direction, decrement=2.0 * promised, exact=self.found)

    def _sums(self, z: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return what these rows add to the gradient and to the Hessian of F."""
        total = self.objective.sum_of_weights  # which `normal_equations` divides by
        slopes = self._of_losses(_core.loss_derivatives, z)
        curvatures = np.maximum(self._of_losses(_core.loss_curvatures, z), TINY)
        gradient, hessian = normal_equations(
            self.objective,
            total * self.shares * slopes,
            total * self.shares * curvatures,
            self.rows,
            hessian=True,
        )
        hessian.flat[:: len(gradient) + 1] -= self.objective.ridge
        return gradient, hessian

    def _length(
        self,
        gradient: Float64Array,
        hessian: Float64Array,
        z: Float64Array,
        step: NewtonStep,
        way: Float64Array,
    ) -> float:
        """Return how much of a step to take: all of it unless the model rises at its end."""
        at_start = inner(gradient, step.direction)
        curvature = inner(step.direction, (hessian * step.direction).sum(axis=1))

        def slope(t: float) -> float:
            slopes = self._of_losses(_core.loss_derivatives, z + t * way)
            return at_start + t * curvature + inner(self.shares, slopes * way)

        return 1.0 if slope(1.0) <= 0.5 * step.decrement else bisect(slope)

    def _of_losses(self, function: Callable[..., FloatArray], z: Float64Array) -> Float64Array:
        loss = self.objective.loss
        return np.asarray(function(loss.name, z, self.y, loss.parameters), np.float64)
