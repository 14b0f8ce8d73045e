"""Upper bounds of F(w) - F*, and which loss has which."""

import math
from typing import Final

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.narrow.newton_step import NewtonStep, solve_again
from fallline.solvers.narrow.objective import EPS, Objective, Point
from fallline.solvers.narrow.row_sums import margins, normal_equations
from fallline.typing import Float64Array

# Losses with |third derivative| <= second derivative in the margin: each of their curvatures is a
# sum, with weights that are not negative, of exponentials of c z with |c| <= 1, or logistic's. Of
# softmax the same holds with the range of the margins' change for the change.
SELF_CONCORDANT: Final = frozenset({"logistic", "poisson", "gamma", "tweedie", "softmax"})

# From here on the series is closer than the closed form, whose terms cancel.
_SMALL: Final = 1e-2


# Losses whose gap a Newton decrement bounds.
BY_DECREMENT: Final = SELF_CONCORDANT | {"squared"}

# Smooth losses with a conjugate, whose gap the derivatives that Newton's model expects bound.
BY_MODEL: Final = frozenset({"logistic", "poisson", "gamma", "softmax"})

# Roundings of a sum over the rows, in tiles and of tiles; and of a loss and its conjugate.
_OF_A_SUM: Final = 32.0
_OF_A_LOSS: Final = 8.0

# Losses made of parabolas and lines, for which Newton's step leads to a dual point.
BY_DUALITY: Final = frozenset(
    {"huber", "modified_huber", "squared_hinge", "squared_epsilon_insensitive"}
)


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
    if step.is_singular:
        return math.inf
    delta = (math.sqrt(step.decrement) + step.noise) ** 2 * (1.0 + 2.0 * step.uncertainty)
    if objective.loss.name == "squared":
        return 0.5 * delta
    return self_concordant_gap(delta, objective.largest_leverage(_whole_factor(step)))


def gap_ahead(point: Point, step: NewtonStep) -> float:
    """Return a bound of the gap of the squared loss where a step leads, without a visit there.

    Parameters
    ----------
    point : Point
        Of the squared loss and all rows, with its Hessian.
    step : NewtonStep
        From there.

    Returns
    -------
    float
        Infinity where the Hessian is singular.

    Notes
    -----
    The gradient there is ``e = g + H step``, nothing but rounding errors, and the gap
    ``e . H^-1 e / 2``. Those of g and H themselves are at most ``32 eps sqrt(H_jj)`` times the root
    mean square of the residuals, which is at most sqrt(2 F), and the sum of all ``sqrt(H_kk)
    |step_k|``; with a diagonal of ones, H^-1 enlarges their squares by no more than its norm.
    """
    if step.is_singular:
        return math.inf
    left = point.gradient + (point.hessian * step.direction).sum(axis=1)
    of_left = max(0.0, -inner(left, solve_again(step, left)))
    terms = math.sqrt(2.0 * point.value)
    terms += inner(np.sqrt(point.hessian.diagonal()), np.abs(step.direction))
    of_rounding = (_OF_A_SUM * terms) ** 2 * EPS * step.uncertainty
    return 0.5 * (math.sqrt(of_left) + math.sqrt(of_rounding)) ** 2


def gap_by_duality(objective: Objective, point: Point, step: NewtonStep) -> float:
    """Return the duality gap at the derivatives that Newton's model expects where its step ends.

    Parameters
    ----------
    objective : Objective
        Of a loss in `BY_DUALITY`; visits its rows once more.
    point : Point
        Of all rows, with its Hessian.
    step : NewtonStep
        From there.

    Returns
    -------
    float
        Infinity where the derivatives are none that the loss can have.

    Notes
    -----
    With ``d_i = l'(z_i) + l''(z_i) x_i . step`` the gradient of the model is zero, so that

        F(w) - F* <= mean(l(z) + l*(d) - d z) + penalty(step),

    which is half the decrement where no row has left the parabola that it was on.
    """
    end = margins(objective, point.u + step.direction, None)
    name, parameters, y = objective.loss.name, objective.loss.parameters, objective.y
    z = point.margins
    d = _core.loss_derivatives(name, z, y, parameters)
    d = d + _core.loss_curvatures(name, z, y, parameters) * (end - z)
    losses = _core.loss_values(name, z, y, parameters)
    terms = np.maximum(losses + _core.loss_conjugates(name, d, y, parameters) - d * z, 0.0)
    if objective.sample_weight is not None:
        terms = np.where(objective.sample_weight > 0.0, terms, 0.0)
    left = point.gradient + (point.hessian * step.direction).sum(axis=1)
    unsettled = inner(np.abs(left), objective.coordinates.terms(point.u) + np.abs(step.direction))
    return objective.mean(terms) + objective.penalty(step.direction) + unsettled


