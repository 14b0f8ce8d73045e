"""Second-order methods from the data to the weights: for at most `LARGEST_HESSIAN` coordinates."""

from typing import Final

import numpy as np

from fallline._standardization import shift_for
from fallline._validation import computed_in
from fallline.solvers.narrow import newton, proximal_newton, settled_rows
from fallline.solvers.narrow.coordinates import coordinates_for
from fallline.solvers.narrow.descent import Solution
from fallline.solvers.narrow.objective import Objective
from fallline.solvers.narrow.softmax_objective import SoftmaxObjective
from fallline.solvers.problem import Optimum, Problem, Visit
from fallline.typing import FloatArray, Intercept

# Beyond so many coordinates a Hessian costs too much.
LARGEST_HESSIAN: Final = 1500

# Losses without a curvature.
KINKED: Final = frozenset({"hinge", "quantile", "epsilon_insensitive"})


def solve(problem: Problem) -> Optimum:
    """Minimise F of one head, or of coupled ones without an L1 term."""
    objective = objective_of(problem)
    objective.observe = lambda u, value: problem.observe(
        Visit(objective.passes, value, lambda: objective.weights(u))
    )
    return outcome(problem, objective, *_minimum(objective, problem.tol, problem.max_passes))


def objective_of(problem: Problem) -> Objective:
    """Return F in coordinates that suit it."""
    X, loss = problem.X, problem.loss
    y, weights = np.ascontiguousarray(problem.y, np.float64), problem.sample_weight
    if weights is not None:
        weights = weights.astype(np.float64, copy=False)
    coordinates = coordinates_for(X, weights, fit_intercept=problem.fit_intercept)
    l1 = problem.alpha * problem.l1_ratio
    l2 = problem.alpha - l1
    if loss.coupled:
        objective: Objective = SoftmaxObjective(X, y, weights, loss, l2, coordinates)
    else:
        objective = Objective(X, y, weights, loss, l2, coordinates, l1)
    if problem.deviation is not None:
        objective.ridge[objective.weighed] *= problem.deviation**2
        objective.l1[objective.weighed] *= problem.deviation
    return objective


def outcome(problem: Problem, objective: Objective, solution: Solution, method: str) -> Optimum:
    """Return what has come of a minimisation, in the units of X and rounded to its dtype."""
    coordinates = objective.coordinates
    coef, intercept = objective.weights(solution.u)
    solution = _rounded(objective, solution, coef, intercept)
    return Optimum(
        coef,
        intercept,
        solution.status,
        solution.gap,
        objective.passes,
        solution.value,
        objective.null.value,
        solution.values,
        shift_for(coordinates.mean, 1.0 / coordinates.inverse_scale, computed_in(problem.X)),
        method,
        solution.events,
        {"passes": objective.reading.seconds, "equations": objective.solving.seconds},
    )


def _minimum(objective: Objective, tol: float, max_passes: int) -> tuple[Solution, str]:
    """Minimise by Newton's method where the loss has a curvature to speak of."""
    start = objective.start()
    events: list[str] = []
    if objective.l1.any():
        solution = proximal_newton.minimize(objective, start, tol=tol, max_passes=max_passes)
        return solution, "proximal Newton's method on growing parts of the rows"
    if objective.loss.name not in KINKED:
        solution = newton.minimize(objective, start, tol=tol, max_passes=max_passes)
        if solution.status != "stuck":
            return solution, "Newton's method on growing parts of the rows"
        events = [*solution.events, "too few rows curve for Newton's method: an interior point"]
    solution = settled_rows.minimize(objective, start, tol=tol, max_passes=max_passes)
    return solution._replace(events=events), "a primal-dual interior-point method"


def _rounded(
    objective: Objective, solution: Solution, coef: FloatArray, intercept: Intercept
) -> Solution:
    """Return what is known of the weights as the dtype of X holds them."""
    if coef.dtype == np.float64 or solution.status == "interrupted":
        return solution
    value = objective.value_of(coef, intercept)
    gap = solution.gap + max(0.0, value - solution.value)
    status, events = solution.status, solution.events
    if status == "certified" and gap > solution.allowed:
        status = "floor"
        events = [*events, f"rounding the weights to {coef.dtype} took F out of the tolerance"]
    return solution._replace(status=status, gap=gap, value=value, events=events)
