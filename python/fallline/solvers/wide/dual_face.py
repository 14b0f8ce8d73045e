"""Damped Newton steps among the dual variables that are between their bounds."""

from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import Matrix
from fallline.solvers.narrow.dual_boxes import dual_boxes
from fallline.solvers.narrow.second_order import KINKED
from fallline.solvers.wide.penalized import PenalizedObjective
from fallline.solvers.wide.rows import rows_of, share_of_rows
from fallline.typing import Float64Array, IntArray

# Losses that are solved in their duals to the end, of which many are at bounds. The two smooth ones
# may be nearly separable: squared hinge on r8 was at 2e-5 after 4,000 passes of L-BFGS.
SOLVED_IN_DUAL: Final = KINKED | {"squared_hinge", "modified_huber"}

# Passes of a step without conjugate gradients, if all dual variables are free: margins, the first
# residual, and the halvings of its length.
LEAST_PASSES: Final = 17.0

# Conjugate gradients end at this share of the residual, or after so many passes over the data, up
# to a limit twice as many after each whole step. What they lack is left to what comes after.
_RESIDUAL: Final = 1e-2
_MOST_PASSES: Final = 10.0
_MOST_GROWN: Final = 80.0

# The damping changes by a factor: down after a whole step, up after one cut below a quarter.
_DAMPING_FACTOR: Final = 4.0
_SHORT: Final = 0.25
_SHORTEST: Final = 1e-4

_ARMIJO: Final = 1e-4

_EPS: Final = float(np.finfo(np.float64).eps)


class _Face(NamedTuple):
    """The rows whose dual variables are free, and what is to be solved among them.

    Attributes
    ----------
    rows : ndarray of shape (n_free,)
        Their numbers.
    X : ndarray or CsrMatrix of shape (n_free, n_features)
        A copy of them.
    share : float
        How much of a pass one over them is.
    s : ndarray of shape (n_free,)
        Their weights.
    lower, upper : ndarray of shape (n_free,)
        Bounds of their dual variables.
    slope : ndarray of shape (n_free,)
        Of the dual objective, per weight: what the margin lacks to be where the dual variable is a
        derivative of the loss.
    """

    rows: IntArray
    X: Matrix
    share: float
    s: Float64Array
    lower: Float64Array
    upper: Float64Array
    slope: Float64Array


