"""Several targets, or each class against the rest: one model after the other."""

import math
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Final, cast

import numpy as np

from fallline._validation import as_dtype, computed_in
from fallline.solvers.problem import Optimum, Problem, Visit
from fallline.typing import FloatArray

# What is said of all heads is what is said of the one that comes first here.
_WEAKEST_FIRST: Final = [
    "interrupted",
    "stopped",
    "budget",
    "separable",
    "floor",
    "estimated",
    "certified",
]


def solve(problem: Problem, solve_one: Callable[[Problem], Optimum]) -> Optimum:
    """Minimise F of each head for itself.

    Parameters
    ----------
    problem : Problem
        Of several heads, that nothing couples. The tolerance is that of every head.
    solve_one : callable
        What solves the problem of one.

    Returns
    -------
    Optimum
        With F, gap and passes added up over the heads. Of heads that had not been begun when
        Ctrl-C or the end of the time came, the weights are zero.
    """

    def observe(visit: Visit) -> bool:
        return problem.observe(visit._replace(value=math.nan))  # as F of one head is none of all

    found: list[Optimum] = []
    for y in _targets(problem):
        found.append(solve_one(problem._replace(y=y, heads=None, observe=observe)))
        if found[-1].status in {"interrupted", "stopped"}:
            break
    missing = problem.n_heads - len(found)
    coef = np.stack([optimum.coef for optimum in found], axis=1)
    intercept = np.array([optimum.intercept for optimum in found])
    return Optimum(
        cast("FloatArray", np.pad(coef, ((0, 0), (0, missing)))),
        np.pad(intercept, (0, missing)),
        min((optimum.status for optimum in found), key=_WEAKEST_FIRST.index),
        math.nan if missing else sum(optimum.gap for optimum in found),
        sum(optimum.passes for optimum in found),
        sum(optimum.value for optimum in found),
        sum(optimum.null_value for optimum in found),
        _added([optimum.objective for optimum in found]),
        found[0].shift,
        f"{found[0].method}, for each of {problem.n_heads} outputs",
        [f"output {k}: {event}" for k, optimum in enumerate(found) for event in optimum.events],
        {part: sum(optimum.seconds[part] for optimum in found) for part in found[0].seconds},
    )


def _targets(problem: Problem) -> Iterator[FloatArray]:
    y, dtype = problem.y, computed_in(problem.X)
    for k in range(problem.n_heads):
        if problem.heads == "classes":
            yield as_dtype(np.where(y == k, 1.0, -1.0), dtype)
        else:
            yield cast("FloatArray", np.ascontiguousarray(y[:, k]))


def _added(objectives: list[list[float]]) -> list[float]:
    """Add F of all heads up, point by point; heads that have arrived stay where they are."""
    ends = [values[-1] if values else math.nan for values in objectives]
    points = zip_longest(*objectives)
    return [
        sum(end if value is None else value for value, end in zip(point, ends, strict=True))
        for point in points
    ]
