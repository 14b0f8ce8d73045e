"""L-BFGS in scaled coordinates: for classes without a penalty, which planes may separate."""

from typing import Final

import numpy as np

from fallline._standardization import inner
from fallline.solvers.problem import Optimum, Problem
from fallline.solvers.wide.conjugate_gradients import Step, inverse_diagonal
from fallline.solvers.wide.inverse_hessian import InverseHessian
from fallline.solvers.wide.penalized import PenalizedObjective
from fallline.solvers.wide.truncated_newton import Descent, Place
from fallline.typing import Float64Array

_MEMORY: Final = 10


def solve(problem: Problem) -> Optimum:
    """Minimise F of a smooth loss that classifies, without an L1 term.

    Where planes separate the classes, curvatures go to zero on the way, and Newton's steps with
    them: they take 3 to 10 times the passes until all rows are on their side.
    """
    objective = PenalizedObjective(problem)
    start = np.zeros(objective.n_features)
    return _Lbfgs(objective, start, objective.null_intercept, problem.max_passes, []).run()


class _Lbfgs(Descent):
    method = "L-BFGS in scaled coordinates"

    def __init__(
        self,
        objective: PenalizedObjective,
        w: Float64Array,
        intercept: float,
        max_passes: int,
        events: list[str],
    ) -> None:
        super().__init__(objective, w, intercept, max_passes, events)
        self._inverse_hessian = InverseHessian(_MEMORY)
        self._inverse = np.ones_like(w)  # of the curvature of each weight, at first
        self._before: Place | None = None

    def step(self, place: Place, _allowed: float) -> Step:
        """Return a step, having learned from the one that led there."""
        if self._before is None:
            curvatures = self.objective.curvatures(place.products + place.intercept)
            self._inverse, _ = inverse_diagonal(self.objective, curvatures)
        else:
            step, change = place.w - self._before.w, place.gradient - self._before.gradient
            self._inverse_hessian.remember(step, change)
        self._before = place
        direction = -self._inverse_hessian.times(place.gradient, lambda v: self._inverse * v)
        return Step(direction, -0.5 * inner(direction, place.gradient))
