"""The duality gap: an upper bound of F(w) - F* with an L1 term, from what a pass has found."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.losses import Loss
from fallline.solvers.narrow.objective import EPS, Objective, Point
from fallline.typing import Float64Array, FloatArray

# Losses whose conjugate the core computes.
CONJUGATES: Final = frozenset(_core.dual_losses()) | {"poisson", "gamma"}

# What moving a dual point costs is known of these without cancellation; see `_of_losses`.
_SMOOTH: Final = frozenset({"squared", "logistic", "poisson", "gamma"})

# Roundings of a loss and its conjugate, in units of the terms that they are made of.
_ROUNDINGS: Final = 8.0

# Rows are of the usual kind up to so many times the mean of theta^2 over that of the curvatures.
_MOST_OF_MEAN: Final = 1e4


class _Dual(NamedTuple):
    """A dual point whose weighted sum over the rows is zero if there is an intercept.

    Attributes
    ----------
    theta : ndarray of shape (n_samples,)
        Close to the derivatives of the losses.
    gradient : ndarray of shape (n_features,)
        Mean of theta times the row, in the coordinates of the weights.
    error : ndarray of shape (size,)
        Bound of the rounding errors of the gradient, that in the intercept behind it.
    """

    theta: FloatArray
    gradient: Float64Array
    error: Float64Array


def duality_gap(objective: Objective, point: Point, curved: Point) -> float:
    """Return a bound of F less the smallest F there is; infinity where none is known.

    Parameters
    ----------
    objective : Objective
        With an L1 term.
    point : Point
        Of all rows; the bound is of F there.
    curved : Point
        Of all rows, with its Hessian: the same point or one nearby.

    Notes
    -----
    With theta the derivatives of the losses and G their gradient, the bound is the mean of
    ``loss(z) + loss*(theta) - theta z`` over the rows, which is zero, plus the sum over the
    coordinates of ``p(u) + p*(-G) + G u``, p the penalty; a star means the convex conjugate [1]_.
    Without an L2 part p* is infinite unless ``|G| <= l1``, and theta is scaled down until that
    holds; with one, both are tried. Without a penalty, as of the intercept, G must be zero: theta
    is moved by a multiple of the curvatures of `curved`, whose Hessian knows what that does to G.

    References
    ----------
    .. [1] Kim, Koh, Lustig, Boyd & Gorinevsky (2007), "An interior-point method for large-scale
       l1-regularized least squares", IEEE Journal of Selected Topics in Signal Processing 1(4),
       section III, for the squared loss.
    """
    dual = _dual_point(objective, point, curved) if objective.loss.name in CONJUGATES else None
    if dual is None:
        return math.inf
    gap = _scaled_gap(objective, point, dual)
    if objective.l2 > 0.0:
        gap = min(gap, _conjugate_gap(objective, point, dual))
    # Each part is at least zero, and so is their sum without rounding errors. These are also in the
    # identity of G u and the mean of theta z.
    return max(gap, 0.0) + inner(dual.error, objective.coordinates.terms(point.u))


def _dual_point(objective: Objective, point: Point, curved: Point) -> _Dual | None:
    name, y, parameters = objective.loss.name, objective.y, objective.loss.parameters
    theta = _core.loss_derivatives(name, point.margins, y, parameters)
    curvatures = _core.loss_curvatures(name, curved.margins, y, parameters)
    if objective.sample_weight is not None:
        ignored = objective.sample_weight == 0.0
        theta[ignored] = curvatures[ignored] = 0.0
    error = _rounding_of_gradient(objective, theta, curvatures, curved)
    error += 2.0 * EPS * objective.ridge * np.abs(point.u)
    gradient = point.gradient - objective.ridge * point.u
    if objective.coordinates.fit_intercept:
        row = curved.hessian[-1]
        if not row[-1] > 0.0:
            return None
        share = float(gradient[-1] / row[-1])
        theta = theta - share * curvatures
        gradient = (gradient - share * row)[:-1]
    return _Dual(theta, gradient, error)


def _rounding_of_gradient(
    objective: Objective, theta: FloatArray, curvatures: FloatArray, curved: Point
) -> Float64Array:
    """Return a bound of the rounding errors of the mean of theta times the row.

    By Cauchy-Schwarz the mean of ``|theta x_j|`` is at most the root of that of ``theta^2 / c``,
    with c the curvatures, times the root of that of ``c x_j^2``, which the Hessian has. Rows that
    hardly curve for their theta would blow that up: they are visited.
    """
    squares = theta * theta
    usual = _MOST_OF_MEAN * objective.mean(squares)
    heavy = np.flatnonzero(squares * objective.mean(curvatures) > usual * curvatures)
    ratio = np.divide(squares, curvatures, out=np.zeros_like(squares), where=curvatures > 0.0)
    ratio[heavy] = 0.0
    sizes = np.sqrt(np.maximum(curved.hessian.diagonal() - objective.ridge, 0.0))
    sizes *= math.sqrt(objective.mean(ratio))
    if len(heavy):
        of_heavy = np.zeros_like(squares)
        of_heavy[heavy] = squares[heavy]
        sizes += np.sqrt(objective.mean(of_heavy) * objective.mean_squares(heavy))
    # Those of a sum over n rows are of either sign: they grow as its root.
    roundings = len(sizes) + 4 + math.sqrt(objective.n_samples)
    return roundings * EPS * sizes


def _scaled_gap(objective: Objective, point: Point, dual: _Dual) -> float:
    """Return the gap at the dual point scaled down to where the L1 part allows it."""
    n_features = len(dual.gradient)
    l1, u = objective.l1[:n_features], point.u[:n_features]
    slope = np.abs(dual.gradient) + dual.error[:n_features]
    shrink = 1.0 / float(np.max(slope / l1, initial=1.0))
    of_l1 = float((l1 * np.abs(u) + shrink * dual.gradient * u).sum())
    return objective.ridge_term(point.u) + of_l1 + _of_losses(objective, point, shrink * dual.theta)


def _conjugate_gap(objective: Objective, point: Point, dual: _Dual) -> float:
    """Return the gap at the dual point as it is, of a penalty with an L2 part."""
    n_features = len(dual.gradient)
    l1, ridge = objective.l1[:n_features], objective.ridge[:n_features]
    u, error = point.u[:n_features], dual.error[:n_features]
    of_l1 = np.clip(-dual.gradient, -l1, l1)
    best = (-dual.gradient - of_l1) / ridge  # the coordinates that this slope would suit
    of_penalty = l1 * np.abs(u) - of_l1 * u + 0.5 * ridge * (u - best) ** 2
    of_rounding = error * np.abs(best) + 0.5 * error * error / ridge
    return float((of_penalty + of_rounding).sum()) + _of_losses(objective, point, dual.theta)


def _of_losses(objective: Objective, point: Point, theta: FloatArray) -> float:
    """Return the mean of ``loss(z) + loss*(theta) - theta z``, which is zero at the derivatives.

    Computed from the difference to these, d, as the terms would cancel.
    """
    name, y, parameters = objective.loss.name, objective.y, objective.loss.parameters
    if name not in _SMOOTH:
        if objective.sample_weight is not None:
            theta = np.where(objective.sample_weight > 0.0, theta, 0.0)
        return objective.mean(conjugate_excess(objective.loss, point.margins, y, theta))
    derivatives = _core.loss_derivatives(name, point.margins, y, parameters)
    d = theta - derivatives
    if objective.sample_weight is not None:
        d[objective.sample_weight == 0.0] = 0.0
    if name == "squared":
        return 0.5 * objective.mean(d * d)
    curvatures = _core.loss_curvatures(name, point.margins, y, parameters)
    if name == "logistic":
        p = -y * derivatives  # the probability of the other class; the curvature is p (1 - p)
        rest = np.divide(curvatures, p, out=np.ones_like(p), where=p > 0.0)
        return objective.mean(_divergence(p, -y * d) + _divergence(rest, y * d))
    return objective.mean(_divergence(curvatures, d if name == "poisson" else -d))


def conjugate_excess(
    loss: Loss, margins: FloatArray, y: FloatArray, theta: FloatArray
) -> FloatArray:
    """Return ``loss(z) + loss*(theta) - theta z`` of every row, rounding errors added."""
    losses = _core.loss_values(loss.name, margins, y, loss.parameters)
    conjugates = _core.loss_conjugates(loss.name, theta, y, loss.parameters)
    products = theta * margins
    terms = losses + np.abs(conjugates) + np.abs(products)
    if loss.log_link:  # y log y and such
        largest = np.abs(y) + np.abs(theta) + 1.0
        terms = terms + largest * (1.0 + _core.evaluate("log", largest) + np.abs(margins))
    return np.maximum(losses + conjugates - products, 0.0) + _ROUNDINGS * EPS * terms


def _divergence(m: FloatArray, d: FloatArray) -> FloatArray:
    """Return ``(m + d) log((m + d) / m) - d``, rounding errors added; infinite where m + d < 0."""
    if (m + d < 0.0).any():
        return np.full_like(m, math.inf)
    logarithm = _core.evaluate("log", m)
    # It is half the unit deviance of a count m + d whose mean is m.
    rounding = 4.0 * EPS * np.abs(d) * (1.0 + np.abs(logarithm))
    return _core.loss_values("poisson", logarithm, m + d) + rounding