def gap_by_model(objective: Objective, before: Point, step: NewtonStep, after: Point) -> float:
    """Return the duality gap after a whole step, at the derivatives that the model expected there.

    Parameters
    ----------
    objective : Objective
        Of a loss in `BY_MODEL`.
    before, after : Point
        Of all rows; the former with its Hessian.
    step : NewtonStep
        From the one to the other.

    Returns
    -------
    float
        Of the point after the step; infinity where the derivatives are none that the loss can have,
        and without a penalty where the Hessian is singular to rounding.

    Notes
    -----
    With ``d_i = l'(z_i) + l''(z_i) (z_i' - z_i)``, z' the margins after the step, the gradient of
    the model ``mean(d x) + ridge u'`` is zero there, so that

        F(w') - F* <= mean(l(z') + l*(d) - d z'),

    which is of the order of the square of the decrement. What the gradient is in fact, e with its
    rounding errors, adds ``e^2 / (2 ridge)`` for each coordinate with a penalty, and e times its
    size for each without, as of the intercept.
    """
    if not is_bounded(objective, step):
        return math.inf
    z = before.margins
    if step.exact is not None:
        z = z.copy()
        z[step.exact] = after.margins[step.exact]
    gap = objective.model_gap(z, after.margins)
    if not math.isfinite(gap.excess):
        return math.inf
    moves = before.hessian * step.direction
    left = before.gradient + moves.sum(axis=1)
    slopes = gap.slopes
    if gap.clipped is not None or step.exact is not None:
        departures, size = _departures(objective, before, step, after, gap.clipped)
        left += departures
        slopes += size
    left = np.abs(left) + _OF_A_SUM * EPS * (slopes + np.abs(moves).sum(axis=1))
    is_free = objective.ridge == 0.0
    sizes_of_free = (objective.terms(after.u) + np.abs(step.direction))[is_free]
    unsettled = inner(left[is_free], sizes_of_free)
    unsettled += 0.5 * float(np.sum(left[~is_free] ** 2 / objective.ridge[~is_free]))
    return gap.excess + _OF_A_LOSS * EPS * gap.sizes + unsettled


def _departures(
    objective: Objective,
    before: Point,
    step: NewtonStep,
    after: Point,
    clipped: Float64Array | None,
) -> tuple[Float64Array, float]:
    """Return what derivatives that no quadratic model expects add to its gradient.

    Returns
    -------
    gradient : ndarray of shape (size,)
        The mean of what they are more, times the rows.
    size : float
        The mean of the sizes of those of `step.exact`.
    """
    more = np.zeros(objective.n_samples) if clipped is None else clipped
    size, s = 0.0, objective.sample_weight
    if step.exact is not None:
        rows = step.exact
        y, name, parameters = objective.y[rows], objective.loss.name, objective.loss.parameters
        z, end = before.margins[rows], after.margins[rows]
        more[rows] = _core.loss_derivatives(name, end, y, parameters)
        more[rows] -= _core.loss_derivatives(name, z, y, parameters)
        more[rows] -= _core.loss_curvatures(name, z, y, parameters) * (end - z)
        of_rows = np.abs(more[rows]) if s is None else s[rows] * np.abs(more[rows])
        size = float(of_rows.sum()) / objective.sum_of_weights
    rows = np.flatnonzero(more)
    values = more[rows] if s is None else s[rows] * more[rows]
    gradient, _ = normal_equations(objective, values, np.ones(len(rows)), rows, hessian=False)
    return gradient, size


def is_bounded(objective: Objective, step: NewtonStep) -> bool:
    """Return whether a gradient of nearly zero says that the weights are near the best ones.

    It does not where the Hessian is singular to rounding and some weights have no penalty.
    """
    return not step.is_singular or bool((objective.ridge[objective.weighed] > 0.0).all())


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
    weighed = objective.weighed
    ridge, gradient = objective.ridge[weighed], point.gradient[weighed]
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
        What the bound is of.
    point : Point
        With its Hessian.
    bound : float
        Derived as if arithmetic were exact.

    Notes
    -----
    Margins rounded on the way are those of weights that lie elsewhere, by r in the norm of the
    Hessian (`Objective.rounding_distance`): ``gap <= (sqrt(2 bound) + r)^2 / 2``.
    """
    return 0.5 * (math.sqrt(2.0 * bound) + objective.rounding_distance(point)) ** 2


def _whole_factor(step: NewtonStep) -> Float64Array:
    """Return L with H = L L' of all coordinates; those without curvature, all zero, have a 1."""
    factor = np.eye(len(step.scale))
    rows = step.independent
    factor[np.ix_(rows, rows)] = step.factor / step.scale[rows, np.newaxis]
    return factor
