"""The step of least squares by reflections, where a Hessian has squared away its digits."""

from typing import Final

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.narrow.newton_step import NewtonStep
from fallline.solvers.narrow.objective import EPS, Objective, Point
from fallline.typing import Float64Array

# Elements of the rows that are copied at a time.
_BLOCK: Final = 1 << 17

# Of columns of unit size, less than so many roundings for each is no more than rounding error.
_ROUNDINGS: Final = 10.0

# Roundings of each sum that a gradient is made of, in tiles and of tiles.
_OF_A_SUM: Final = 32.0

_INVERSE_ITERATIONS: Final = 3


class Triangle:
    """R with ``R' R`` the Hessian of least squares, from the rows and never from their squares.

    Parameters
    ----------
    objective : Objective
        Of the squared loss; visits its rows once.
    scale : ndarray of shape (size,)
        What makes the columns of R of about unit size; 0 for those without curvature.

    Notes
    -----
    With R the solution keeps the digits that the condition of the rows leaves, where the Hessian,
    whose condition is the square of that, leaves half as many [1]_. Columns are chosen by pivoting.
    Steps from the gradient of the next pass correct each other [2]_.

    References
    ----------
    .. [1] Businger & Golub (1965), "Linear least squares solutions by Householder
       transformations".
    .. [2] Björck (1987), "Stability analysis of the method of seminormal equations for linear least
       squares problems", section 4.
    """

    def __init__(self, objective: Objective, scale: Float64Array) -> None:
        self.scale = scale
        used = np.flatnonzero(scale)
        R = np.zeros((len(used), len(used)))
        s, total = objective.sample_weight, objective.sum_of_weights
        objective.passes += 1.0
        with objective.reading:
            length = max(_BLOCK // objective.size, 1)
            for first in range(0, objective.n_samples, length):
                last = min(first + length, objective.n_samples)
                rows = objective.coordinates.rows(objective.X, first, last)
                weights = np.ones(len(rows)) if s is None else s[first:last]
                rows *= np.sqrt(weights / total)[:, np.newaxis]
                R = _core.qr_update(R, np.ascontiguousarray(rows[:, used] * scale[used]))
        ridge = np.diag(np.sqrt(objective.ridge[used]) * scale[used])
        R = _core.qr_update(R, ridge)
        pivoted, order = _core.pivoted_qr(R)
        least = _ROUNDINGS * len(used) * EPS
        rank = int(np.count_nonzero(pivoted.diagonal() > least))
        chosen, left = np.sort(order[:rank]), np.sort(order[rank:])
        self.independent, self.dependent = used[chosen], used[left]
        R = _core.qr_update(np.zeros_like(R), np.ascontiguousarray(R[:, np.append(chosen, left)]))
        self.factor = np.ascontiguousarray(R[:rank, :rank].T)
        between = np.ascontiguousarray(R[:rank, rank:])
        self.combinations = _core.triangular_solve(self.factor, between, transposed=True)
        # The norm of the inverse of R.
        self.condition = float(np.sqrt(_core.inverse_norm(self.factor, _INVERSE_ITERATIONS)))

    def step(self, objective: Objective, point: Point) -> NewtonStep:
        """Return the step to the minimum from a point of all rows."""
        gradient = (point.gradient * self.scale)[self.independent]
        half = _core.triangular_solve(self.factor, -gradient)
        direction = np.zeros_like(self.scale)
        direction[self.independent] = _core.triangular_solve(self.factor, half, transposed=True)
        residuals = point.margins - objective.y
        size = np.sqrt(objective.mean(residuals * residuals))
        rounding = EPS * self.condition
        return NewtonStep(
            direction * self.scale,
            inner(half, half),
            self.independent,
            self.factor,
            self.scale,
            2.0 * len(self.factor) * rounding,
            noise=_OF_A_SUM * float(np.sqrt(len(self.factor))) * size * rounding,
            combinations=self.combinations,
        )
