"""Newton's method on mini-batches that grow into all rows, with a certificate at the end."""

import math
from typing import Final

from fallline.solvers.narrow import certificate
from fallline.solvers.narrow.descent import Descent, Solution, Taken
from fallline.solvers.narrow.misfits import with_misfits
from fallline.solvers.narrow.newton_step import TINY, NewtonStep, newton_step, shortest
from fallline.solvers.narrow.objective import Objective, Point
from fallline.solvers.narrow.triangular_step import Triangle
from fallline.typing import Float64Array, IntArray

# More steps cut than these, of losses whose curvature jumps, say that Newton's model is no use.
_ENOUGH_CUTS: Final = 5

# What the model of the squared loss promises needs no visit where its equations lose few digits
# and F is not nearly all gone.
_FEW_DIGITS_LOST: Final = 1e-10
_MUCH_LEFT: Final = 1e-5

# The bound by self-concordance holds up to 1. Beyond so much, with a leverage of before, there is
# no need to see that it does not.
_FAR: Final = 4.0

# After so many visits in vain no more are made for nothing but a proof.
_MOST_FAILED: Final = 2


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


class _Newton(Descent[NewtonStep]):
    @property
    def _jumps(self) -> bool:
        """Whether the curvature of the loss does."""
        return self.objective.loss.name in certificate.BY_DUALITY

    _triangle: Triangle | None = None
    _foreseen: Float64Array | None = None  # where the last step is bound to have led

    def _step(self, point: Point) -> NewtonStep:
        if self._triangle is not None:
            return self._triangle.step(self.objective, point)
        step = newton_step(point)
        if not step.is_singular or self.objective.loss.name != "squared":
            return step
        self.events.append("columns are nearly combinations of others: on by reflections")
        self._triangle = Triangle(self.objective, step.scale)
        return self._triangle.step(self.objective, point)

    def _completed(self, point: Point, step: NewtonStep, rows: IntArray | None) -> NewtonStep:
        if self.objective.loss.name != "logistic":
            return step
        return with_misfits(self.objective, point, step, rows)

    def _can_prove(self, step: NewtonStep) -> bool:
        if self.objective.loss.name not in certificate.BY_MODEL:
            return False
        return self.proofs_failed < _MOST_FAILED and certificate.is_bounded(self.objective, step)

    def _awaits_proof(self, step: NewtonStep) -> bool:
        return self.is_in_reach and self._can_prove(step)

    def _expected_gap(self, point: Point, step: NewtonStep) -> float:
        if not self._can_prove(step):
            return math.inf
        # Newton's method squares the gap, times a factor that the step before has shown.
        estimate, factor = 0.5 * step.decrement, 1.0 / max(point.value, TINY)
        if self.taken is not None and self.taken.step.decrement > 0.0:
            factor = max(factor, estimate / (0.5 * self.taken.step.decrement) ** 2)
        return factor * estimate * estimate

    def _foresee(self, point: Point, step: NewtonStep) -> tuple[float, Point]:
        if self.objective.loss.name != "squared" or step.uncertainty > _FEW_DIGITS_LOST:
            return math.inf, point
        value = point.value - 0.5 * step.decrement
        if value < _MUCH_LEFT * point.value:  # the difference has lost digits
            return math.inf, point
        bound = certificate.gap_ahead(point, step)
        self._foreseen = point.u + step.direction
        place = point._replace(u=self._foreseen, value=value)
        return certificate.with_rounding(self.objective, place, bound), place

    def _prove(self, taken: Taken[NewtonStep], point: Point) -> float:
        bound = certificate.gap_by_model(self.objective, taken.before, taken.step, point)
        place = point._replace(hessian=taken.before.hessian)
        return certificate.with_rounding(self.objective, place, min(bound, point.value))

    def _is_lost(self, point: Point, step: NewtonStep) -> bool:
        return self._jumps and (self.cuts > _ENOUGH_CUTS or not step.is_sound(point))

    def _certify(self, point: Point, step: NewtonStep) -> tuple[float, Point]:
        if self._jumps:
            bound = certificate.gap_by_duality(self.objective, point, step)
        elif self.objective.leverage * step.decrement >= _FAR:
            bound = math.inf
        else:
            bound = certificate.gap_by_decrement(self.objective, step)
        bound = min(bound, point.value)  # as no F is negative
        return certificate.with_rounding(self.objective, point, bound), point

    def _has_waited(self, _: Point, step: NewtonStep, unproven: float) -> bool:
        return step.decrement > 0.5 * unproven

    def _refined(self, point: Point, step: NewtonStep) -> Point:
        if self.objective.loss.name == "squared" and point.u is not self._foreseen:
            point = point._replace(u=point.u + step.direction)  # as the model is F itself
        u = shortest(point, step, self.objective.weighed)
        if u is point.u:
            return point
        short = self.objective.at(u, hessian=False)
        rounding = self.tolerance.rounding(point.value)
        return short if short.value <= point.value + rounding else point
