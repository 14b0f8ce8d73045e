"""Second-order descent on mini-batches that grow into all rows, until a certificate ends it."""

import math
from abc import ABC, abstractmethod
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from fallline.solvers.narrow.objective import Objective, Point
from fallline.solvers.narrow.tolerance import Tolerance
from fallline.typing import Float64Array, IntArray

# The first mini-batch has so many rows for each coordinate, and at least so many; the next ones
# grow by that factor. See Notes of `minimize`.
ROWS_PER_COORDINATE: Final = 20
FEWEST_ROWS: Final = 1000
GROWTH: Final = 4

# A mini-batch has taught what it can when the next step promises less than this share of F, and
# than coordinates over rows: twice what D coordinates fitted to the noise of m rows make of a mean
# log-likelihood (Wilks 1938).
_LEARNT: Final = 0.1

# Of the decrease that the model promises, what a step of length t must bring: this share of t.
_ARMIJO: Final = 1e-4

# Where the gap is expected to be such a share of what it may be, no Hessian will be wanted; where
# it may be such a multiple of that, it is worth a look.
_SURELY: Final = 0.1
_PERHAPS: Final = 100.0

# Each cut comes with the best length on the way, to a part in a million.
_MOST_CUTS: Final = 4


class Solution(NamedTuple):
    """Where Newton's method ended.

    Attributes
    ----------
    u : ndarray of shape (size,)
        The place, in the coordinates of the objective.
    status : str
        "certified" (``gap`` is a proven bound, and within the tolerance), "estimated" (the model of
        F says so, but no bound is known), "floor" (rounding errors allow no further step),
        "budget", "separable" (the classes are, and F has no minimum), "stuck" (the curvature of the
        losses jumps too much for Newton's model), "stopped" (by `Objective.observe`) or
        "interrupted" (Ctrl-C).
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


class Step(Protocol):
    """What any step says of itself."""

    @property
    def direction(self) -> Float64Array:
        """What to add to the coordinates."""

    @property
    def decrement(self) -> float:
        """Twice what the model of F promises."""


StepT = TypeVar("StepT", bound=Step)


class Taken(NamedTuple, Generic[StepT]):
    """A whole step from a point of all rows.

    Attributes
    ----------
    before : Point
        Where it began.
    step : Step
        The step.
    expected : float
        What the gap is likely to be after it; infinity where nothing is known.
    """

    before: Point
    step: StepT
    expected: float


class Descent(ABC, Generic[StepT]):
    """One minimisation under way; which step it takes, and what proves its end, is left open."""

    def __init__(
        self, objective: Objective, start: Float64Array, tol: float, max_passes: int
    ) -> None:
        self.objective, self.start, self.max_passes = objective, start, max_passes
        self.tolerance = Tolerance(objective, tol)
        self.cuts = 0
        self.proofs_failed = 0
        self.is_in_reach = True  # a proof by the step before, as far as is known
        nowhere = np.empty(0)
        null_value = self.tolerance.null_value
        self.reached = Point(start, null_value, np.zeros(len(start)), nowhere, nowhere)
        self.taken: Taken[StepT] | None = None
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
            if self.objective.separates(point):
                return self._end(point, "separable", point.value)
            if self.taken is not None and self.taken.expected <= _PERHAPS * self._allowed(point):
                bound = self._prove(self.taken, point)
                self.is_in_reach = bound < point.value
                if bound <= self._allowed(point):
                    place = point._replace(hessian=self.taken.before.hessian)
                    return self._end_proven(place, self.taken.step, bound)
            if not point.hessian.size:
                self.proofs_failed += 1
                point = self.objective.at(point.u)
            with self.objective.solving:
                step = self._step(point)
            if self._is_lost(point, step):
                return self._end(point, "stuck", math.inf)
            estimate = min(0.5 * step.decrement, point.value)
            if self.objective.observe(point.u, point.value):
                return self._end(point, "stopped", estimate)
            if estimate <= self._allowed(point) and not self._awaits_proof(step):
                certified = self._certified(point, step)
                if certified is not None:
                    return certified
                if self._has_waited(point, step, unproven):
                    return self._end(self._refined(point, step), "estimated", estimate)
                unproven = step.decrement
            if self.objective.passes >= self.max_passes:
                return self._end(point, "budget", estimate)
            bound, place = self._foresee(point, step)
            if bound <= self._allowed(place):
                self.values.append(place.value)
                return self._end_proven(place, step, bound)
            following = self._follow(point, self._completed(point, step, None))
            if following is None:
                if estimate > self._allowed(point):
                    return self._end(self._refined(point, step), "floor", estimate)
                certified = self._certified(point, step) if self._awaits_proof(step) else None
                return certified or self._end(self._refined(point, step), "estimated", estimate)
            point = following

    def _certified(self, point: Point, step: StepT) -> Solution | None:
        """Return the end at a point if a bound of its own proves it."""
        bound, place = self._certify(point, step)
        if bound > self._allowed(place):
            return None
        gap = bound + self.tolerance.rounding(place.value)
        return self._end(self._refined(place, step), "certified", gap)

    def _allowed(self, point: Point) -> float:
        return self.tolerance.allowed(point.value)

    def _end(self, point: Point, status: str, gap: float) -> Solution:
        allowed = self._allowed(point)
        return Solution(point.u, status, gap, allowed, point.value, self.values, self.events)

    def _end_proven(self, point: Point, step: StepT, bound: float) -> Solution:
        """End where a step has led, unless somebody asks for an end without a proof."""
        if self.objective.observe(point.u, point.value):
            return self._end(point, "stopped", bound)
        gap = bound + self.tolerance.rounding(point.value)
        return self._end(self._refined(point, step), "certified", gap)

    def _on_parts(self) -> Point:
        """Go through growing parts of the rows and return the point of all rows they lead to."""
        n, size = self.objective.n_samples, self.objective.size
        count = max(ROWS_PER_COORDINATE * size, FEWEST_ROWS)
        if self.objective.loss.name == "squared":
            count = n  # all rows in one step, which arrives
        u = self.start
        while 2 * count <= n:
            rows = np.arange(0, n, n // count)
            point: Point | None = self._sound(u, rows)
            while point is not None:
                with self.objective.solving:
                    step = self._step(point)
                if self._is_lost(point, step):
                    return point
                step = self._completed(point, step, rows)
                u = point.u + step.direction
                enough = min(_LEARNT * point.value, self.objective.size / len(rows))
                learnt = 0.5 * step.decrement <= enough
                point = None if learnt else self._follow(point, step, rows)
            count *= GROWTH
        return self._sound(u, None)

    def _sound(self, u: Float64Array, rows: IntArray | None) -> Point:
        """Visit a place that other rows have led to, or the start if it is worse than that."""
        point = self.objective.at(u, rows)
        if not point.value <= self.tolerance.null_value and u is not self.start:
            self.events.append("back to the start, as the first rows led astray")
            point = self.objective.at(self.start, rows)
        if not math.isfinite(point.value):
            message = f"F must stay finite, got {point.value} without features; rescale y and X"
            raise ValueError(message)
        self.reached = point
        return point

    def _follow(self, point: Point, step: StepT, rows: IntArray | None = None) -> Point | None:
        """Return the next point, by a whole step or a part of it; None if F falls no further."""
        length = 1.0
        rounding = self.tolerance.rounding(point.value)
        expected = math.inf if rows is not None else self._expected_gap(point, step)
        hessian = not self.is_in_reach or expected > _SURELY * self._allowed(point)
        self.taken = None
        for _ in range(_MOST_CUTS):
            u = point.u + length * step.direction
            if self.objective.loss.name == "squared":  # whose Hessian is the same everywhere
                end = self.objective.at(u, rows, hessian=False)._replace(hessian=point.hessian)
            else:
                end = self.objective.at(u, rows, hessian=hessian)
            # Nothing can promise more than F has to give.
            promised = length * min(step.decrement, point.value)
            if end.value <= point.value - _ARMIJO * promised + rounding:
                if not end.value < point.value:
                    return None
                if rows is None and length == 1.0:
                    self.taken = Taken(point, step, expected)
                self.reached = end
                return end
            length *= self.objective.best_step(point, end, rows)
            self.events.append(f"a step cut to {length:.1e} of its length")
            self.cuts += 1
        return None

    @abstractmethod
    def _step(self, point: Point) -> StepT:
        """Return the step to the minimum of the model of F."""

    def _completed(
        self,
        point: Point,  # noqa: ARG002 - of others
        step: StepT,
        rows: IntArray | None,  # noqa: ARG002 - of others
    ) -> StepT:
        """Return the step to take, where the model can be made a better one at little cost."""
        return step

    @abstractmethod
    def _is_lost(self, point: Point, step: StepT) -> bool:
        """Return whether the model is of no use."""

    def _awaits_proof(self, step: StepT) -> bool:  # noqa: ARG002 - of others
        """Return whether the next visit is likely to prove where it is."""
        return False

    def _expected_gap(self, point: Point, step: StepT) -> float:  # noqa: ARG002 - of others
        """Return what the gap is likely to be after the step, if it can then be proven."""
        return math.inf

    def _foresee(self, point: Point, step: StepT) -> tuple[float, Point]:  # noqa: ARG002 - of others
        """Return a bound of the gap where the step leads without a visit there, and that point."""
        return math.inf, point

    def _prove(self, taken: Taken[StepT], point: Point) -> float:  # noqa: ARG002 - of others
        """Return a bound of the gap that the step before has brought about; may be infinite."""
        return math.inf

    @abstractmethod
    def _certify(self, point: Point, step: StepT) -> tuple[float, Point]:
        """Return a bound of the gap, and the point it is of."""

    @abstractmethod
    def _has_waited(self, point: Point, step: StepT, unproven: float) -> bool:
        """Return whether to wait no longer for a proof; the decrement before was `unproven`."""

    @abstractmethod
    def _refined(self, point: Point, step: StepT) -> Point:
        """Improve the weights of a point at no cost in F."""
