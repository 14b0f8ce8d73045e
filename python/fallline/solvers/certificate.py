"""Upper bounds of F(w) - F*, and which loss has which."""

import math
from typing import Final

import numpy as np

from fallline._standardization import inner
from fallline.solvers.coordinates import Coordinates
from fallline.solvers.newton_step import NewtonStep
from fallline.solvers.objective import Objective, Point
from fallline.typing import Float64Array

# Losses with |third derivative| <= second derivative in the margin: each of their curvatures is a
# sum, with weights that are not negative, of exponentials of c z with |c| <= 1, or logistic's.
SELF_CONCORDANT: Final = frozenset({"logistic", "poisson", "gamma", "tweedie"})

# From here on the series is closer than the closed form, whose terms cancel.
_SMALL: Final = 1e-2


# Losses whose gap a Newton decrement bounds.
BY_DECREMENT: Final = SELF_CONCORDANT | {"squared"}


def gap_by_decrement(objective: Objective, step: NewtonStep) -> float:
    """Return a bound of F less the smallest F there is, of the losses in `BY_DECREMENT`.

    Parameters
    ----------
    objective : Objective
        Visits its rows once more, unless the loss is the squared one.
    step : NewtonStep
        From the point in question, with the Hessian of all rows.

    Returns
    -------
    float
        Infinity where none is known: the Hessian is singular to rounding, or the point too far off.

    Notes
    -----
    With g and H at the point and ``delta = g . H^-1 g``, the gap of the squared loss is delta / 2
    exactly. Of the others, with R the largest ``|x_i|_{H^-1}`` and ``a = R sqrt(delta) < 1``, it is
    at most ``(a + (1 - a) log(1 - a)) / R^2``: along the way to the minimum the Hessian falls by no
    more than ``exp(-R |step|_H)`` (after Bach 2010, Proposition 1).
    """
    if len(step.independent) < np.count_nonzero(step.scale):
        return math.inf
    delta = step.decrement * (1.0 + 2.0 * step.uncertainty)
    if objective.loss.name == "squared":
        return 0.5 * delta
    return self_concordant_gap(delta, objective.largest_leverage(_whole_factor(step)))


def gap_by_penalty(objective: Objective, point: Point) -> float:
    """Return ``sum_j g_j^2 / (2 r_j)``, r the curvature of the penalty; infinity without one.

    Parameters
    ----------
    objective : Objective
        Of any convex loss.
    point : Point
        Of all rows, where the gradient in the intercept is zero.

    Notes
    -----
    This is the duality gap at the dual point of the residuals. It is far above the true gap unless
    the gradient is tiny.
    """
    n_features = len(objective.coordinates.mean)
    ridge, gradient = objective.ridge[:n_features], point.gradient[:n_features]
    if not (ridge > 0.0).all():
        return math.inf
    return 0.5 * float(np.sum(gradient * gradient / ridge))


def self_concordant_gap(delta: float, leverage: float) -> float:
    """Return ``(a + (1 - a) log(1 - a)) / leverage`` with ``a = sqrt(leverage delta)``.

    Parameters
    ----------
    delta : float
        The decrement.
    leverage : float
        R squared.

    Returns
    -------
    float
        Infinity where a is not below 1.
    """
    a = math.sqrt(leverage * delta)
    if not a < 1.0:
        return math.inf
    if a < _SMALL:
        # sum of a^k / (k (k - 1)) from k = 2 on; the last term is above all that are left out.
        return 0.5 * delta * (1.0 + a * (1.0 / 3.0 + a * (1.0 / 6.0 + a * 0.11)))
    return (a + (1.0 - a) * math.log1p(-a)) / leverage


def with_rounding(objective: Objective, point: Point, bound: float) -> float:
    """Return what a bound of the gap becomes by rounding the margins and the weights returned.

    Parameters
    ----------
    objective : Objective
        Whose coordinates say how the weights are made.
    point : Point
        With its Hessian.
    bound : float
        Derived as if arithmetic were exact.

    Notes
    -----
    Margins rounded on the way are those of weights that lie elsewhere, by r in the norm of the
    Hessian: ``gap <= (sqrt(2 bound) + r)^2 / 2``. With rounding errors of eps for each of the D + 4
    operations behind a term, r is at most ``(D + 4) eps sum_j |u_j| sqrt(H_jj)``, where the
    intercept counts with all that makes it up in the units of X.
    """
    roots = np.sqrt(point.hessian.diagonal())
    terms = sizes_of_terms(objective.coordinates, point.u)
    r = (len(terms) + 4) * float(np.finfo(np.float64).eps) * inner(terms, roots)
    return 0.5 * (math.sqrt(2.0 * bound) + r) ** 2


def sizes_of_terms(coordinates: Coordinates, u: Float64Array) -> Float64Array:
    """Return the sizes of coordinates, of the intercept with all that makes it up for X as it is.

    Parameters
    ----------
    coordinates : Coordinates
        Which say how the weights are made.
    u : ndarray of shape (size,)
        A place.
    """
    terms = np.abs(u)
    if coordinates.fit_intercept:
        coef, intercept = coordinates.weights(u)
        terms[-1] += abs(intercept) + inner(np.abs(coordinates.mean), np.abs(coef))
    return terms


def _whole_factor(step: NewtonStep) -> Float64Array:
    """Return L with H = L L' of all coordinates; those without curvature, all zero, have a 1."""
    factor = np.eye(len(step.scale))
    rows = step.independent
    factor[np.ix_(rows, rows)] = step.factor / step.scale[rows, np.newaxis]
    return factor
