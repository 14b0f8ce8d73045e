"""The duality gap: an upper bound of F(w) - F* with an L1 term, at the cost of no pass."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.certificate import sizes_of_terms
from fallline.solvers.objective import Objective, Point
from fallline.typing import Float64Array, FloatArray

_EPS: Final = float(np.finfo(np.float64).eps)

# Operations behind a loss, its conjugate and their sum.
_ROUNDINGS: Final = 8.0

# Its conjugate has no closed form.
_WITHOUT_CONJUGATE: Final = frozenset({"tweedie"})


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
    dual = _dual_point(objective, point, curved)
    if dual is None:
        return math.inf
    gap = _scaled_gap(objective, point, dual)
    if objective.l2 > 0.0:
        gap = min(gap, _conjugate_gap(objective, point, dual))
    # The identity of G u and the mean of theta z holds but for rounding errors.
    return gap + inner(dual.error, sizes_of_terms(objective.coordinates, point.u))


def _dual_point(objective: Objective, point: Point, curved: Point) -> _Dual | None:
    loss, counted = objective.loss, objective.sample_weight
    if loss.name in _WITHOUT_CONJUGATE:
        return None
    name, y, parameters = loss.name, objective.y, loss.parameters
    theta = _core.loss_derivatives(name, point.margins, y, parameters)
    curvatures = _core.loss_curvatures(name, curved.margins, y, parameters)
    if counted is not None:
        theta[counted == 0.0] = curvatures[counted == 0.0] = 0.0
    ratio = np.divide(theta * theta, curvatures, out=np.zeros_like(theta), where=curvatures > 0.0)
    if (theta[curvatures == 0.0] != 0.0).any():
        return None  # of such rows the Hessian does not know the size
    # By Cauchy-Schwarz the mean of |theta x_j| is at most that root times the one of H_jj. Rounding
    # errors of a sum over n rows grow as the root of n; see docs/certificate.md.
    sizes = np.sqrt(np.maximum(curved.hessian.diagonal() - objective.ridge, 0.0))
    roundings = len(point.u) + 4 + math.sqrt(objective.n_samples)
    error = roundings * _EPS * math.sqrt(objective.mean(ratio)) * sizes
    error += 2.0 * _EPS * objective.ridge * np.abs(point.u)
    gradient = point.gradient - objective.ridge * point.u
    if objective.coordinates.fit_intercept:
        row = curved.hessian[-1]
        if not row[-1] > 0.0:
            return None
        share = float(gradient[-1] / row[-1])
        theta = theta - share * curvatures
        gradient = (gradient - share * row)[:-1]
    return _Dual(theta, gradient, error)


def _scaled_gap(objective: Objective, point: Point, dual: _Dual) -> float:
    """Return the gap at the dual point scaled down to where the L1 part allows it."""
    n_features = len(dual.gradient)
    l1, u = objective.l1[:n_features], point.u[:n_features]
    slope = np.abs(dual.gradient) + dual.error[:n_features]
    excess = float(np.max(slope / l1, initial=1.0))
    of_penalty = l1 * np.abs(u) + dual.gradient / excess * u
    return (
        objective.ridge_term(point.u)
        + float(of_penalty.sum())
        + _of_losses(objective, point, dual.theta / excess)
    )


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
    """Return the mean of ``loss(z) + loss*(theta) - theta z``, rounding errors added."""
    loss, y, z = objective.loss, objective.y, point.margins
    if loss.name == "squared":  # half the square of theta less the derivative, without cancellation
        return objective.mean(_core.loss_values(loss.name, theta, z - y, loss.parameters))
    values = _core.loss_values(loss.name, z, y, loss.parameters)
    conjugates = _core.loss_conjugates(loss.name, theta, y, loss.parameters)
    if objective.sample_weight is not None:
        conjugates[objective.sample_weight == 0.0] = 0.0
    if not np.isfinite(conjugates).all():
        return math.inf
    products = theta * z
    size = values + np.abs(conjugates) + np.abs(products)
    return objective.mean(values + conjugates - products + _ROUNDINGS * _EPS * size)
