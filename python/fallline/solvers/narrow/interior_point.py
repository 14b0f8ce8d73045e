"""A primal-dual interior-point method, for losses with kinks or a curvature that jumps."""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from fallline._standardization import inner
from fallline.solvers.narrow.descent import Solution
from fallline.solvers.narrow.newton_step import NewtonStep, newton_step, solve_again
from fallline.solvers.narrow.objective import EPS, Objective, Point
from fallline.solvers.narrow.row_parts import Part, whole
from fallline.solvers.narrow.tolerance import Tolerance
from fallline.typing import Float64Array

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
    tolerance = Tolerance(objective, tol)
    rows = whole(objective)
    return InteriorPoint(rows, far_off(rows, start)).run(tolerance, max_passes)


def far_off(part: Part, u: Float64Array) -> _State:
    """Return a state to begin with where nothing is known of the minimum."""
    boxes = part.boxes
    z, d = part.margins(u), boxes.centre()
    pull = z - boxes.q * d - boxes.c
    least = float(np.abs(pull).mean()) or 1.0  # for products of about the same size
    below = boxes.has_lower * (np.maximum(-pull, 0.0) + least)
    above = boxes.has_upper * (np.maximum(pull, 0.0) + least)
    return _State(u.copy(), z, d, *boxes.distances(d), below, above)


def near_path(part: Part, u: Float64Array, z: Float64Array, mu: float) -> _State:
    """Return a state all of whose products are mu, of weights and their margins.

    It is on the central path if the first equation holds as well, and where it nearly does close to
    it. The slopes of the loss would be dual variables at the walls, from where steps are short.
    """
    d, to_lower, to_upper = part.boxes.central(z, mu)
    return _State(u.copy(), z, d, to_lower, to_upper, mu / to_lower, mu / to_upper)


class InteriorPoint:
    """One minimisation under way."""

    def __init__(self, part: Part, state: _State) -> None:
        self.part, self.objective = part, part.objective
        self.s, self.boxes = part.s, part.boxes
        n_walls = (self.boxes.has_lower.astype(np.float64) + self.boxes.has_upper).sum(axis=0)
        self.n_walls = inner(self.s, n_walls)
        self.state = state
        self.residual = part.residual(state.u, state.d)
        self.values: list[float] = []

    def run(self, tolerance: Tolerance, max_passes: int) -> Solution:
        """Go on until the gap, the rounding error, the budget or Ctrl-C says stop; of all rows."""
        status, gap = "", 1.0
        try:
            while not status:
                stuck = self.advance(gap)
                value, gap = self.value_and_gap()
                if stuck or gap <= tolerance.allowed(value):
                    self.residual = self._verified()
                    value, gap = self.value_and_gap()
                    if gap <= tolerance.allowed(value):
                        status, gap = "certified", gap + tolerance.rounding(value)
                    elif stuck:
                        status = "floor"
                elif self.objective.passes >= max_passes:
                    status = "budget"
                elif self.objective.observe(self.state.u, value):
                    status = "stopped"
                self.values.append(value)
        except KeyboardInterrupt:
            status, gap = "interrupted", math.nan
            value = self.values[-1] if self.values else tolerance.null_value
        allowed = tolerance.allowed(value)
        return Solution(self.state.u, status, gap, allowed, value, self.values, [])

    def approach(self, allowed: Callable[[float], float], max_passes: int) -> None:
        """Go on until the gap is what F allows, or rounding errors or the budget say stop."""
        value, gap = self.value_and_gap()
        while gap > allowed(value) and self.objective.passes < max_passes:
            if self.advance(gap):
                break
            value, gap = self.value_and_gap()

    def advance(self, gap: float) -> bool:
        """Go one step, and return whether there is none to go to: rounding errors took over."""
        with np.errstate(all="ignore"):  # of distances too small for numbers; see `_step`
            length = self._step()
        return length < _SHORTEST or self._mu(self.state) < EPS * gap

    def _mu(self, state: _State) -> float:
        """Return the mean product of a distance from a wall and the force of that wall."""
        products = state.below * state.to_lower + state.above * state.to_upper
        return inner(self.s, products.sum(axis=0)) / self.n_walls

    def _step(self) -> float:
        """Go one step, and return the part of it that was possible."""
        state, mu = self.state, self._mu(self.state)
        equations = _Equations(state, self.part)
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
        self.state = self.state._replace(z=self.part.margins(u))
        return self.part.residual(u, self.state.d)

    def value_and_gap(self) -> tuple[float, float]:
        """Return F and what it is above the dual objective."""
        state = self.state
        return self.part.value_and_gap(state.u, state.z, state.d, self.residual)


class _Equations:
    """The linear equations of one iteration: weighted least squares with one Hessian."""

    def __init__(self, state: _State, part: Part) -> None:
        self.state, self.part = state, part
        self.boxes = boxes = part.boxes
        walls = state.below / state.to_lower + state.above / state.to_upper
        self.curvatures = 1.0 / (boxes.q + walls)
        self.total = self.curvatures.sum(axis=0)
        self.pull = state.z - boxes.q * state.d - boxes.c + state.below - state.above
        self.step: NewtonStep | None = None

    def solve(self, below: float | Float64Array, above: float | Float64Array) -> _State:
        """Return the change after which distances times forces are what is given."""
        state, boxes = self.state, self.boxes
        of_lower = boxes.has_lower * below - state.below * state.to_lower
        of_upper = boxes.has_upper * above - state.above * state.to_upper
        pull = self.pull + of_lower / state.to_lower - of_upper / state.to_upper
        wanted = (state.d + self.curvatures * pull).sum(axis=0)
        gradient, hessian = self.part.sums(wanted, self.total, hessian=self.step is None)
        gradient += self.part.objective.ridge * state.u
        if self.step is None:
            with self.part.objective.solving:
                self.step = newton_step(Point(state.u, 0.0, gradient, hessian, state.z))
            u = self.step.direction
        else:
            u = solve_again(self.step, gradient)
        z = self.part.margins(u)
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
    fastest = float(np.fmax.reduce(-change / positive, axis=None))  # 0 / 0 of a wall at infinity
    return 1.0 / fastest if fastest > 0.0 else math.inf
