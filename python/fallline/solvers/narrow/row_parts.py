"""The rows that a method with dual variables is about: all, or some and the means of others."""

import math
from typing import NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline.solvers.narrow.dual_boxes import DualBoxes, dual_boxes
from fallline.solvers.narrow.objective import EPS, Objective
from fallline.solvers.narrow.row_sums import margins, normal_equations
from fallline.typing import BoolArray, Float64Array, IntArray


class Part(NamedTuple):
    """Rows of an objective, and means of rows, which count as rows.

    Attributes
    ----------
    objective : Objective
        Of one head.
    rows : ndarray of shape (n_rows,) or None
        None for all.
    means : ndarray of shape (n_means, size)
        In the coordinates of the objective.
    s : ndarray of shape (n_rows + n_means,)
        Weights, positive; they add up to those of the objective.
    boxes : DualBoxes
        Of the rows, and of the means.
    """

    objective: Objective
    rows: IntArray | None
    means: Float64Array
    s: Float64Array
    boxes: DualBoxes

    def margins(self, u: Float64Array) -> Float64Array:
        """Return those of the rows and of the means."""
        z = margins(self.objective, u, self.rows)
        return np.concatenate([z, (self.means * u).sum(axis=1)]) if len(self.means) else z

    def sums(
        self, values: Float64Array, weights: Float64Array, *, hessian: bool
    ) -> tuple[Float64Array, Float64Array]:
        """Return the mean of ``values x``, and of ``weights x x'`` with the penalty's curvature."""
        values, weights = self.s * values, self.s * weights
        n = len(values) - len(self.means)
        gradient, curvature = normal_equations(
            self.objective, values[:n], weights[:n], self.rows, hessian=hessian
        )
        total, means = self.objective.sum_of_weights, self.means
        for value, weight, x in zip(values[n:], weights[n:], means, strict=True):
            gradient += value / total * x
            if hessian:
                curvature += weight / total * np.multiply.outer(x, x)
        return gradient, curvature

    def value(self, u: Float64Array, z: Float64Array) -> float:
        """Return F of margins at u."""
        mean = inner(self.s, self.boxes.losses(z)) / self.objective.sum_of_weights
        return mean + self.objective.penalty(u)

    def residual(self, u: Float64Array, d: Float64Array) -> Float64Array:
        """Return ``mean(d x) + R u``, which is zero at the optimum."""
        gradient, _ = self.sums(d.sum(axis=0), np.ones_like(self.s), hessian=False)
        return gradient + self.objective.ridge * u

    def value_and_gap(
        self, u: Float64Array, z: Float64Array, d: Float64Array, residual: Float64Array
    ) -> tuple[float, float]:
        """Return F and what it is above the dual objective, of margins, duals and residual at u."""
        objective, boxes = self.objective, self.boxes
        loss, n = objective.loss, len(z) - len(self.means)
        y = objective.y if self.rows is None else objective.y[self.rows]
        losses = _core.loss_values(loss.name, z[:n], y, loss.parameters)
        if len(self.means):
            losses = np.concatenate([losses, boxes.losses(z)[n:]])
        of_arms = (d * (z - boxes.c - 0.5 * boxes.q * d)).sum(axis=0)
        ridge, total = objective.ridge, objective.sum_of_weights
        square = np.divide(residual**2, ridge, out=np.zeros_like(ridge), where=ridge > 0.0)
        sizes = objective.coordinates.terms(u)
        free = np.where(ridge > 0.0, 0.0, np.abs(residual) * sizes)
        # The margins are rounded, and d times them is what the gap is made of.
        largest = math.sqrt(inner(self.s, (d**2).sum(axis=0)) / total)
        rounding = (len(u) + 4) * EPS * largest * float(sizes.sum())
        gap = inner(self.s, losses - of_arms) / total
        gap += 0.5 * float(square.sum()) + float(free.sum()) + rounding
        return inner(self.s, losses) / total + objective.penalty(u), gap


def whole(objective: Objective) -> Part:
    """Return all rows that have a weight."""
    s, nothing = objective.sample_weight, np.empty((0, objective.size))
    if s is None:
        ones = np.ones(objective.n_samples)
        return Part(objective, None, nothing, ones, dual_boxes(objective.loss, objective.y))
    rows = np.flatnonzero(s)
    boxes = dual_boxes(objective.loss, objective.y[rows])
    return Part(objective, rows, nothing, s[rows], boxes)


def spaced(part: Part, n: int) -> Part:
    """Return at least n rows of a part without means, evenly spaced, with the weight of all."""
    chosen = np.arange(0, len(part.s), max(len(part.s) // n, 1))
    s = part.s[chosen] * (part.objective.sum_of_weights / float(part.s[chosen].sum()))
    rows = chosen if part.rows is None else part.rows[chosen]
    return part._replace(rows=rows, s=s, boxes=part.boxes.of(chosen))


def reduced(part: Part, z: Float64Array, is_near: BoolArray) -> tuple[Part, IntArray]:
    """Replace rows on a line by their mean, which are as many as there are lines.

    Parameters
    ----------
    part : Part
        Without means.
    z : ndarray of shape (n_rows,)
        Margins, which say what line each row is on.
    is_near : ndarray of shape (n_rows,)
        True of the rows to keep; the others are on lines.

    Returns
    -------
    Part
        F of it is nowhere above that of `part`, as the loss of a mean is at most the mean loss, and
        equal where all rows are still on their lines. Any dual variables of it are some of `part`.
    ndarray of shape (n_rows,)
        Where in the new part each row is.
    """
    objective, boxes, rows = part.objective, part.boxes, part.rows
    rows = np.arange(len(z)) if rows is None else rows
    near, far = np.flatnonzero(is_near), np.flatnonzero(~is_near)
    places = np.empty(len(z), dtype=np.int64)
    places[near] = np.arange(len(near))
    lines = boxes.lines(z)
    of_lines = [far[lines[far] == line] for line in np.unique(lines[far])]
    new = boxes.of(np.concatenate([near, *(alike[:1] for alike in of_lines)]))
    means, s = np.empty((len(of_lines), objective.size)), np.empty(len(of_lines))
    for k, alike in enumerate(of_lines):
        weights = part.s[alike]
        total, _ = normal_equations(objective, weights, weights, rows[alike], hessian=False)
        s[k] = weights.sum()
        means[k] = total * (objective.sum_of_weights / s[k])
        new.c[:, len(near) + k] = (boxes.c[:, alike] * weights).sum(axis=1) / s[k]
        places[alike] = len(near) + k
    return Part(objective, rows[near], means, np.concatenate([part.s[near], s]), new), places
