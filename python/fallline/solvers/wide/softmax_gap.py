"""The duality gap of classes that softmax couples, for any number of columns."""

import math

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.narrow.certificate import gap_by_penalty
from fallline.solvers.narrow.objective import EPS, Point
from fallline.solvers.narrow.softmax_objective import SoftmaxObjective
from fallline.solvers.narrow.softmax_rows import log_shares, losses_and_residuals
from fallline.typing import Float64Array


def gap_of_classes(objective: SoftmaxObjective, point: Point, lengths: Float64Array) -> float:
    """Return a bound of F less the smallest F there is, with the rounding errors of all sums.

    Parameters
    ----------
    objective : SoftmaxObjective
        With a penalty.
    point : Point
        Of all rows, with the best intercepts to rounding.
    lengths : ndarray of shape (n_samples,)
        Of each row, and of the mean that is taken off it, added up.

    Returns
    -------
    float
        Infinity without a penalty.

    Notes
    -----
    The conjugate of a row's loss is ``sum_k p_k log p_k`` at the dual variables ``p - e``, where p
    are any probabilities, and e those of the own class alone. So with q the probabilities that the
    margins make, and v the mean of the rows times their dual variables,

        F(w) - F* <= mean(sum_k p_k log(p_k / q_k)) + |alpha w + v|^2 / (2 alpha),

    if the dual variables of each class have mean zero, for the sake of the intercepts. With the
    best ones q is such a p but for rounding: `_moved` takes what is too much of some classes to
    others. The second term is `gap_by_penalty` and what v is off by, at most a mean of lengths.
    Margins that are off by d add to the first no more than ``(sqrt(first) + d / sqrt(2))^2`` says.
    """
    of_gradient = gap_by_penalty(objective, point)
    if not math.isfinite(of_gradient):
        return math.inf
    _, residuals = losses_and_residuals(point.margins, objective.classes)
    logarithms = log_shares(point.margins)
    shares = _core.evaluate("exp_or_zero", logarithms.reshape(-1)).reshape(logarithms.shape)
    moved = np.zeros_like(logarithms)
    if objective.coordinates.fit_intercept:
        moved = _moved(objective, np.asarray(shares, np.float64), residuals)
    relative = _relative_entropies(shares + moved, logarithms)
    roundings = (objective.n_samples + objective.coordinates.size + objective.n_classes) * EPS
    off = roundings * _margin_sizes(objective, point, lengths)
    excess = math.sqrt(max(objective.mean(relative), 0.0))
    excess += math.sqrt(0.5 * objective.mean(off * off))
    errors = np.abs(moved) + roundings * np.abs(residuals)
    of_sums = np.array([objective.mean(of_class * lengths) for of_class in errors])
    distance = math.sqrt(2.0 * of_gradient) + math.sqrt(inner(of_sums, of_sums) / objective.l2)
    return excess * excess + 0.5 * distance * distance


def _moved(
    objective: SoftmaxObjective, shares: Float64Array, residuals: Float64Array
) -> Float64Array:
    """Return what makes the mean share of every class that of its rows, when added to the shares.

    A class with too much gives the same part of each of its shares, and what a row's classes give
    goes to those with too little, in proportion to what they lack: shares stay shares.
    """
    too_much = np.array([objective.mean(of_class) for of_class in residuals])
    given, lacking = np.maximum(too_much, 0.0), np.maximum(-too_much, 0.0)
    if not (given.any() and lacking.any()):
        return np.zeros_like(shares)
    given /= np.array([objective.mean(of_class) for of_class in shares])
    gifts = given[:, np.newaxis] * shares
    return np.asarray((lacking / lacking.sum())[:, np.newaxis] * gifts.sum(axis=0) - gifts)


def _relative_entropies(shares: Float64Array, logarithms: Float64Array) -> Float64Array:
    """Return ``sum_k p_k (log p_k - log q_k)`` of every row; log q is given."""
    kept = shares > np.finfo(np.float64).tiny
    own = _core.evaluate("log", np.where(kept, shares, 1.0).reshape(-1)).reshape(shares.shape)
    return np.asarray(np.where(kept, shares * (own - logarithms), 0.0).sum(axis=0))


def _margin_sizes(objective: SoftmaxObjective, point: Point, lengths: Float64Array) -> Float64Array:
    """Return a bound of what the margins of each row are made of."""
    squared_length = squared_intercept = 0.0
    for vector in point.u.reshape(objective.n_classes - 1, -1):
        coef, _ = objective.coordinates.weights(vector)
        squared_length += inner(coef, coef)
        if objective.coordinates.fit_intercept:
            squared_intercept += float(vector[-1]) ** 2
    return lengths * math.sqrt(squared_length) + math.sqrt(squared_intercept)
