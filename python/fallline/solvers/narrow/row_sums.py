"""Sums over the rows by any numbers or targets: margins, gradients and normal equations."""

from collections.abc import Sequence

import numpy as np

from fallline import _core
from fallline.solvers.narrow.objective import Objective
from fallline.typing import Float64Array, IntArray


def normal_equations(
    objective: Objective,
    values: Float64Array,
    weights: Float64Array,
    rows: IntArray | None,
    *,
    hessian: bool,
) -> tuple[Float64Array, Float64Array]:
    """Visit rows and return their sum, and that of their squares, by numbers of each row.

    Parameters
    ----------
    objective : Objective
        Of one head; whose rows and penalty they are.
    values : ndarray of shape (n_visited,)
        What the sum of the rows is weighted by.
    weights : ndarray of shape (n_visited,)
        What the sum of their squares is weighted by; positive.
    rows : ndarray of shape (n_visited,) or None
        None for all.
    hessian : bool
        Whether the second sum is wanted.

    Returns
    -------
    gradient : ndarray of shape (size,)
        ``sum_i values_i x_i`` over the sum of the sample weights.
    hessian : ndarray of shape (size, size)
        ``sum_i weights_i x_i x_i'`` over the same, and the curvature of the penalty; or empty.
    """
    # The squared loss at margins of zero: its derivatives lose no digits to the margins.
    nowhere, targets = np.zeros(objective.size), -values / weights
    if rows is not None:
        targets = _spread(targets, rows, objective.n_samples)
        weights = _spread(weights, rows, objective.n_samples)
    gradient, curvature, _ = _visit(objective, nowhere, targets, weights, rows, hessian)
    gradient /= objective.sum_of_weights
    if curvature is None:
        return gradient, np.empty((0, 0))
    curvature /= objective.sum_of_weights
    curvature.flat[:: objective.size + 1] += objective.ridge
    return gradient, curvature


def margins(objective: Objective, u: Float64Array, rows: IntArray | None) -> Float64Array:
    """Visit rows, None for all, and return their margins."""
    return _visit(objective, u, objective.y, objective.sample_weight, rows, hessian=False)[2]


def hubers(
    objective: Objective,
    u: Float64Array,
    targets: Float64Array,
    weights: Float64Array,
    rows: IntArray | None,
    width: float,
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Visit rows and return what Huber's losses of any targets are like, without the penalty.

    Parameters
    ----------
    objective : Objective
        Of one head; whose rows they are.
    u : ndarray of shape (size,)
        Where.
    targets, weights : ndarray of shape (n_visited,)
        Of the rows visited; weights are positive.
    rows : ndarray of shape (n_visited,) or None
        None for all.
    width : float
        From where on the losses are straight, positive.

    Returns
    -------
    gradient : ndarray of shape (size,)
        Of the sum over the rows, over the sum of the sample weights of the objective.
    hessian : ndarray of shape (size, size)
        Of the same.
    margins : ndarray of shape (n_visited,)
        Of the rows.
    """
    if rows is not None:
        targets = _spread(targets, rows, objective.n_samples)
        weights = _spread(weights, rows, objective.n_samples)
    gradient, curvature, found = _visit(
        objective, u, targets, weights, rows, hessian=True, loss="huber", parameters=[width]
    )
    assert curvature is not None
    total = objective.sum_of_weights
    return gradient / total, curvature / total, found


def _visit(
    objective: Objective,
    u: Float64Array,
    targets: Float64Array,
    weights: Float64Array | None,
    rows: IntArray | None,
    hessian: bool,
    loss: str = "squared",
    parameters: Sequence[float] = (),
) -> tuple[Float64Array, Float64Array | None, Float64Array]:
    n = objective.n_samples if rows is None else len(rows)
    coordinates, found = objective.coordinates, np.empty(n)
    objective.passes += n / objective.n_samples
    with objective.reading:
        _, _, gradient, curvature = _core.newton_pass(
            objective.X,
            targets,
            weights,
            loss,
            u,
            coordinates.mean,
            coordinates.inverse_scale,
            coordinates.fit_intercept,
            loss_parameters=list(parameters),
            order=rows,
            hessian_rows=(0, n) if hessian else None,
            margins=found,
        )
    return gradient, curvature, found


def _spread(values: Float64Array, rows: IntArray, n: int) -> Float64Array:
    """Return values at their rows; the others are not read."""
    spread = np.empty(n)
    spread[rows] = values
    return spread
