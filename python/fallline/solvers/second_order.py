"""Second-order methods from the data to the weights: for at most `LARGEST_HESSIAN` coordinates."""

import math
from typing import Final

import numpy as np

from fallline._standardization import shift_for
from fallline._validation import as_dtype, computed_in
from fallline.losses import Huber, Logistic
from fallline.solvers import newton, proximal_newton
from fallline.solvers.coordinates import coordinates_for
from fallline.solvers.objective import Objective
from fallline.solvers.problem import Optimum, Problem
from fallline.typing import Float64Array, FloatArray

# Beyond so many coordinates a Hessian costs too much.
LARGEST_HESSIAN: Final = 1500


def solve(problem: Problem) -> Optimum:
    """Minimise F of a smooth loss."""
    X, loss = problem.X, problem.loss
    y, weights = problem.y.astype(np.float64), problem.sample_weight
    if weights is not None:
        weights = weights.astype(np.float64)
    coordinates = coordinates_for(X, weights, fit_intercept=problem.fit_intercept)
    l1, l2 = problem.alpha * problem.l1_ratio, problem.alpha * (1.0 - problem.l1_ratio)
    objective = Objective(X, y, weights, loss, l2, coordinates, l1)
    minimize = proximal_newton.minimize if l1 > 0.0 else newton.minimize
    solution = minimize(
        objective, _null_model(objective), tol=problem.tol, max_passes=problem.max_passes
    )
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
        f"{'proximal ' if l1 > 0.0 else ''}Newton's method on growing parts of the rows",
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
