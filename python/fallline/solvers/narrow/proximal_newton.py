"""Proximal Newton's method: the model of F has an L1 term, and a duality gap proves its end."""

from typing import NamedTuple

from fallline import _core
from fallline.solvers.narrow.certificate import with_rounding
from fallline.solvers.narrow.descent import Descent, Solution
from fallline.solvers.narrow.duality import duality_gap
from fallline.solvers.narrow.objective import Objective, Point
from fallline.typing import Float64Array


class _ProximalStep(NamedTuple):
    direction: Float64Array
    decrement: float


def minimize(objective: Objective, start: Float64Array, *, tol: float, max_passes: int) -> Solution:
    """Minimise F of a smooth convex loss with an L1 term.

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
        A point that has been visited.

    Notes
    -----
    As Newton's method in `newton.minimize`, on the same growing parts of the rows, but the step
    leads to the minimum of the quadratic model plus the L1 term [1]_. Coordinate descent on the
    Hessian finds which weights are zero, and a direct solution the others: no row is read for it.

    References
    ----------
    .. [1] Lee, Sun & Saunders (2014), "Proximal Newton-type methods for minimizing composite
       functions", SIAM Journal on Optimization 24(3), algorithm 1.
    """
    return _ProximalNewton(objective, start, tol, max_passes).run()


class _ProximalNewton(Descent[_ProximalStep]):
    def _step(self, point: Point) -> _ProximalStep:
        v, decrease = _core.l1_quadratic(point.hessian, point.gradient, self.objective.l1, point.u)
        return _ProximalStep(v - point.u, 2.0 * decrease)

    def _is_lost(self, _: Point, __: _ProximalStep) -> bool:
        return False

    def _certify(self, point: Point, step: _ProximalStep) -> tuple[float, Point]:
        bound = self._bound(point, point)
        if bound <= self._allowed(point):
            return bound, point
        # The gap falls as the root of what F has yet to fall: one more step, without its Hessian.
        end = self.objective.at(point.u + step.direction, hessian=False)
        return self._bound(end, point), end

    def _bound(self, point: Point, curved: Point) -> float:
        gap = min(duality_gap(self.objective, point, curved), point.value)  # no F is negative
        return with_rounding(self.objective, point._replace(hessian=curved.hessian), gap)

    def _has_waited(self, point: Point, step: _ProximalStep, unproven: float) -> bool:
        # Far from its model F falls slowly but surely, as of classes that can nearly be separated.
        is_rounding = 0.5 * step.decrement <= self.tolerance.rounding(point.value)
        return is_rounding and step.decrement > 0.5 * unproven

    def _refined(self, point: Point, _: _ProximalStep) -> Point:
        return point
