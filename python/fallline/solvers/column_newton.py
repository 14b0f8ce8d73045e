"""Proximal Newton's method without a Hessian: coordinate descent on columns solves its model."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._validation import Matrix
from fallline.solvers.columns import by_column
from fallline.solvers.l1_penalized import L1PenalizedObjective
from fallline.typing import Float64Array

# A model that another one follows is minimised until this share of what it has fallen by is left.
_SHARE_LEFT: Final = 0.1

# Of what a model promises, what a step of length t must bring: this share of t.
_ARMIJO: Final = 1e-4
_HALVINGS: Final = 40


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
    values, rows, starts = by_column(columns)
    share_left = 0.0 if objective.loss.name == "squared" else _SHARE_LEFT
    shares = np.full(objective.n_samples, 1.0 / objective.total)
    if objective.sample_weight is not None:
        shares *= objective.sample_weight
    w, elements = start[0], 0
    products = _core.row_products(columns, w)
    intercept = objective.best_intercept(products, start[1])
    while True:
        margins = products + intercept
        value = objective.mean(objective.losses(margins)) + objective.penalty(w)
        v = w.copy()
        change, shift, decrease, left, count = _core.column_descent(
            values,
            rows,
            starts,
            shares * objective.balanced(objective.derivatives(margins)),
            shares * objective.curvatures(margins),
            objective.l1,
            objective.l2,
            objective.fit_intercept,
            v,
            least=0.5 * least,
            share=share_left,
            most_elements=max(most_elements - elements, 1),
        )
        elements += count
        way, length, rounding = v - w, 1.0, objective.rounding(value)
        for _ in range(_HALVINGS):
            end = margins + length * change
            of_end = objective.mean(objective.losses(end)) + objective.penalty(w + length * way)
            if of_end <= value - _ARMIJO * length * decrease + rounding:
                break
            length *= 0.5
        else:
            return Weights(w, intercept, "floor", left + decrease, elements)
        w = w + length * way
        products = products + length * (change - shift)
        intercept = objective.best_intercept(products, intercept + length * shift)
        left += decrease if share_left else 0.0
        if observe(w, intercept, of_end, elements):
            return Weights(w, intercept, "stopped", left, elements)
        if left <= least:
            return Weights(w, intercept, "solved", left, elements)
        if elements >= most_elements:
            return Weights(w, intercept, "budget", left, elements)
