"""Newton's step of any number of weights, by conjugate gradients: as close as it is worth."""

import math
from typing import NamedTuple

import numpy as np

from fallline._standardization import inner
from fallline.solvers.wide.gram import Gram, share_of_nonzero
from fallline.solvers.wide.penalized import PenalizedObjective
from fallline.typing import Float64Array


class Goal(NamedTuple):
    """When a step is close enough: as soon as one of these holds.

    Attributes
    ----------
    square : float
        The squared length of the gradient where the step ends, in the model, is at most this.
    rest : float
        What the model may still fall by, judged by the last iteration, is at most this.
    share, enough : float
        The same is at most this share of what it has fallen by, and that is `enough`.
    passes : float
        So many passes have been made.
    """

    square: float
    rest: float
    share: float
    enough: float
    passes: float


class Step(NamedTuple):
    """A step of all weights.

    Attributes
    ----------
    direction : ndarray of shape (n_features,)
        The whole step.
    decrease : float
        What the model of F falls by.
    """

    direction: Float64Array
    decrease: float


def newton_step(
    objective: PenalizedObjective, curvatures: Float64Array, gradient: Float64Array, goal: Goal
) -> Step:
    """Return a step towards the minimum of the quadratic model of F: a pass for each iteration.

    Parameters
    ----------
    objective : PenalizedObjective
        Its rows and its penalty.
    curvatures : ndarray of shape (n_samples,)
        Second derivatives of the losses in the margins, not negative.
    gradient : ndarray of shape (n_features,)
        Of F in the weights, where that in the intercept is zero.
    goal : Goal
        How close.

    Notes
    -----
    With the best intercept for every step the Hessian is ``mean(c x x') - m m' / mean(c) + alpha``,
    m the mean of ``c x``; its diagonal scales the iterations [1]_. As the model falls by less and
    less, k times the last decrease is about what is left of it [2]_.

    References
    ----------
    .. [1] Hestenes & Stiefel (1952), "Methods of conjugate gradients for solving linear systems",
       Journal of Research of the National Bureau of Standards 49, section 3.
    .. [2] Nash & Sofer (1990), "Assessing a search direction within a truncated-Newton method",
       Operations Research Letters 9.
    """
    began, alpha = objective.passes, objective.alpha
    inverse, centre = inverse_diagonal(objective, curvatures)
    gram = Gram(objective, curvatures, often=goal.share == 0.0)
    direction, left, decrease = np.zeros_like(gradient), -gradient, 0.0
    scaled = inverse * left
    way, square = scaled, inner(left, scaled)
    for k in range(1, objective.n_features + 1):
        bent = gram.times(way)
        bent += alpha * way - centre * inner(centre, way)
        bend = inner(way, bent)
        if not bend > 0.0:
            break
        length = square / bend
        direction += length * way
        left -= length * bent
        fallen = 0.5 * length * square
        decrease += fallen
        rest = k * fallen
        close = rest <= goal.rest or (decrease >= goal.enough and rest <= goal.share * decrease)
        if close or inner(left, left) <= goal.square or objective.passes - began >= goal.passes:
            break
        scaled, before = inverse * left, square
        square = inner(left, scaled)
        way = scaled + (square / before) * way
    return Step(direction, decrease)


def inverse_diagonal(
    objective: PenalizedObjective, curvatures: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return one over the Hessian's diagonal, and ``m / sqrt(mean(c))``: two passes.

    Where a weight has no curvature there is a zero.
    """
    share = share_of_nonzero(curvatures)
    diagonal = objective.mean_row(curvatures, squares=True, share=share)
    total, centre = objective.mean(curvatures), np.zeros_like(diagonal)
    if objective.fit_intercept and total > 0.0:
        centre = objective.mean_row(curvatures, share=share) / math.sqrt(total)
        diagonal = np.maximum(diagonal - centre * centre, 0.0)
    diagonal += objective.alpha
    inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0.0)
    return inverse, centre
