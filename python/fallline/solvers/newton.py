"""Newton's method on mini-batches that grow into all rows, with a certificate at the end."""

import math
from abc import ABC, abstractmethod
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from fallline.solvers import certificate
from fallline.solvers.newton_step import NewtonStep, newton_step, shortest
from fallline.solvers.objective import Objective, Point
from fallline.typing import Float64Array, IntArray

# The first mini-batch has so many rows for each coordinate, and at least so many; the next ones
# grow by that factor. See Notes of `minimize`.
_ROWS_PER_COORDINATE: Final = 20
_FEWEST_ROWS: Final = 1000
_GROWTH: Final = 4

# A mini-batch has taught what it can when the next step promises less than this share of F.
_LEARNT: Final = 0.1

# Of the decrease that the model promises, what a step of length t must bring: this share of t.
_ARMIJO: Final = 1e-4

# Rounding error of F, as a share of the terms it is made of: in the losses, the sums of each tile,
# their sums, and the mean.
_EPS: Final = float(np.finfo(np.float64).eps)
_ROUNDING: Final = 8.0 * _EPS

# Each cut comes with the best length on the way, to a part in a million.
_MOST_CUTS: Final = 4

# F counts as at least this share of that of the model without features: of an F of nearly zero no
# gap could be a small share.
_SHARE_OF_NULL: Final = 1e-3


class Solution(NamedTuple):
    """Where Newton's method ended.

    Attributes
    ----------
    u : ndarray of shape (size,)
        The place, in the coordinates of the objective.
    status : str
        "certified" (``gap`` is a proven bound, and within the tolerance), "estimated" (the model of
        F says so, but no bound is known), "floor" (rounding errors allow no further step),
        "budget", "separable" (the classes are, and F has no minimum) or "interrupted" (Ctrl-C).
    gap : float
        Upper bound of F there less the smallest F there is; an estimate unless certified.
    allowed : float
        What it may be for the tolerance, rounding errors included.
    value : float
        F there.
    values : list of float
        F at every point of all rows.
    events : list of str
        What happened on the way, in order.
    """

    u: Float64Array
    status: str
    gap: float
    allowed: float
    value: float
    values: list[float]
    events: list[str]


def minimize(objective: Objective, start: Float64Array, *, tol: float, max_passes: int) -> Solution:
    """Minimise F of a smooth convex loss.

    Parameters
    ----------
    objective : Objective
        What to minimise.
    start : ndarray of shape (size,)
        Where to begin: the best intercept of a model without features.
    tol : float
        End when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        the model without features.
    max_passes : int
        End after so many passes over the data.

    Returns
    -------
    Solution
        A point that has been visited; of the squared loss, whose model is exact, the next one.

    Notes
    -----
    Each pass over m rows, evenly spaced, yields F, its gradient and its Hessian. The step to the
    minimum of the model is taken whole and judged by the next pass, which is also the next
    iteration; only where it fails is it shortened, by the margins of both ends. A step on part of
    the rows is followed by one on four times as many, so that all parts together cost a third of a
    pass. Growing batches after [1]_ and [2]_.

    References
    ----------
    .. [1] Mokhtari & Ribeiro (2016), "First-order adaptive sample size methods to reduce complexity
       of empirical risk minimization".
    .. [2] Dereziński, Mahajan, Keerthi, Vishwanathan & Weimer (2018), "Batch-expansion training: an
       efficient optimization framework", AISTATS.
    """
    return _Newton(objective, start, tol, max_passes).run()


class Step(Protocol):
    """What any step says of itself."""

    @property
    def direction(self) -> Float64Array:
        """What to add to the coordinates."""

    @property
    def decrement(self) -> float:
        """Twice what the model of F promises."""


StepT = TypeVar("StepT", bound=Step)


