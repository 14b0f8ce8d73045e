"""Which solver takes a model to its optimum, and what came of it in the units of X."""

import math
from typing import Any, Final, NamedTuple, cast

import numpy as np

from fallline import _core
from fallline._standardization import shift_for
from fallline._validation import Matrix, as_dtype, computed_in
from fallline.losses import Huber, Logistic, Loss
from fallline.solvers import nesterov, newton
from fallline.solvers.coordinates import coordinates_for
from fallline.solvers.objective import Objective
from fallline.typing import DenseMatrix, Float64Array, FloatArray

# Beyond so many coordinates a Hessian costs too much.
LARGEST_HESSIAN: Final = 1500

# What is asked of the gradient, as a share of what is asked of F, where no gap is known.
_GRADIENT_SHARE: Final = 0.01


class Optimum(NamedTuple):
    """Where a solver ended.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Weights in the units of X and in the dtype it is computed in.
    intercept : float
        0.0 when none was fitted.
    status : str
        "certified", "estimated", "floor", "budget", "separable" or "interrupted"; see `newton`.
    gap : float
        Upper bound of F less the smallest F there is, of the weights as returned; an estimate
        unless certified, NaN where there is none.
    passes : float
        Over the data; a part of the rows counts as a part of a pass.
    objective : list of float
        F at each point of all rows.
    shift : ndarray of shape (n_features,) or None
        A point among the rows from which margins are computed with fewer digits lost.
    method : str
        What was done, in a few words.
    events : list of str
        What happened on the way.
    """

    coef: FloatArray
    intercept: float
    status: str
    gap: float
    passes: float
    objective: list[float]
    shift: FloatArray | None
    method: str
    events: list[str]


def solve(
    X: Matrix,
    y: FloatArray,
    sample_weight: FloatArray | None,
    loss: Loss,
    *,
    alpha: float,
    l1_ratio: float,
    fit_intercept: bool,
    tol: float,
    max_passes: int,
) -> Optimum:
    """Minimise F over weights and intercept of one head.

    Parameters
    ----------
    X : ndarray or CsrMatrix of shape (n_samples, n_features)
        Finite, of anything the core reads.
    y : ndarray of shape (n_samples,)
        Targets; -1 and +1, both with positive weight, for a loss that classifies.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, not negative and not all zero.
    loss : Loss
        A convex one with a second derivative, or zero where it has none.
    alpha, l1_ratio : float
        Of the penalty.
    fit_intercept : bool
        Whether to fit an intercept, which is never penalised.
    tol : float
        F is to be within `tol` times the larger of F and a thousandth of what it is without
        features.
    max_passes : int
        Largest number of passes over the data.

    Returns
    -------
    Optimum
        In the units of X.

    Raises
    ------
    ValueError
        If F is not finite, or X is sparse and too wide, or the penalty has an L1 term then.
    """
    if alpha * l1_ratio > 0.0 or X.shape[1] + fit_intercept > LARGEST_HESSIAN:
        if isinstance(X, _core.CsrMatrix):
            message = (
                f"X must be dense with an L1 penalty or more than {LARGEST_HESSIAN - 1} features, "
                f"got a sparse matrix of {X.shape[1]}; use SGDClassifier or SGDRegressor"
            )
            raise ValueError(message)
        return _by_gradients(
            X,
            y,
            sample_weight,
            loss,
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
            tol=_GRADIENT_SHARE * tol,
            max_iter=max_passes,
        )
    weights = None if sample_weight is None else sample_weight.astype(np.float64)
    coordinates = coordinates_for(X, weights, fit_intercept=fit_intercept)
    objective = Objective(X, y.astype(np.float64), weights, loss, alpha, coordinates)
    solution = newton.minimize(objective, _null_model(objective), tol=tol, max_passes=max_passes)
    coef = as_dtype(coordinates.weights(solution.u)[0], computed_in(X))
    intercept = coordinates.intercept(coef.astype(np.float64), solution.u)
    status, gap = _rounded(objective, solution, coef, intercept)
    return Optimum(
        coef,
        intercept,
        status,
        gap,
        objective.passes,
        solution.values,
        shift_for(coordinates.mean, 1.0 / coordinates.inverse_scale, computed_in(X)),
        "Newton's method on growing parts of the rows",
        solution.events,
    )


def _rounded(
    objective: Objective, solution: newton.Solution, coef: FloatArray, intercept: float
) -> tuple[str, float]:
    """Return status and gap of the weights as the dtype of X holds them."""
    if coef.dtype == np.float64 or solution.status == "interrupted":
        return solution.status, solution.gap
    place = objective.coordinates.of(coef.astype(np.float64), intercept)
    gap = solution.gap + max(0.0, objective.at(place, hessian=False).value - solution.value)
    if solution.status == "certified" and gap > solution.allowed:
        solution.events.append(f"rounding the weights to {coef.dtype} took F out of the tolerance")
        return "floor", gap
    return solution.status, gap


def _null_model(objective: Objective) -> Float64Array:
    """Return the start: no weights, and an intercept that is best without them, or nearly so."""
    start = np.zeros(objective.coordinates.size)
    if not objective.coordinates.fit_intercept:
        return start
    loss, y = objective.loss, objective.y
    mean = objective.mean(y)
    if loss.log_link:
        start[-1] = math.log(mean) if mean > 0.0 else 0.0
    elif isinstance(loss, Logistic):
        start[-1] = math.log1p(mean) - math.log1p(-mean)  # the log-odds of targets -1 and +1
    else:
        start[-1] = float(np.median(y)) if isinstance(loss, Huber) else mean
    return start


def _by_gradients(
    X: Matrix,
    y: FloatArray,
    sample_weight: FloatArray | None,
    loss: Loss,
    **options: Any,
) -> Optimum:
    solution = nesterov.minimize(cast("DenseMatrix", X), y, sample_weight, loss.name, **options)
    return Optimum(
        as_dtype(solution.coef, computed_in(X)),
        solution.intercept,
        "estimated" if solution.status == "converged" else solution.status,
        math.nan,
        solution.n_iter,
        solution.objective,
        solution.shift,
        "accelerated proximal gradient descent",
        [f"the gradient fell to {solution.gradient_norm:.1e} of that of the start"],
    )
