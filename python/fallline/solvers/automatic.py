"""Which solver takes a model to its optimum."""

import math
from typing import Final

from fallline import _core
from fallline._validation import as_dtype, computed_in
from fallline.solvers import nesterov, second_order
from fallline.solvers.problem import Optimum, Problem

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
        If F is not finite, or X is sparse and too wide.
    """
    size = problem.X.shape[1] + problem.fit_intercept
    if size <= second_order.LARGEST_HESSIAN:
        return second_order.solve(problem)
    return _by_gradients(problem)


def _by_gradients(problem: Problem) -> Optimum:
    X, loss = problem.X, problem.loss
    if isinstance(X, _core.CsrMatrix):
        most = second_order.LARGEST_HESSIAN - 1
        message = (
            f"X must be dense with more than {most} features, "
            f"got a sparse matrix of {X.shape[1]}; use SGDClassifier or SGDRegressor"
        )
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