class DualFace:
    """Steps on the face of the box of the dual variables that they are in.

    Parameters
    ----------
    objective : PenalizedObjective
        Of a loss that has `dual_boxes`.
    rate, intercept_rate : float
        Of the weights to the sum of ``s a x``, and of the intercept to that of ``s a``.

    Notes
    -----
    Coordinate ascent soon finds which dual variables are at a bound, and is slow among the others,
    whose objective is a quadratic. There the step d solves

        rate X X' S d + (q + damping) d - b 1 = z - c - q a,    sum(s d) = -sum(s a),

    by conjugate gradients in the inner product of the weights s, preconditioned by the diagonal,
    along vectors that keep sum(s d); b, the multiplier of that constraint, is the change of the
    intercept. The path from a to a + d is projected on the box and searched for a decrease, as by
    [1]_, with the damping of a trust region: the quadratic is flat in some directions where more
    rows are free than there are columns.

    References
    ----------
    .. [1] Moré & Toraldo (1991), "On the solution of large quadratic programming problems with
       bound constraints", SIAM Journal on Optimization 1(1), algorithm GPCG.
    """

    def __init__(self, objective: PenalizedObjective, rate: float, intercept_rate: float) -> None:
        self.objective, self.rate, self.intercept_rate = objective, rate, intercept_rate
        self.boxes = dual_boxes(objective.loss, objective.y)
        self.damping = rate * (objective.mean(objective.squared_norms()) or 1.0)
        self.least_damping = _EPS * self.damping
        self.most_passes = _MOST_PASSES

    def step(
        self, duals: Float64Array, w: Float64Array, intercept: float, max_passes: float
    ) -> float:
        """Go one step.

        Parameters
        ----------
        duals : ndarray of shape (n_samples,)
            Changed in place.
        w : ndarray of shape (n_features,)
            The weights that they make; changed in place.
        intercept : float
            The intercept.
        max_passes : float
            Largest number of passes that it may take, at least `LEAST_PASSES`.

        Returns
        -------
        float
            The new intercept.
        """
        face = self._face(duals, w, intercept)
        if len(face.rows) == 0:
            return intercept
        total = inner(self._weights(), duals) if self.objective.fit_intercept else 0.0
        direction, of_intercept = self._direction(face, total, max_passes - LEAST_PASSES)
        a = duals[face.rows]
        slope = face.s * (self.intercept_rate * total - of_intercept - face.slope)
        length = 1.0
        while length > _SHORTEST:
            change = np.clip(a + length * direction, face.lower, face.upper) - a
            sums = self._sums(face, face.s * change)
            rise = inner(slope, change)
            if rise + self._half_curvature(face, change, sums) <= _ARMIJO * rise < 0.0:
                break
            length *= 0.5
        self._judge(length)
        if length <= _SHORTEST:
            return intercept
        duals[face.rows] = a + change
        w -= self.rate * sums
        return intercept + length * of_intercept

    def _half_curvature(self, face: _Face, change: Float64Array, sums: Float64Array) -> float:
        """Return the quadratic part of what a change does to the dual objective."""
        weighted = face.s * change
        of_duals = self.boxes.q * inner(weighted, change)
        of_intercept = self.intercept_rate * float(weighted.sum()) ** 2
        return 0.5 * (self.rate * inner(sums, sums) + of_duals + of_intercept)

    def _judge(self, length: float) -> None:
        """Trust the quadratic more after a whole step, and less after a short one."""
        if length == 1.0:
            self.damping = max(self.damping / _DAMPING_FACTOR, self.least_damping)
            self.most_passes = min(2.0 * self.most_passes, _MOST_GROWN)
            return
        self.most_passes = max(0.5 * self.most_passes, _MOST_PASSES)
        if length < _SHORT:
            self.damping *= _DAMPING_FACTOR

    def _weights(self) -> Float64Array:
        s = self.objective.sample_weight
        return np.ones(self.objective.n_samples) if s is None else s

    def _face(self, duals: Float64Array, w: Float64Array, intercept: float) -> _Face:
        boxes, s = self.boxes, self._weights()
        free = (duals > boxes.lower) & (duals < boxes.upper) & (s > 0.0)  # of each arm
        rows = np.flatnonzero(free.any(axis=0))
        arm = free[:, rows].argmax(axis=0)
        c, lower, upper = (part[arm, rows] for part in (boxes.c, boxes.lower, boxes.upper))
        X, share = rows_of(self.objective.X, rows), share_of_rows(self.objective.X, rows)
        self.objective.passes += share
        with self.objective.reading:
            z = _core.row_products(X, w) + intercept
        return _Face(rows, X, share, s[rows], lower, upper, z - c - boxes.q * duals[rows])

    def _sums(self, face: _Face, weighted: Float64Array) -> Float64Array:
        self.objective.passes += face.share
        with self.objective.reading:
            return _core.row_sums(face.X, weighted)

    def _product(self, face: _Face, d: Float64Array) -> Float64Array:
        """Return the matrix of the equations times d: two passes over the face."""
        sums = self._sums(face, face.s * d)
        self.objective.passes += face.share
        with self.objective.reading:
            margins = _core.row_products(face.X, sums)
        return self.rate * margins + (self.boxes.q + self.damping) * d

    def _direction(
        self, face: _Face, total: float, max_passes: float
    ) -> tuple[Float64Array, float]:
        """Return the step of the dual variables, and that of the intercept."""
        norms = self.objective.squared_norms()[face.rows]
        inverse = 1.0 / (self.rate * norms + self.boxes.q + self.damping)  # of the diagonal
        weighted = face.s * inverse
        of_face = float(weighted.sum())

        def multiplier(residual: Float64Array) -> float:
            return inner(weighted, residual) / of_face if self.objective.fit_intercept else 0.0

        d = -total / of_face * inverse
        residual = face.slope - self._product(face, d)
        change = inverse * (residual - multiplier(residual))
        p = change
        size = first = inner(face.s * change, residual)
        for _ in range(int(0.5 * min(max_passes, self.most_passes) / max(face.share, 1e-6))):
            if size <= _RESIDUAL**2 * first:
                break
            product = self._product(face, p)
            curvature = inner(face.s * p, product)
            if not curvature > 0.0:  # of rounding errors, where rows depend on each other
                break
            d = d + size / curvature * p
            residual = residual - size / curvature * product
            change = inverse * (residual - multiplier(residual))
            before, size = size, inner(face.s * change, residual)
            p = change + size / before * p
        return d, -multiplier(residual)
