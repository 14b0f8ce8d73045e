"""Classes that softmax couples, with more weights than a Hessian may have: L-BFGS."""

import math
from typing import Final

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.narrow.certificate import gap_by_penalty
from fallline.solvers.narrow.coordinates import coordinates_for
from fallline.solvers.narrow.descent import Solution
from fallline.solvers.narrow.objective import Point
from fallline.solvers.narrow.second_order import outcome
from fallline.solvers.narrow.softmax_objective import SoftmaxObjective
from fallline.solvers.narrow.tolerance import Tolerance
from fallline.solvers.problem import Optimum, Problem, Visit
from fallline.solvers.wide.csr_softmax_objective import CsrSoftmaxObjective
from fallline.solvers.wide.curvature_model import rough_inverse
from fallline.solvers.wide.inverse_hessian import InverseHessian
from fallline.solvers.wide.softmax_gap import gap_of_classes
from fallline.typing import Float64Array

# Steps that are remembered, and steps after which the curvature of the rows is looked at anew. On
# r8 30 and 20 take 214 passes, 10 and 10 take 298; looked at but once, 600 were not enough. On
# mnist10k, whose 900 they hardly change, 500 with the curvature of the start left F at three times
# its minimum.
_MEMORY: Final = 30
_STEPS_PER_MODEL: Final = 20

# A line search: what must be won of the slope, and how short a step becomes by a cut.
_ARMIJO: Final = 1e-4
_SHORTEST_CUT, _LONGEST_CUT = 0.1, 0.5
_MOST_CUTS: Final = 40
# What a slope may be of the one before, where rounding hides how F falls; and how many such steps
# there may be that do not halve the bound.
_FLATTER: Final = 0.9
_MOST_IDLE: Final = 30

# A model of F, where there is no bound, has to promise less than so much of what is allowed.
_SHARE_OF_ALLOWED: Final = 0.1


def solve(problem: Problem) -> Optimum:
    """Minimise F of softmax with an L2 penalty or none, for X of any width."""
    y, weights = problem.y.astype(np.float64), problem.sample_weight
    if weights is not None:
        weights = weights.astype(np.float64)
    is_sparse = isinstance(problem.X, _core.CsrMatrix)
    # Sparse columns keep their zeros. On r8 their centred selves took twice the passes.
    centred = problem.fit_intercept and not is_sparse
    coordinates = coordinates_for(problem.X, weights, fit_intercept=centred)
    coordinates = coordinates._replace(fit_intercept=problem.fit_intercept)
    kind = CsrSoftmaxObjective if is_sparse else SoftmaxObjective
    objective = kind(problem.X, y, weights, problem.loss, problem.alpha, coordinates)
    objective.observe = lambda u, value: problem.observe(
        Visit(objective.passes, value, lambda: objective.weights(u))
    )
    solution = _Lbfgs(objective, problem.tol, problem.max_passes).run()
    return outcome(problem, objective, solution, "L-BFGS in scaled coordinates of all classes")


