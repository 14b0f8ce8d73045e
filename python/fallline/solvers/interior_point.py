"""A primal-dual interior-point method, for losses with kinks or a curvature that jumps."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.descent import Solution
from fallline.solvers.dual_boxes import DualBoxes, dual_boxes
from fallline.solvers.newton_step import NewtonStep, newton_step, solve_again
from fallline.solvers.objective import EPS, Objective, Point
from fallline.solvers.row_sums import margins, normal_equations
from fallline.solvers.tolerance import Tolerance
from fallline.typing import Float64Array, FloatArray, IntArray

# Share of the way to the nearest wall that a step takes.
_TO_THE_WALL: Final = 0.995

# Steps shorter than this lead nowhere: rounding errors have taken over.
_SHORTEST: Final = 1e-6


class _State(NamedTuple):
    """Where the iteration is: weights, and for each row its margin, dual variables and forces.

    Attributes
    ----------
    u : ndarray of shape (size,)
        Weights in the coordinates of the objective.
    z : ndarray of shape (n_rows,)
        Their margins.
    d : ndarray of shape (n_arms, n_rows)
        Dual variables, inside their boxes.
    to_lower, to_upper : ndarray of shape (n_arms, n_rows)
        How far the walls of the boxes are, positive, which the difference to a wall may no longer
        be once it is rounded; 1 of a wall at infinity.
    below, above : ndarray of shape (n_arms, n_rows)
        Forces that the walls push with; positive, and 0 of a wall at infinity.
    """

    u: Float64Array
    z: Float64Array
    d: Float64Array
    to_lower: Float64Array
    to_upper: Float64Array
    below: Float64Array
    above: Float64Array

    def moved(self, by: "_State", length: float, dual_length: float) -> "_State":
        """Return the state after a step, whose dual variables go another part of the way."""
        return _State(
            self.u + length * by.u,
            self.z + length * by.z,
            self.d + dual_length * by.d,
            self.to_lower + dual_length * by.to_lower,
            self.to_upper + dual_length * by.to_upper,
            self.below + length * by.below,
            self.above + length * by.above,
        )


def minimize(objective: Objective, start: Float64Array, *, tol: float, max_passes: int) -> Solution:
    """Minimise F of a loss that is a largest of parabolas or lines.

    Parameters
    ----------
    objective : Objective
        What to minimise; a loss that has `dual_boxes`.
    start : ndarray of shape (size,)
        The best intercept of a model without features.
    tol : float
        End when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        the model without features.
    max_passes : int
        End after so many passes over the data.

    Returns
    -------
    Solution
        With the duality gap as its bound.

    Notes
    -----
    With d the dual variables in boxes [l, u], at the optimum

        mean(d x) + R w = 0,   z - q d - c + a - b = 0,   a (d - l) = b (u - d) = 0,   a, b >= 0,

    R being the curvature of the penalty. The products are kept at a common mu, which falls to zero:
    each iteration solves a weighted least-squares problem, first for mu = 0, and again with the mu
    that this step shows to be in reach and the products of its changes [1]_. An iteration reads the
    data four times, and once of them for a Hessian. For quantiles this is the method of [2]_.

    References
    ----------
    .. [1] Mehrotra (1992), "On the implementation of a primal-dual interior point method", SIAM
       Journal on Optimization 2(4).
    .. [2] Portnoy & Koenker (1997), "The Gaussian hare and the Laplacian tortoise: computability of
       squared-error versus absolute-error estimators", Statistical Science 12(4).
    """
    return _InteriorPoint(objective, start, Tolerance(objective, start, tol)).run(max_passes)


class _InteriorPoint:
    """One minimisation under way."""

    def __init__(self, objective: Objective, start: Float64Array, tolerance: Tolerance) -> None:
        self.objective, self.tolerance = objective, tolerance
        s, y = objective.sample_weight, objective.y
        self.rows = None if s is None else np.flatnonzero(s)
        self.s = np.ones(objective.n_samples) if s is None else s[self.rows]
        self.boxes = boxes = dual_boxes(objective.loss, y if s is None else y[self.rows])
        n_walls = (boxes.has_lower.astype(np.float64) + boxes.has_upper).sum(axis=0)
        self.n_walls = inner(self.s, n_walls)
        z = margins(objective, start, self.rows)
        d = boxes.centre()
        pull = z - boxes.q * d - boxes.c
        least = float(np.abs(pull).mean()) or 1.0  # for products of about the same size
        below = boxes.has_lower * (np.maximum(-pull, 0.0) + least)
        above = boxes.has_upper * (np.maximum(pull, 0.0) + least)
        self.state = _State(start.copy(), z, d, *boxes.distances(d), below, above)
        self.residual = self._verified()
        self.values: list[float] = []

    def run(self, max_passes: int) -> Solution:
        """Go on until the gap, the rounding error, the budget or Ctrl-C says stop."""
        status, gap = "", 1.0
        try:
            while not status:
                with np.errstate(all="ignore"):  # of distances too small for numbers; see `_step`
                    length = self._step()
                stuck = length < _SHORTEST or self._mu(self.state) < EPS * gap
                value, gap = self._value_and_gap()
                if stuck or gap <= self.tolerance.allowed(value):
                    self.residual = self._verified()
                    value, gap = self._value_and_gap()
                    if gap <= self.tolerance.allowed(value):
                        status, gap = "certified", gap + self.tolerance.rounding(value)
                    elif stuck:
                        status = "floor"
                elif self.objective.passes >= max_passes:
                    status = "budget"
                elif self.objective.observe(self.state.u, value):
                    status = "stopped"
                self.values.append(value)
        except KeyboardInterrupt:
            status, gap = "interrupted", math.nan
            value = self.values[-1] if self.values else self.tolerance.null_value
        allowed = self.tolerance.allowed(value)
        return Solution(self.state.u, status, gap, allowed, value, self.values, [])

    def _losses(self, z: Float64Array) -> FloatArray:
        loss, y = self.objective.loss, self.objective.y
        y = y if self.rows is None else y[self.rows]
        return _core.loss_values(loss.name, z, y, loss.parameters)

    def _mean(self, of_rows: FloatArray) -> float:
        return inner(self.s, of_rows) / float(self.s.sum())

    def _mu(self, state: _State) -> float:
        """Return the mean product of a distance from a wall and the force of that wall."""
        products = state.below * state.to_lower + state.above * state.to_upper
        return inner(self.s, products.sum(axis=0)) / self.n_walls

    def _step(self) -> float:
        """Go one step, and return the part of it that was possible."""
        state, mu = self.state, self._mu(self.state)
        equations = _Equations(self.objective, self.boxes, state, self.s, self.rows)
        affine = equations.solve(0.0, 0.0)
        reached = state.moved(affine, *(min(1.0, t) for t in self._lengths(affine)))
        wanted = mu * (self._mu(reached) / mu) ** 3
        change = equations.solve(wanted - affine.d * affine.below, wanted + affine.d * affine.above)
        if not all(np.isfinite(part).all() for part in change):
            return 0.0
        length, of_duals = (min(1.0, _TO_THE_WALL * t) for t in self._lengths(change))
        self.state = state.moved(change, length, of_duals)
        # A whole step solves the equation; what is left is of the parts that were not possible.
        self.residual *= 1.0 - of_duals
        self.residual += (length - of_duals) * self.objective.ridge * change.u
        return min(length, of_duals)

    def _lengths(self, change: _State) -> tuple[float, float]:
        """Return how many times forces, and dual variables, can change before one is at its end."""
        state = self.state
        of_forces = min(_longest(state.below, change.below), _longest(state.above, change.above))
        to_lower = _longest(state.to_lower, change.to_lower)
        return of_forces, min(to_lower, _longest(state.to_upper, change.to_upper))

    def _verified(self) -> Float64Array:
        """Compute the residual of the first equation, and the margins, free of earlier rounding."""
        u = self.state.u
        self.state = self.state._replace(z=margins(self.objective, u, self.rows))
        d = self.state.d.sum(axis=0)
        gradient, _ = normal_equations(self.objective, self.s * d, self.s, self.rows, hessian=False)
        return gradient + self.objective.ridge * u

    def _value_and_gap(self) -> tuple[float, float]:
        """Return F and what it is above the dual objective."""
        u, z, d = self.state.u, self.state.z, self.state.d
        losses = self._losses(z)
        of_arms = (d * (z - self.boxes.c - 0.5 * self.boxes.q * d)).sum(axis=0)
        ridge, residual = self.objective.ridge, self.residual
        square = np.divide(residual**2, ridge, out=np.zeros_like(ridge), where=ridge > 0.0)
        sizes = self.objective.coordinates.terms(u)
        free = np.where(ridge > 0.0, 0.0, np.abs(residual) * sizes)
        # The margins are rounded, and d times them is what the gap is made of.
        largest = math.sqrt(self._mean((d**2).sum(axis=0)))
        rounding = (len(u) + 4) * EPS * largest * float(sizes.sum())
        gap = self._mean(losses - of_arms) + 0.5 * float(square.sum()) + float(free.sum())
        return self._mean(losses) + self.objective.penalty(u), gap + rounding


class _Equations:
    """The linear equations of one iteration: weighted least squares with one Hessian."""

    def __init__(
        self,
        objective: Objective,
        boxes: DualBoxes,
        state: _State,
        s: Float64Array,
        rows: IntArray | None,
    ) -> None:
        self.objective, self.boxes, self.state, self.rows = objective, boxes, state, rows
        walls = state.below / state.to_lower + state.above / state.to_upper
        self.curvatures = 1.0 / (boxes.q + walls)
        self.total = self.curvatures.sum(axis=0)
        self.s = s
        self.pull = state.z - boxes.q * state.d - boxes.c + state.below - state.above
        self.step: NewtonStep | None = None

    def solve(self, below: float | Float64Array, above: float | Float64Array) -> _State:
        """Return the change after which distances times forces are what is given."""
        state, boxes = self.state, self.boxes
        of_lower = boxes.has_lower * below - state.below * state.to_lower
        of_upper = boxes.has_upper * above - state.above * state.to_upper
        pull = self.pull + of_lower / state.to_lower - of_upper / state.to_upper
        wanted = (state.d + self.curvatures * pull).sum(axis=0)
        gradient, hessian = normal_equations(
            self.objective,
            self.s * wanted,
            self.s * self.total,
            self.rows,
            hessian=self.step is None,
        )
        gradient += self.objective.ridge * state.u
        if self.step is None:
            with self.objective.solving:
                self.step = newton_step(Point(state.u, 0.0, gradient, hessian, state.z))
            u = self.step.direction
        else:
            u = solve_again(self.step, gradient)
        z = margins(self.objective, u, self.rows)
        d = self.curvatures * (z + pull)
        return _State(
            u,
            z,
            d,
            boxes.has_lower * d,
            boxes.has_upper * -d,
            (of_lower - state.below * d) / state.to_lower,
            (of_upper + state.above * d) / state.to_upper,
        )


def _longest(positive: Float64Array, change: Float64Array) -> float:
    """Return how many times a change can be made before one of the numbers is zero."""
    falls = change < 0.0
    times = np.divide(positive, -change, out=np.full_like(positive, np.inf), where=falls)
    return float(times.min())
