"""No certificate of a loss with bends is ever false: gaps to a closer minimum, in many digits."""

from typing import Any

import mpmath
import numpy as np
import pytest

import test_certificate
from fallline import losses, solvers
from loss_cases import of_python

PROBLEMS = 30
BENT = [
    *("hinge", "quantile", "epsilon_insensitive", "huber"),
    *("modified_huber", "squared_hinge", "squared_epsilon_insensitive"),
]


def long_loss(loss: losses.Loss, z: Any, y: Any) -> Any:
    """The loss in long numbers."""
    error, lack = abs(z - y), max(0, 1 - y * z)
    parameter: Any = mpmath.mpf(loss.parameters[0]) if loss.parameters else None
    match loss.name:
        case "huber":
            return min(error, parameter) * (error - min(error, parameter) / 2)
        case "quantile":
            return error * (parameter if z < y else 1 - parameter)
        case "epsilon_insensitive":
            return max(0, error - parameter)
        case "squared_epsilon_insensitive":
            return max(0, error - parameter) ** 2
        case "hinge":
            return lack
        case "squared_hinge":
            return lack**2
    return min(2, lack) * (2 * lack - min(2, lack))  # modified Huber


def long_objective(loss: losses.Loss, p: test_certificate.Problem, at: solvers.Optimum) -> Any:
    w, b = [mpmath.mpf(value) for value in at.coef.tolist()], mpmath.mpf(at.intercept)
    s = (np.ones(len(p.y)) if p.s is None else p.s).tolist()
    rows = zip(p.X.tolist(), p.y.tolist(), s, strict=True)
    terms = [
        mpmath.mpf(weight) * long_loss(loss, mpmath.fdot(x, w) + b, mpmath.mpf(y))
        for x, y, weight in rows
    ]
    penalty = mpmath.mpf(p.alpha) / 2 * mpmath.fsum(value * value for value in w)
    return mpmath.fsum(terms) / mpmath.fsum(map(mpmath.mpf, s)) + penalty


@pytest.mark.parametrize("name", BENT)
def test_the_gap_is_never_below_the_true_one(name: str) -> None:
    certified, loss = 0, of_python(name)
    with mpmath.workdps(60):
        for seed in range(PROBLEMS):
            p = test_certificate.problem("logistic" if loss.classifies else "squared", seed)

            def solve(tol: float, p: test_certificate.Problem = p) -> solvers.Optimum:
                options: Any = {"l1_ratio": 0.0, "fit_intercept": p.fit_intercept}
                problem = solvers.Problem(
                    p.X, p.y, p.s, loss, alpha=p.alpha, tol=tol, max_passes=2000, **options
                )
                return solvers.solve(problem)

            found = solve(1e-6)
            if found.status != "certified":
                continue
            certified += 1
            closer = min(long_objective(loss, p, solve(tol)) for tol in (1e-10, 1e-13))
            gap = long_objective(loss, p, found) - closer
            assert gap <= found.gap, f"problem {seed}: {mpmath.nstr(gap, 5)} > {found.gap:.5g}"
    assert certified >= 0.8 * PROBLEMS
