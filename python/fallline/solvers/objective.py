"""F, its gradient and its Hessian in the coordinates of a solver: one pass over rows each."""

from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import Matrix
from fallline.losses import Loss
from fallline.solvers.coordinates import Coordinates
from fallline.typing import Float64Array, FloatArray, IntArray

_INTERCEPT_STEPS: Final = 4
_BISECTIONS: Final = 20


class Point(NamedTuple):
    """What a pass finds out about F at one place.

    Attributes
    ----------
    u : ndarray of shape (size,)
        The place.
    value : float
        F there, of the rows visited.
    gradient : ndarray of shape (size,)
        Its gradient, without the L1 term.
    hessian : ndarray of shape (size, size)
        Its second derivatives; empty where they were not asked for.
    margins : ndarray of shape (n_visited,)
        Of the rows visited.
    """

    u: Float64Array
    value: float
    gradient: Float64Array
    hessian: Float64Array
    margins: Float64Array


class Objective:
    """F of one head, over all rows or some.

    Parameters
    ----------
    X : ndarray or CsrMatrix of shape (n_samples, n_features)
        Anything that the core reads; computed with in float64.
    y : ndarray of shape (n_samples,)
        Targets in float64.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights in float64, not negative and not all zero.
    loss : Loss
        A smooth one.
    l2 : float
        Factor of ``|w|**2 / 2``, not negative; on the weights for X as it is.
    coordinates : Coordinates
        What F is a function of.
    l1 : float, default=0.0
        Factor of ``|w|_1``, not negative; on the weights for X as it is.

    Attributes
    ----------
    ridge, l1 : ndarray of shape (size,)
        Curvature of the penalty, and its slope next to 0, in each coordinate.
    passes : float
        Rows visited so far over the number of rows.
    """

    def __init__(
        self,
        X: Matrix,
        y: Float64Array,
        sample_weight: Float64Array | None,
        loss: Loss,
        l2: float,
        coordinates: Coordinates,
        l1: float = 0.0,
    ) -> None:
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.loss, self.l2, self.coordinates = loss, l2, coordinates
        self.n_samples = len(y)
        self.ridge, self.l1 = np.zeros(coordinates.size), np.zeros(coordinates.size)
        self.ridge[: len(coordinates.mean)] = l2 * coordinates.inverse_scale**2
        self.l1[: len(coordinates.mean)] = l1 * coordinates.inverse_scale
        self.passes = 0.0

    def at(self, u: Float64Array, rows: IntArray | None = None, *, hessian: bool = True) -> Point:
        """Visit rows, None for all, and return what F is like at ``u``."""
        count = self.n_samples if rows is None else len(rows)
        margins = np.empty(count)
        loss, weight, gradient, curvature = _core.newton_pass(
            self.X,
            self.y,
            self.sample_weight,
            self.loss.name,
            u,
            self.coordinates.mean,
            self.coordinates.inverse_scale,
            self.coordinates.fit_intercept,
            loss_parameters=self.loss.parameters,
            order=rows,
            hessian_rows=(0, count) if hessian else None,
            margins=margins,
        )
        self.passes += count / self.n_samples
        gradient /= weight
        gradient += self.ridge * u
        if curvature is None:
            curvature = np.empty((0, 0))
        else:
            curvature /= weight
            curvature.flat[:: len(u) + 1] += self.ridge
        return Point(u, loss / weight + self.penalty(u), gradient, curvature, margins)

    def penalty(self, u: Float64Array) -> float:
        """Return the penalty's part of F."""
        return self.ridge_term(u) + inner(self.l1, np.abs(u))

    def ridge_term(self, u: Float64Array) -> float:
        """Return the part of F that is the L2 part of the penalty."""
        return 0.5 * inner(u, self.ridge * u)

    def null_value(self, intercept: float) -> float:
        """Return F of a model of an intercept alone; reads y only."""
        losses = _core.loss_values(
            self.loss.name, np.full_like(self.y, intercept), self.y, self.loss.parameters
        )
        return self.mean(losses)

    def mean(self, of_rows: FloatArray, rows: IntArray | None = None) -> float:
        """Return the weighted mean over the rows visited."""
        if self.sample_weight is None:
            return float(of_rows.sum()) / len(of_rows)
        s = self.sample_weight if rows is None else self.sample_weight[rows]
        return inner(s, of_rows) / float(s.sum())

    def largest_leverage(self, factor: Float64Array) -> float:
        """Return the largest ``x_i . (L L')^-1 x_i`` of a row with positive weight: one pass."""
        self.passes += 1.0
        return _core.leverage_pass(
            self.X,
            self.coordinates.mean,
            self.coordinates.inverse_scale,
            self.coordinates.fit_intercept,
            factor,
            sample_weight=self.sample_weight,
        )

    def mean_squares(self, rows: IntArray) -> Float64Array:
        """Return the mean square of each column over some rows, the others counted as zeros."""
        self.passes += len(rows) / self.n_samples
        *_, gram = _core.newton_pass(
            self.X,
            self.y,
            self.sample_weight,
            "squared",
            np.zeros(self.coordinates.size),
            self.coordinates.mean,
            self.coordinates.inverse_scale,
            self.coordinates.fit_intercept,
            order=rows,
            hessian_rows=(0, len(rows)),
        )
        s = self.sample_weight
        assert gram is not None
        return np.asarray(gram.diagonal() / (self.n_samples if s is None else float(s.sum())))

    def with_best_intercept(self, point: Point) -> Point:
        """Return the point of all rows with the same weights and the intercept that suits them."""
        if not self.coordinates.fit_intercept:
            return point
        name, parameters = self.loss.name, self.loss.parameters
        shift = 0.0
        for _ in range(_INTERCEPT_STEPS):  # Newton's, from next to the root
            margins = point.margins + shift
            slope = self.mean(_core.loss_derivatives(name, margins, self.y, parameters))
            curvature = self.mean(_core.loss_curvatures(name, margins, self.y, parameters))
            if curvature <= 0.0:
                break
            shift -= slope / curvature
        u = point.u.copy()
        u[-1] += shift
        return self.at(u, hessian=False)

    def best_step(self, start: Point, end: Point, rows: IntArray | None) -> float:
        """Return about the best t in [0, 1] on the way between two points; reads margins only."""
        y = self.y if rows is None else self.y[rows]
        way, direction = end.margins - start.margins, end.u - start.u

        def rises(t: float) -> bool:
            margins = start.margins + t * way
            derivatives = _core.loss_derivatives(self.loss.name, margins, y, self.loss.parameters)
            u = start.u + t * direction
            of_penalty = inner(direction, self.ridge * u + self.l1 * np.sign(u))
            slope = self.mean(derivatives * way, rows) + of_penalty
            return not slope < 0.0  # nor where it is not finite

        low, high = 0.0, 1.0
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if rises(middle) else (middle, high)
        return high
