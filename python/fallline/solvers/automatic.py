"""Which solver takes a model to its optimum."""

from typing import Final

from fallline import _core
from fallline.solvers import independent_heads
from fallline.solvers.l1 import working_set
from fallline.solvers.narrow import second_order
from fallline.solvers.problem import Optimum, Problem
from fallline.solvers.wide import (
    coupled_lbfgs,
    dual_ascent,
    dual_face,
    lbfgs,
    row_space,
    truncated_newton,
)

# Of alpha times the number of rows: from here on dual coordinate ascent is fast, where rows are of
# length 1 or so.
_STRONG_PENALTY: Final = 0.3

# Of the square of the rows' number times the columns, over the stored elements: from here on a
# basis of the rows takes longer than thousands of passes. Rcv1 (1,500 x 47,118), at 900,000, takes
# 5 s with it, and 0.02 to 1.4 by Newton's method with 0.1 to 1e-6 of one over the rows' number.
_DEAR_BASIS: Final = 1e5

# With an L1 term few columns matter, and from so many on it pays to look for them: 1.1 to 10 times
# as fast at 1,000 columns, half as fast at 300. Columns are copied, if X has no more bytes.
_MANY_COLUMNS: Final = 500
_MOST_COPIED: Final = 1 << 30


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
        If the loss is the perceptron's or F is not finite; if X is too wide for Newton's method and
        the penalty is of standardised columns, or is zero of a loss with kinks; if those have an L1
        term, or classes that softmax couples.
    """
    if problem.loss.name == "perceptron":
        message = (
            f"loss must have an optimum to go to, got {problem.loss!r}, which zero weights make "
            "zero; name an optimizer, such as fl.optim.SGD(1.0)"
        )
        raise ValueError(message)
    if problem.heads and problem.loss.coupled:
        return _coupled(problem)
    if problem.heads:
        return independent_heads.solve(problem, solve)
    has_l1 = problem.alpha * problem.l1_ratio > 0.0
    if has_l1 and problem.loss.name in second_order.KINKED:
        message = (
            f"penalty must have no L1 term with {problem.loss!r}, got l1_ratio={problem.l1_ratio}; "
            "name an optimizer, such as fl.optim.SGD(0.01)"
        )
        raise ValueError(message)
    if problem.X.shape[1] + problem.fit_intercept <= second_order.LARGEST_HESSIAN:
        if has_l1 and _pays_to_choose(problem):
            return working_set.solve(problem)
        return second_order.solve(problem)
    if problem.deviation is not None:
        message = (
            f"X must have at most {second_order.LARGEST_HESSIAN - 1} features for a penalty of "
            f"{problem.penalized}, got {problem.X.shape[1]}; scale the columns first, and use "
            "fl.penalties.L2 without standardize"
        )
        raise ValueError(message)
    return working_set.solve(problem) if has_l1 else _of_many_columns(problem)


def _pays_to_choose(problem: Problem) -> bool:
    """Return whether to look for the columns that matter where a Hessian could have all."""
    X = problem.X
    return problem.deviation is None and X.shape[1] >= _MANY_COLUMNS and X.nbytes <= _MOST_COPIED


def _of_many_columns(problem: Problem) -> Optimum:
    n_samples, loss = problem.X.shape[0], problem.loss
    has_dual = problem.alpha > 0.0 and loss.name in _core.dual_losses()
    strong = problem.alpha * n_samples >= _STRONG_PENALTY
    if n_samples <= second_order.LARGEST_HESSIAN:
        # Few stored elements are visited often in the time that their rows take to be dense.
        if isinstance(problem.X, _core.CsrMatrix) and has_dual:
            if strong:
                return dual_ascent.solve(problem)
            dear = n_samples**2 * problem.X.shape[1] > _DEAR_BASIS * problem.X.size
            if dear and loss.name in {"logistic", "squared"}:
                return truncated_newton.solve(problem)
        return row_space.solve(problem)
    has_kinks = loss.name in second_order.KINKED
    if has_kinks and problem.alpha == 0.0:
        message = (
            f"penalty must be positive with {loss!r} and {problem.X.shape[1]} features, got none; "
            "use fl.penalties.L2(1e-4)"
        )
        raise ValueError(message)
    if has_dual and (strong or loss.name in dual_face.SOLVED_IN_DUAL):
        return dual_ascent.solve(problem)
    if loss.classifies and problem.alpha == 0.0:
        return lbfgs.solve(problem)
    return truncated_newton.solve(problem)


def _coupled(problem: Problem) -> Optimum:
    n_classes = problem.n_heads
    if problem.alpha * problem.l1_ratio > 0.0:
        message = (
            f"the penalty must have no L1 term with softmax of {n_classes} classes, got l1_ratio="
            f"{problem.l1_ratio}; use l1_ratio=0.0, or fit one model of each class against the rest"
        )
        raise ValueError(message)
    size = (n_classes - 1) * (problem.X.shape[1] + problem.fit_intercept)
    if size <= second_order.LARGEST_HESSIAN:
        return second_order.solve(problem)
    if problem.deviation is not None:
        message = (
            f"standardize must be False with optimizer='auto' and softmax of {n_classes} classes "
            f"with more than {second_order.LARGEST_HESSIAN} free weights, got True with {size}; "
            "name an optimizer, or scale the columns first"
        )
        raise ValueError(message)
    return coupled_lbfgs.solve(problem)
