"""Newton's method with steps by conjugate gradients, and the best intercept at every point."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import as_dtype, computed_in
from fallline.solvers.problem import Optimum, Problem
from fallline.solvers.wide.conjugate_gradients import Goal, Step, newton_step
from fallline.solvers.wide.penalized import Certificate, PenalizedObjective
from fallline.typing import Float64Array

# How close a step is: the gap it should leave where the model is exact, of what is allowed, and
# what may be left of a model that is not. On r8 shares of 0.1 to 1 take 1 to 1.25 times as long.
_CLOSE: Final = 0.5
_SHARE_LEFT: Final = 0.2

# Rows that curve by less than this share of the mean are left out of a model that the penalty keeps
# convex: on r8, where losses are small, those are three in five. Shares of 0.1 to 0.2 take the same
# time there, half of that with all rows. Fewer than a quarter are not worth the steps that it then
# takes: on logistic models of groups, where they are a tenth, one more. A step by which F falls
# less than this share of what the model promised is followed by one with the other rows: left out
# they may be all that a weight has.
_FLAT: Final = 0.15
_FEWEST_FLAT: Final = 0.25
_BROKEN_PROMISE: Final = 0.25

# Between two places that can be looked at, at first; then as many as there have been.
_FIRST_PASSES: Final = 128.0

# Of the largest curvature, for rows whose loss is a line: a step would have no end. On lines of
# huber's a hundredth takes up to twice the time.
_SHARE_OF_LINES: Final = 0.1

# A line search reads margins only: steps of Newton's method, and what must be won of the slope.
_NEWTON_STEPS: Final = 3
_HALVINGS: Final = 40
_ARMIJO: Final = 1e-4

# A model of F, where there is no bound, has to promise less than so much of what is allowed.
_SHARE_OF_ALLOWED: Final = 0.1
_SHARE_OF_REST: Final = 0.01


def solve(problem: Problem) -> Optimum:
    """Minimise F of a smooth loss, without an L1 term."""
    objective = PenalizedObjective(problem)
    return solve_from(
        objective,
        np.zeros(objective.n_features),
        objective.null_intercept,
        problem.max_passes,
        [],
    )


def solve_from(
    objective: PenalizedObjective,
    w: Float64Array,
    intercept: float,
    max_passes: int,
    events: list[str],
) -> Optimum:
    """Minimise F from weights on that another method has reached."""
    return Descent(objective, w, intercept, max_passes, events).run()


class Place(NamedTuple):
    """Weights, the best intercept with them, and what F is like there."""

    w: Float64Array
    intercept: float
    products: Float64Array  # X w
    value: float
    gradient: Float64Array  # in w; that in the intercept is zero


class Descent:
    """One minimisation under way.

    With the best intercept F is a convex function of w alone, and its gradient is that in w.
    """

    method = "Newton's method by conjugate gradients"

    def __init__(
        self,
        objective: PenalizedObjective,
        w: Float64Array,
        intercept: float,
        max_passes: int,
        events: list[str],
    ) -> None:
        self.objective, self.max_passes, self.events = objective, max_passes, events
        self.w, self.intercept = w, intercept
        self._without_flat_rows = objective.alpha > 0.0

    def run(self) -> Optimum:
        """Go on until the certificate, the rounding error, the budget or Ctrl-C says stop."""
        try:
            return self._descend()
        except KeyboardInterrupt:
            coef = as_dtype(self.w, computed_in(self.objective.X))
            found = Certificate(coef, self.intercept, math.nan, math.nan, 0.0)
            return self._end(found, "interrupted")

    def _descend(self) -> Optimum:
        objective = self.objective
        place = self._place(self.w, self.intercept, objective.products(self.w))
        unproven = math.inf  # the smallest bound that no certificate followed
        while True:
            self.w, self.intercept = place.w, place.intercept
            allowed = objective.allowed(place.value)
            if self._separates(place):
                return self._end(self._certificate(place), "separable")
            bound = self._bound(place)
            spent = objective.passes + 2.0 >= self.max_passes
            if spent or bound <= min(allowed, 0.5 * unproven):
                found = self._certificate(place)
                if found.gap <= objective.allowed(found.value):
                    return self._end(found, "certified")
                if found.gap - found.rounding <= objective.allowed(found.value):
                    return self._end(found, "floor")
                if spent:
                    return self._end(found, "budget")
                unproven = bound
            if objective.observe(place.w, place.intercept, place.value):
                return self._end(self._certificate(place), "stopped")
            step, following = self.step(place, allowed), None
            if objective.has_dual or step.decrease > _SHARE_OF_ALLOWED * allowed:
                following = self._follow(place, step.direction)
            if following is None:
                status = "estimated" if step.decrease <= allowed else "floor"
                return self._end(self._certificate(place)._replace(gap=step.decrease), status)
            if place.value - following.value < _BROKEN_PROMISE * step.decrease:
                self._without_flat_rows = objective.alpha > 0.0 and not self._without_flat_rows
            place = following

    def step(self, place: Place, allowed: float) -> Step:
        """Return a step from a place where the gap may be as large as `allowed`."""
        objective = self.objective
        share = 0.0 if objective.loss.name == "squared" else _SHARE_LEFT
        passes = min(max(_FIRST_PASSES, objective.passes), self.max_passes - objective.passes)
        if objective.has_dual:
            goal = Goal(_CLOSE * 2.0 * objective.alpha * allowed, 0.0, share, 0.0, passes)
        else:
            goal = Goal(0.0, _SHARE_OF_REST * allowed, share, allowed, passes)
        curvatures = self._curvatures(place)
        if self._without_flat_rows:
            flat = curvatures < _FLAT * objective.mean(curvatures)
            if np.count_nonzero(flat) > _FEWEST_FLAT * objective.n_samples:
                curvatures = np.where(flat, 0.0, curvatures)
        return newton_step(objective, curvatures, place.gradient, goal)

    def _curvatures(self, place: Place) -> Float64Array:
        """Return the second derivatives of the losses, or what stands for them on a line."""
        objective, margins = self.objective, place.products + place.intercept
        curvatures = objective.curvatures(margins)
        on_a_line = (curvatures == 0.0) & (objective.derivatives(margins) != 0.0)
        loss = objective.loss
        least = _SHARE_OF_LINES * _core.loss_smoothness(loss.name, loss.parameters)
        if on_a_line.any() and math.isfinite(least):
            curvatures = np.where(on_a_line, least, curvatures)
        return curvatures

    def _certificate(self, place: Place) -> Certificate:
        return self.objective.certify(place.w, place.intercept, None)

    def _place(self, w: Float64Array, intercept: float, products: Float64Array) -> Place:
        objective = self.objective
        intercept = objective.best_intercept(products, intercept)
        margins = products + intercept
        value = objective.mean(objective.losses(margins)) + objective.penalty(w)
        if not math.isfinite(value):
            message = f"F must stay finite, got {value} without features; rescale y and X"
            raise ValueError(message)
        objective.values.append(value)
        gradient = objective.mean_row(objective.derivatives(margins)) + objective.alpha * w
        return Place(w, intercept, products, value, gradient)

    def _bound(self, place: Place) -> float:
        if not self.objective.has_dual:
            return place.value  # as no F is negative
        of_penalty = inner(place.gradient, place.gradient) / (2.0 * self.objective.alpha)
        return min(place.value, of_penalty)

    def _follow(self, place: Place, direction: Float64Array) -> Place | None:
        """Return the lowest place on the way, or one that is low enough; None if there is none."""
        objective = self.objective
        along = objective.products(direction)
        slope = inner(place.gradient, direction)
        length, shift = self._lowest(place, direction, along)
        rounding = objective.rounding(place.value)
        for _ in range(_HALVINGS):
            w = place.w + length * direction
            margins = place.products + length * along + (place.intercept + shift)
            value = objective.mean(objective.losses(margins)) + objective.penalty(w)
            if value <= place.value + _ARMIJO * length * slope + rounding:
                if not value < place.value:
                    return None
                products = place.products + length * along
                return self._place(w, place.intercept + shift, products)
            length, shift = 0.5 * length, 0.5 * shift
        return None

    def _lowest(
        self, place: Place, direction: Float64Array, along: Float64Array
    ) -> tuple[float, float]:
        """Return about the best step length and change of the intercept; reads margins only."""
        objective = self.objective
        of_penalty = objective.alpha * inner(direction, direction)
        start = objective.alpha * inner(place.w, direction)
        length, shift = 1.0, 0.0
        for _ in range(_NEWTON_STEPS):
            margins = place.products + length * along + (place.intercept + shift)
            derivatives, curvatures = objective.derivatives(margins), objective.curvatures(margins)
            slope = objective.mean(derivatives * along) + start + length * of_penalty
            bend = objective.mean(curvatures * along * along) + of_penalty
            if objective.fit_intercept:
                slope_of_shift, bend_of_shift = (
                    objective.mean(derivatives),
                    objective.mean(curvatures),
                )
                mixed = objective.mean(curvatures * along)
                determinant = bend * bend_of_shift - mixed * mixed
                if determinant > 0.0:
                    length -= (bend_of_shift * slope - mixed * slope_of_shift) / determinant
                    shift -= (bend * slope_of_shift - mixed * slope) / determinant
                    continue
            if not bend > 0.0:
                break
            length -= slope / bend
        return (length, shift) if length > 0.0 else (1.0, 0.0)

    def _separates(self, place: Place) -> bool:
        """Return whether all rows are on their side, which no finite weights then fit best."""
        objective = self.objective
        if objective.alpha > 0.0 or objective.loss.name != "logistic":
            return False
        sides = (place.products + place.intercept) * objective.y
        if objective.sample_weight is not None:
            sides = sides[objective.sample_weight > 0.0]
        return bool(sides.min() > 0.0)

    def _end(self, found: Certificate, status: str) -> Optimum:
        return self.objective.outcome(found, status, self.method, self.events)