class _Lbfgs:
    """One minimisation under way."""

    def __init__(self, objective: SoftmaxObjective, tol: float, max_passes: int) -> None:
        self.objective, self.max_passes = objective, max_passes
        start = objective.start()
        self.tolerance = Tolerance(objective, tol)
        nowhere = np.empty(0)
        self.reached = Point(start, self.tolerance.null_value, nowhere, nowhere, nowhere)
        self.values: list[float] = []
        self.unproven = math.inf  # the smallest bound that no certificate followed
        self.least = self.lowest = math.inf  # F, and its bound, so far
        self.idle = 0  # steps in a row that brought neither down
        self._lengths: Float64Array | None = None

    def run(self) -> Solution:
        """Go on until the certificate, the rounding error, the budget or Ctrl-C says stop."""
        try:
            return self._descend()
        except KeyboardInterrupt:
            return self._end("interrupted", self.reached, math.nan)

    def _descend(self) -> Solution:
        objective = self.objective
        point = self._sound(objective.at(self.reached.u, hessian=False))
        inverse_hessian, step = InverseHessian(_MEMORY), 0
        while True:
            self.values.append(point.value)
            self.reached = point
            if step % _STEPS_PER_MODEL == 0:
                rough = rough_inverse(objective, point)
            with objective.solving:
                direction = -inverse_hessian.times(point.gradient, rough)
            slope = inner(direction, point.gradient)
            solution = self._solution(point, -0.5 * slope)
            if solution is not None:
                return solution
            following = self._follow(point, direction, slope)
            if following is None:
                return self._at_the_floor(point, -0.5 * slope)
            inverse_hessian.remember(following.u - point.u, following.gradient - point.gradient)
            point = following
            step += 1

    def _solution(self, point: Point, estimate: float) -> Solution | None:
        """Return how it ends at a point, or None if it goes on."""
        objective, allowed = self.objective, self.tolerance.allowed(point.value)
        if objective.separates(point):
            return self._end("separable", point, point.value)
        if objective.observe(point.u, point.value):
            return self._end("stopped", *self._certify(point))
        bound = min(gap_by_penalty(objective, point), point.value)
        if bound <= min(allowed, 0.5 * self.unproven):
            place, gap = self._certify(point)
            if gap <= self.tolerance.allowed(place.value):
                return self._end("certified", place, gap)
            self.unproven = bound
        if objective.passes >= self.max_passes:
            return self._end("budget", *self._certify(point))
        if objective.l2 == 0.0 and estimate <= _SHARE_OF_ALLOWED * allowed:
            return self._at_the_floor(point, estimate)
        idle = self.idle + 1
        self.idle = 0 if point.value < self.least or bound <= 0.5 * self.lowest else idle
        self.least, self.lowest = min(self.least, point.value), min(self.lowest, bound)
        return self._at_the_floor(point, estimate) if self.idle > _MOST_IDLE else None

    def _at_the_floor(self, point: Point, estimate: float) -> Solution:
        allowed = self.tolerance.allowed(point.value)
        return self._end("estimated" if estimate <= allowed else "floor", point, estimate)

    def _sound(self, point: Point) -> Point:
        if not math.isfinite(point.value):
            message = f"F must stay finite, got {point.value} without features; rescale X"
            raise ValueError(message)
        return point

    def _follow(self, point: Point, direction: Float64Array, slope: float) -> Point | None:
        """Return the next point, by a whole step or a part of it; None if there is none.

        Where F falls by no more than its rounding error, its slope has to: the bound of the gap
        needs a gradient that is far smaller than what F shows [1]_.

        References
        ----------
        .. [1] Hager & Zhang (2005), "A new conjugate gradient method with guaranteed descent and an
           efficient line search", SIAM Journal on Optimization 16, equation 4.1.
        """
        length, rounding = 1.0, self.tolerance.rounding(point.value)
        for _ in range(_MOST_CUTS):
            end = self.objective.at(point.u + length * direction, hessian=False)
            if end.value <= point.value + _ARMIJO * length * slope:
                return end
            if end.value <= point.value + rounding:
                flatter = abs(inner(end.gradient, direction)) <= _FLATTER * -slope
                return end if flatter else None
            # The lowest point of the parabola with that slope through both values.
            excess = end.value - point.value - length * slope
            cut = -0.5 * length * slope / excess if math.isfinite(excess) else _SHORTEST_CUT
            length *= min(max(cut, _SHORTEST_CUT), _LONGEST_CUT)
        return None

    def _certify(self, point: Point) -> tuple[Point, float]:
        """Return the point with the best intercepts, and a bound of its gap with all roundings."""
        place = self.objective.with_best_intercept(point)
        gap = min(gap_of_classes(self.objective, place, self._row_lengths()), place.value)
        return place, gap + self.tolerance.rounding(place.value)

    def _row_lengths(self) -> Float64Array:
        if self._lengths is None:
            objective = self.objective
            objective.passes += 1.0
            with objective.reading:
                squares = _core.squared_norms(objective.X)
            mean = objective.coordinates.mean
            self._lengths = np.sqrt(squares) + math.sqrt(inner(mean, mean))
        return self._lengths

    def _end(self, status: str, point: Point, gap: float) -> Solution:
        allowed = self.tolerance.allowed(point.value)
        return Solution(point.u, status, gap, allowed, point.value, self.values, [])