class Descent(ABC, Generic[StepT]):
    """One minimisation under way; which step it takes, and what proves its end, is left open."""

    def __init__(
        self, objective: Objective, start: Float64Array, tol: float, max_passes: int
    ) -> None:
        self.objective, self.start, self.tol, self.max_passes = objective, start, tol, max_passes
        intercept = float(start[-1]) if objective.coordinates.fit_intercept else 0.0
        self.null_value = objective.null_value(intercept)
        self.null_size = self.null_value  # of the terms that F is made of, without features
        if objective.loss.log_link:
            self.null_size += objective.mean(np.abs(objective.y)) * (1.0 + abs(intercept))
        # Of rounded margins, where they are the intercept alone: matters where F could be zero.
        size = len(start)
        self.null_rounding = 8.0 * ((size + 4) * _EPS * intercept) ** 2
        nowhere = np.empty(0)
        self.reached = Point(start, self.null_value, np.zeros(size), nowhere, nowhere)
        self.values: list[float] = []
        self.events: list[str] = []

    def run(self) -> Solution:
        """Go on until the certificate, the rounding error, the budget or Ctrl-C says stop."""
        try:
            return self._descend()
        except KeyboardInterrupt:
            return self._end(self.reached, "interrupted", math.nan)

    def _descend(self) -> Solution:
        point = self._on_parts()
        unproven = math.inf  # the smallest decrement that no certificate followed
        while True:
            self.values.append(point.value)
            if self._separates(point):
                return self._end(point, "separable", point.value)
            step = self._step(point)
            estimate = min(0.5 * step.decrement, point.value)
            if estimate <= self._allowed(point):
                bound, place = self._certify(point, step)
                if bound <= self._allowed(place):
                    gap = bound + self._rounding(place)
                    return self._end(self._refined(place, step), "certified", gap)
                if self._is_stuck(point, step, unproven):
                    return self._end(self._refined(point, step), "estimated", estimate)
                unproven = step.decrement
            if self.objective.passes >= self.max_passes:
                return self._end(point, "budget", estimate)
            following = self._follow(point, step)
            if following is None:
                status = "estimated" if estimate <= self._allowed(point) else "floor"
                return self._end(self._refined(point, step), status, estimate)
            point = following

    def _scale(self, point: Point) -> float:
        return max(point.value, _SHARE_OF_NULL * self.null_value)

    def _allowed(self, point: Point) -> float:
        return self.tol * self._scale(point) + self._rounding(point)

    def _rounding(self, point: Point) -> float:
        return _ROUNDING * (point.value + self.null_size) + self.null_rounding

    def _end(self, point: Point, status: str, gap: float) -> Solution:
        allowed = self._allowed(point)
        return Solution(point.u, status, gap, allowed, point.value, self.values, self.events)

    def _on_parts(self) -> Point:
        """Go through growing parts of the rows and return the point of all rows they lead to."""
        n, size = self.objective.n_samples, self.objective.coordinates.size
        count = max(_ROWS_PER_COORDINATE * size, _FEWEST_ROWS)
        if self.objective.loss.name == "squared":
            count = n  # all rows in one step, which arrives
        u = self.start
        while 2 * count <= n:
            rows = np.arange(0, n, n // count)
            point: Point | None = self._sound(u, rows)
            while point is not None:
                step = self._step(point)
                u = point.u + step.direction
                learnt = 0.5 * step.decrement <= _LEARNT * point.value
                point = None if learnt else self._follow(point, step, rows)
            count *= _GROWTH
        return self._sound(u, None)

    def _sound(self, u: Float64Array, rows: IntArray | None) -> Point:
        """Visit a place that other rows have led to, or the start if it is worse than that."""
        point = self.objective.at(u, rows)
        if not point.value <= self.null_value and u is not self.start:
            self.events.append("back to the start, as the first rows led astray")
            point = self.objective.at(self.start, rows)
        if not math.isfinite(point.value):
            message = f"F must stay finite, got {point.value} without features; rescale y and X"
            raise ValueError(message)
        self.reached = point
        return point

    def _follow(self, point: Point, step: Step, rows: IntArray | None = None) -> Point | None:
        """Return the next point, by a whole step or a part of it; None if F falls no further."""
        length = 1.0
        rounding = self._rounding(point)
        for _ in range(_MOST_CUTS):
            end = self.objective.at(point.u + length * step.direction, rows)
            # Nothing can promise more than F has to give.
            promised = length * min(step.decrement, point.value)
            if end.value <= point.value - _ARMIJO * promised + rounding:
                if not end.value < point.value:
                    return None
                self.reached = end
                return end
            length *= self.objective.best_step(point, end, rows)
            self.events.append(f"a step cut to {length:.1e} of its length")
        return None

    @abstractmethod
    def _step(self, point: Point) -> StepT:
        """Return the step to the minimum of the model of F."""

    @abstractmethod
    def _certify(self, point: Point, step: StepT) -> tuple[float, Point]:
        """Return a bound of the gap, and the point it is of."""

    @abstractmethod
    def _is_stuck(self, point: Point, step: StepT, unproven: float) -> bool:
        """Return whether to wait no longer for a proof; the decrement before was `unproven`."""

    @abstractmethod
    def _refined(self, point: Point, step: StepT) -> Point:
        """Improve the weights of a point at no cost in F."""

    def _separates(self, point: Point) -> bool:
        """Return whether all rows are on their side, which no finite weights then fit best."""
        objective = self.objective
        if objective.l2 > 0.0 or objective.l1.any() or objective.loss.name != "logistic":
            return False
        sides = point.margins * objective.y
        if objective.sample_weight is not None:
            sides = sides[objective.sample_weight > 0.0]
        return bool(sides.min() > 0.0)


class _Newton(Descent[NewtonStep]):
    def _step(self, point: Point) -> NewtonStep:
        return newton_step(point)

    def _certify(self, point: Point, step: NewtonStep) -> tuple[float, Point]:
        objective, place = self.objective, point
        if objective.loss.name in certificate.BY_DECREMENT:
            bound = certificate.gap_by_decrement(objective, step)
        else:
            place = objective.with_best_intercept(point)
            bound = certificate.gap_by_penalty(objective, place)
        bound = min(bound, place.value)  # as no F is negative
        return certificate.with_rounding(objective, point, bound), place

    def _is_stuck(self, _: Point, step: NewtonStep, unproven: float) -> bool:
        return step.decrement > 0.5 * unproven

    def _refined(self, point: Point, step: NewtonStep) -> Point:
        if self.objective.loss.name == "squared":  # whose model is F itself
            point = point._replace(u=point.u + step.direction)
        u = shortest(point, step, len(self.objective.coordinates.mean))
        if u is point.u:
            return point
        short = self.objective.at(u, hessian=False)
        return short if short.value <= point.value + self._rounding(point) else point
