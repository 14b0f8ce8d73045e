"""A rough Hessian of classes that softmax couples, alike for all of them, that is soon inverted."""

from collections.abc import Callable
from typing import Final

import numpy as np

from fallline import _core
from fallline._probability import softmax
from fallline.solvers.narrow.objective import Point
from fallline.solvers.narrow.second_order import LARGEST_HESSIAN
from fallline.solvers.narrow.softmax_objective import SoftmaxObjective
from fallline.typing import Float64Array

# Rows that curve by less than this share of the most that one does are left out.
_LEAST_CURVATURE: Final = 1e-4

# What is added to the ones on the diagonal of a matrix that is singular to rounding, at first.
_JITTER: Final = 1e-12


def rough_inverse(
    objective: SoftmaxObjective, point: Point
) -> Callable[[Float64Array], Float64Array]:
    """Return the product with the inverse of a rough Hessian.

    Parameters
    ----------
    objective : SoftmaxObjective
        Visits the rows that curve once or twice more.
    point : Point
        Of all rows.

    Notes
    -----
    The Hessian of a row is ``C kron x x'``, with C the covariance of the basis under the classes'
    probabilities p. For C stands ``(1 - |p|^2) / (K - 1)`` times the identity, which has the same
    trace: all K - 1 blocks are one matrix, or its diagonal where that is too large or X is sparse.
    """
    shares = softmax(point.margins.T)
    curvatures = (1.0 - (shares * shares).sum(axis=1)) / (objective.n_classes - 1)
    curvatures = np.maximum(curvatures, 0.0)
    if objective.sample_weight is not None:
        curvatures *= objective.sample_weight
    width = objective.coordinates.size
    if width > LARGEST_HESSIAN or isinstance(objective.X, _core.CsrMatrix):
        return _of_diagonal(objective, curvatures)
    return _of_matrix(objective, curvatures)


def _of_matrix(
    objective: SoftmaxObjective, curvatures: Float64Array
) -> Callable[[Float64Array], Float64Array]:
    coordinates, width = objective.coordinates, objective.coordinates.size
    rows = np.flatnonzero(curvatures > _LEAST_CURVATURE * curvatures.max())
    objective.passes += len(rows) / objective.n_samples
    with objective.reading:
        *_, matrix = _core.newton_pass(
            objective.X,
            objective.y,
            curvatures,
            "squared",
            np.zeros(width),
            coordinates.mean,
            coordinates.inverse_scale,
            coordinates.fit_intercept,
            order=rows,
            hessian_rows=(0, len(rows)),
        )
    assert matrix is not None
    matrix /= objective.sum_of_weights
    matrix.flat[:: width + 1] += objective.ridge[:width]
    diagonal = matrix.diagonal()
    scale = np.divide(1.0, np.sqrt(diagonal), out=np.zeros(width), where=diagonal > 0.0)
    factor = _factor(matrix * (scale[:, np.newaxis] * scale))

    def times(u: Float64Array) -> Float64Array:
        vectors = np.ascontiguousarray(u.reshape(-1, width).T) * scale[:, np.newaxis]
        solved = _core.cholesky_solve(factor, vectors) * scale[:, np.newaxis]
        return np.ascontiguousarray(solved.T).reshape(-1)

    return times


def _factor(matrix: Float64Array) -> Float64Array:
    with_ones, jitter = matrix.copy(), _JITTER
    with_ones.flat[:: len(matrix) + 1] = 1.0  # also where a column is nothing but zeros
    while True:
        with_ones.flat[:: len(matrix) + 1] = 1.0 + jitter
        factor, pivot = _core.cholesky(with_ones)
        if pivot < 0:
            return factor
        jitter *= 100.0


def _of_diagonal(
    objective: SoftmaxObjective, curvatures: Float64Array
) -> Callable[[Float64Array], Float64Array]:
    coordinates = objective.coordinates
    objective.passes += 2.0
    with objective.reading:
        squares = _core.row_sums(objective.X, curvatures, squares=True)
        sums = _core.row_sums(objective.X, curvatures)
    total = float(curvatures.sum())
    diagonal = np.zeros(coordinates.size)
    if coordinates.fit_intercept and total > 0.0:
        squares -= sums * sums / total  # about the mean that goes with the best intercept
        diagonal[-1] = total
    diagonal[: len(squares)] = np.maximum(squares, 0.0) * coordinates.inverse_scale**2
    diagonal /= objective.sum_of_weights
    diagonal += objective.ridge[: len(diagonal)]
    inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0.0)

    def times(u: Float64Array) -> Float64Array:
        return (u.reshape(-1, len(inverse)) * inverse).reshape(-1)

    return times
