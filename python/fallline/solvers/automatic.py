"""Which solver takes a model to its optimum."""

import math
from typing import Final

from fallline import _core
from fallline._validation import as_dtype, computed_in
from fallline.solvers import dual_ascent, lbfgs, nesterov, second_order
from fallline.solvers.problem import Optimum, Problem

# Of alpha times the number of rows: from here on dual coordinate ascent is fast, where rows are of
# length 1 or so.
_STRONG_PENALTY: Final = 0.3

# What is asked of the gradient, as a share of what is asked of F, where no gap is known.
_GRADIENT_SHARE: Final = 0.01


def solve(problem: Problem) -> Optimum:
    """Minimise F over weights and intercept.

    Parameters
    ----------
    problem : Problem
        What to minimise, and how well.

    Returns
    -------
    Optimum
        In the units of X.

    Raises
    ------
    ValueError
        If F is not finite, or X is sparse and the penalty has an L1 term.
    """
    if problem.alpha * problem.l1_ratio > 0.0:
        return _by_gradients(problem)
    if problem.alpha > 0.0 and _is_for_dual_ascent(problem):
        return dual_ascent.solve(problem)
    if problem.X.shape[1] + problem.fit_intercept <= second_order.LARGEST_HESSIAN:
        return second_order.solve(problem)
    return lbfgs.solve(problem)


def _is_for_dual_ascent(problem: Problem) -> bool:
    """Return whether the loss has bends, or X is too wide for a Hessian and the penalty strong."""
    (n_samples, n_features), loss = problem.X.shape, problem.loss
    if loss.name not in _core.dual_losses():
        return False
    smoothness = _core.loss_smoothness(loss.name, loss.parameters)
    if math.isinf(smoothness):
        return True
    if n_features + problem.fit_intercept <= second_order.LARGEST_HESSIAN:
        return False
    return problem.alpha * n_samples >= _STRONG_PENALTY


def _by_gradients(problem: Problem) -> Optimum:
    X, loss = problem.X, problem.loss
    if isinstance(X, _core.CsrMatrix):
        message = "X must be dense with an L1 penalty, got a sparse matrix; use SGDClassifier"
        raise ValueError(message)
    solution = nesterov.minimize(
        X,
        problem.y,
        problem.sample_weight,
        loss.name,
        alpha=problem.alpha,
        l1_ratio=problem.l1_ratio,
        fit_intercept=problem.fit_intercept,
        tol=_GRADIENT_SHARE * problem.tol,
        max_iter=problem.max_passes,
    )
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
