"""Proximal Newton's method without a Hessian: coordinate descent on columns solves its model."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import Matrix
from fallline.solvers.l1.columns import ByColumn, by_column
from fallline.solvers.l1.l1_penalized import L1PenalizedObjective
from fallline.solvers.narrow.objective import bisect
from fallline.typing import Float64Array

# A model that another one follows is minimised until this share of what it has fallen by is left.
_SHARE_LEFT: Final = 0.1

# Of what a model promises, what a step of length t must bring: this share of t.
_ARMIJO: Final = 1e-4
_MOST_CUTS: Final = 5

# Where rows hardly curve the model promises too much. A step cut short adds to the curvatures of
# the next, at first so much of their mean; a whole one leaves this share of it.
_FIRST_DAMPING: Final = 0.01
_EASED: Final = 0.1


class Weights(NamedTuple):
    """Where it has come to.

    Attributes
    ----------
    weights : ndarray of shape (n_columns,)
        Of the columns.
    intercept : float
        The intercept.
    status : str
        "solved", "floor" (rounding errors allow no further step), "budget" or "stopped".
    left : float
        About how far F is above its minimum over the columns.
    elements : int
        How many have been read.
    """

    weights: Float64Array
    intercept: float
    status: str
    left: float
    elements: int


def minimize(
    objective: L1PenalizedObjective,
    columns: Matrix,
    start: tuple[Float64Array, float],
    *,
    least: float,
    most_elements: int,
    observe: Callable[[Float64Array, float, float, int], bool],
) -> Weights:
    """Minimise F over the weights of some columns.

    Parameters
    ----------
    objective : L1PenalizedObjective
        Of all columns; does not count what is read here.
    columns : ndarray or CsrMatrix of shape (n_samples, n_columns)
        Those that are to have weights.
    start : tuple of ndarray of shape (n_columns,) and float
        Weights and intercept to begin with.
    least : float
        End when about as much is left.
    most_elements : int
        End when so many elements have been read, those of the sweep under way aside.
    observe : callable
        Told of weights, intercept, F and the elements read so far after every step; returns True to
        ask for the end.

    Notes
    -----
    The model at a point is that of Newton's method with the L1 term as it is [1]_. Coordinate
    descent keeps the change of every margin, and so reads the elements of one column at a time; of
    sparse columns that is as good as nothing next to a Hessian.

    References
    ----------
    .. [1] Friedman, Hastie & Tibshirani (2010), "Regularization paths for generalized linear models
       via coordinate descent", Journal of Statistical Software 33(1), section 3.
    """
    matrix = by_column(columns)
    share_left = 0.0 if objective.loss.name == "squared" else _SHARE_LEFT
    w, elements, damping = start[0], 0, 0.0
    products = _core.row_products(columns, w)
    intercept = objective.best_intercept(products, start[1])
    while True:
        margins = products + intercept
        value = objective.mean(objective.losses(margins)) + objective.penalty(w)
        goal = 0.5 * least, share_left, max(most_elements - elements, 1)
        step = _model_step(objective, matrix, w, margins, damping, goal)
        elements += step.elements
        left = step.left + (step.decrease if share_left else 0.0)
        with np.errstate(over="ignore", invalid="ignore"):  # where F is infinite a step is cut
            length = _length(objective, w, margins, value, step)
        if length == 0.0:
            return Weights(w, intercept, "floor", step.left + step.decrease, elements)
        damping = _damping(objective, margins, damping, length)
        w = w + length * step.way
        products = products + length * (step.change - step.shift)
        intercept = objective.best_intercept(products, intercept + length * step.shift)
        of_end = objective.mean(objective.losses(products + intercept)) + objective.penalty(w)
        if observe(w, intercept, of_end, elements):
            return Weights(w, intercept, "stopped", left, elements)
        if left <= least and length == 1.0:
            return Weights(w, intercept, "solved", left, elements)
        if elements >= most_elements:
            return Weights(w, intercept, "budget", left, elements)


class _Step(NamedTuple):
    """To the minimum of the model, or nearly so.

    Attributes
    ----------
    way : ndarray of shape (n_columns,)
        What to add to the weights.
    change : ndarray of shape (n_samples,)
        What that, with `shift`, adds to the margins.
    shift : float
        What to add to the intercept.
    decrease, left : float
        By how much the model falls, and about what it could still fall by.
    elements : int
        How many have been read.
    """

    way: Float64Array
    change: Float64Array
    shift: float
    decrease: float
    left: float
    elements: int


def _model_step(
    objective: L1PenalizedObjective,
    matrix: ByColumn,
    w: Float64Array,
    margins: Float64Array,
    damping: float,
    goal: tuple[float, float, int],
) -> _Step:
    shares = np.full(objective.n_samples, 1.0 / objective.total)
    if objective.sample_weight is not None:
        shares *= objective.sample_weight
    v = w.copy()
    found = _core.column_descent(
        matrix,
        shares * objective.balanced(objective.derivatives(margins)),
        shares * (objective.curvatures(margins) + damping),
        (objective.l1, objective.l2),
        objective.fit_intercept,
        v,
        goal,
    )
    return _Step(v - w, *found)


def _length(
    objective: L1PenalizedObjective,
    w: Float64Array,
    margins: Float64Array,
    value: float,
    step: _Step,
) -> float:
    """Return how much of a step to take; 0 where F does not fall. Reads margins only."""

    def slope(whole: float, part: float) -> float:
        t = whole * part
        derivatives = objective.derivatives(margins + t * step.change)
        at = w + t * step.way
        of_penalty = objective.l2 * at + objective.l1 * np.sign(at)
        return objective.mean(derivatives * step.change) + inner(of_penalty, step.way)

    length, rounding = 1.0, objective.rounding(value)
    promised = min(step.decrease, value)  # nothing can promise more than F has to give
    for _ in range(_MOST_CUTS):
        losses = objective.losses(margins + length * step.change)
        end = objective.mean(losses) + objective.penalty(w + length * step.way)
        if end <= value - _ARMIJO * length * promised + rounding:
            return length
        length *= bisect(partial(slope, length))
    return 0.0


def _damping(
    objective: L1PenalizedObjective, margins: Float64Array, damping: float, length: float
) -> float:
    """Return what to add to the curvatures of the next model, after a step of some length."""
    if length == 1.0:
        return _EASED * damping
    curvature = objective.mean(objective.curvatures(margins))
    return max(damping / _EASED, _FIRST_DAMPING * curvature)
