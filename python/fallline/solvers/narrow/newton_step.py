"""The step to the minimum of the quadratic model of F at a point."""

from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.narrow.objective import Point
from fallline.typing import BoolArray, Float64Array, IntArray

_EPS: Final = float(np.finfo(np.float64).eps)
_INVERSE_ITERATIONS: Final = 3

# Where rounding errors may change a decrement by more than this share, the Hessian counts as
# singular.
_MOST_UNCERTAIN: Final = 0.01

# Of a gradient, the share that a step may leave in the model that it minimises.
_MOST_LEFT: Final = 1e-6
# And what it may promise, as a multiple of F, which has no more to give than itself.
_MOST_PROMISED: Final = 1e4
TINY: Final = float(np.finfo(np.float64).tiny)

# Of a matrix with ones on the diagonal, a pivot below so many roundings for each row is no more
# than rounding error.
_ROUNDINGS: Final = 100.0


class NewtonStep(NamedTuple):
    """The step, and what the factorisation behind it has shown.

    Attributes
    ----------
    direction : ndarray of shape (size,)
        What to add to the coordinates.
    decrement : float
        ``g . H^-1 g``, twice what the quadratic model promises.
    independent : ndarray of shape (rank,)
        Coordinates that the step is taken in; the others are combinations of them as far as a
        Hessian can tell, or have no curvature at all.
    factor : ndarray of shape (rank, rank)
        Lower-triangular L with ``H = L L'`` of these.
    scale : ndarray of shape (size,)
        One over the square roots of the diagonal of H, and 0 where that is 0.
    uncertainty : float
        How far the decrement may be off, as a share of it, for the rounding errors of H.
    noise : float
        How far its root may be off for the rounding errors of the gradient; next to nothing where
        that of H is small.
    combinations : ndarray of shape (rank, n_dependent) or None
        What the other columns are of the independent ones, both scaled; None if H has to tell.
    exact : ndarray of shape (n_exact,) or None
        Rows visited whose losses the model has taken as they are (see `with_misfits`).
    """

    direction: Float64Array
    decrement: float
    independent: IntArray
    factor: Float64Array
    scale: Float64Array
    uncertainty: float
    noise: float = 0.0
    combinations: Float64Array | None = None
    exact: IntArray | None = None

    @property
    def is_singular(self) -> bool:
        """Return whether some coordinates are combinations of others, as far as can be told."""
        return len(self.independent) < int(np.count_nonzero(self.scale))

    def is_sound(self, point: Point) -> bool:
        """Return whether the model has a minimum, and one that F can have.

        Where few rows curve, it may fall for ever along what it takes for dependent coordinates.
        """
        left = point.gradient + _product(point.hessian, self.direction)
        slope = np.sqrt(inner(left, left) / max(inner(point.gradient, point.gradient), TINY))
        return bool(slope <= _MOST_LEFT) and 0.5 * self.decrement <= _MOST_PROMISED * point.value


def newton_step(point: Point) -> NewtonStep:
    """Factorise the Hessian, with a diagonal scaled to ones, and solve for the step.

    A coordinate without curvature, as of a constant column, stays where it is, and so does one that
    others can stand in for: along what is but rounding error a step would be of any length.
    """
    diagonal = point.hessian.diagonal()
    scale = np.divide(1.0, np.sqrt(diagonal), out=np.zeros_like(diagonal), where=diagonal > 0.0)
    independent = np.flatnonzero(scale)
    matrix = point.hessian * (scale[:, np.newaxis] * scale)
    if len(independent) < len(scale):
        matrix = _part(matrix, independent)
    factor, pivot = _core.cholesky(matrix)
    uncertainty = _uncertainty(factor) if pivot < 0 else np.inf
    if uncertainty > _MOST_UNCERTAIN:
        chosen = _independent(matrix)
        independent, matrix = independent[chosen], _part(matrix, chosen)
        factor, _ = _core.cholesky(matrix)
        uncertainty = _uncertainty(factor)
    gradient = (point.gradient * scale)[independent]
    step = _core.cholesky_solve(factor, -gradient)
    step += _core.cholesky_solve(factor, -gradient - _product(matrix, step))
    direction = np.zeros_like(scale)
    direction[independent] = step
    decrement = max(0.0, -inner(gradient, step))
    return NewtonStep(direction * scale, decrement, independent, factor, scale, uncertainty)


def solve_again(step: NewtonStep, gradient: Float64Array) -> Float64Array:
    """Return the step of another gradient, in the coordinates and with the factor of the first."""
    direction = np.zeros_like(step.scale)
    scaled = -(gradient * step.scale)[step.independent]
    direction[step.independent] = _core.cholesky_solve(step.factor, scaled)
    return direction * step.scale


def _part(matrix: Float64Array, chosen: IntArray) -> Float64Array:
    return np.ascontiguousarray(matrix[np.ix_(chosen, chosen)])


def _product(matrix: Float64Array, vector: Float64Array) -> Float64Array:
    # Not matrix @ vector: a BLAS adds in an order that depends on processor and thread count.
    return np.asarray((matrix * vector).sum(axis=1))


def _uncertainty(factor: Float64Array) -> float:
    """Estimate what rounding may do to a quadratic form in the inverse of L L'.

    The rounding errors of a matrix of ones on the diagonal, over its smallest eigenvalue, which a
    few inverse iterations show from above, by little.
    """
    return len(factor) * _EPS * _core.inverse_norm(factor, _INVERSE_ITERATIONS)


def _independent(matrix: Float64Array) -> IntArray:
    """Choose rows of which no one is a combination of others: Cholesky with the largest pivot."""
    rest = matrix.copy()
    least = _ROUNDINGS * len(matrix) * _EPS
    chosen: list[int] = []
    pivots = rest.diagonal().copy()
    while len(chosen) < len(matrix):
        row = int(np.argmax(pivots))
        if pivots[row] <= least:
            break
        chosen.append(row)
        rest -= np.multiply.outer(rest[row], rest[row]) / pivots[row]
        pivots = rest.diagonal().copy()
        pivots[chosen] = 0.0
    return np.sort(np.array(chosen, dtype=np.int64))


def shortest(point: Point, step: NewtonStep, weighed: BoolArray) -> Float64Array:
    """Return the shortest weights, of columns scaled to equal curvature, with the same margins.

    Where columns are combinations of others the weights are not unique; the step has only moved
    those of `independent` ones. What the intercept becomes, as it is not `weighed`, does not count.
    """
    if not step.is_singular:
        return point.u
    dependent = np.setdiff1d(np.flatnonzero(step.scale), step.independent)
    combinations = step.combinations
    if combinations is None:
        scaled = point.hessian * (step.scale[:, np.newaxis] * step.scale)
        between = np.ascontiguousarray(scaled[np.ix_(step.independent, dependent)])
        combinations = _core.cholesky_solve(step.factor, between)
    null = np.zeros((len(point.u), len(dependent)))
    null[step.independent] = -combinations
    null[dependent] = np.eye(len(dependent))
    of_weights = null[weighed]
    v = np.divide(point.u, step.scale, out=np.zeros_like(point.u), where=step.scale > 0.0)
    gram = (of_weights[:, :, np.newaxis] * of_weights[:, np.newaxis, :]).sum(axis=0)
    factor, _ = _core.cholesky(gram)
    excess = _core.cholesky_solve(factor, (of_weights * v[weighed, np.newaxis]).sum(axis=0))
    return point.u - step.scale * _product(null, excess)
