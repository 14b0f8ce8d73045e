"""F, its gradient and its Hessian in the coordinates of a solver: one pass over rows each."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import Matrix, as_dtype, computed_in
from fallline.losses import EpsilonInsensitive, Huber, Logistic, Loss, Quantile
from fallline.solvers.clock import Clock
from fallline.solvers.narrow.coordinates import Coordinates
from fallline.typing import Float64Array, FloatArray, IntArray, Intercept

EPS: Final = float(np.finfo(np.float64).eps)
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
    margins : ndarray of shape (n_visited,) or (n_classes, n_visited)
        Of the rows visited.
    """

    u: Float64Array
    value: float
    gradient: Float64Array
    hessian: Float64Array
    margins: Float64Array


class Null(NamedTuple):
    """What F is like without features.

    Attributes
    ----------
    value : float
        F of the intercept alone.
    size : float
        Of the terms that it is made of.
    margin : float
        The largest of the numbers whose sums are the margins there.
    """

    value: float
    size: float
    margin: float


class ModelGap(NamedTuple):
    """Means over all rows, with d the derivatives that quadratic models at margins z expect.

    Attributes
    ----------
    excess : float
        Of ``l(z') + l*(d) - d z'``; infinite where a d is none that the loss can have.
    sizes : float
        Of the sizes of these terms.
    slopes : float
        Of ``|l'(z)|`` and what is clipped.
    clipped : ndarray of shape (n_samples,) or None
        What has been added to each d to make it one that the loss can have; None for nothing.
    """

    excess: float
    sizes: float
    slopes: float
    clipped: Float64Array | None = None


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
    leverage : float
        The largest one that was found last; 0 before.
    sum_of_weights : float
        Of the samples.
    size : int
        Number of coordinates.
    weighed : ndarray of shape (size,)
        Which of them are weights, and not an intercept.
    reading, solving : Clock
        Time spent on passes over the data, and on equations.
    observe : callable
        Told of each place where F of all rows has become known, and of F there; returns True to ask
        for the end.
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
        self.sum_of_weights = (
            float(self.n_samples) if sample_weight is None else float(sample_weight.sum())
        )
        self.size = coordinates.size
        self.weighed = np.arange(self.size) < len(coordinates.mean)
        self.ridge, self.l1 = np.zeros(self.size), np.zeros(self.size)
        self.ridge[self.weighed] = l2 * coordinates.inverse_scale**2
        self.l1[self.weighed] = l1 * coordinates.inverse_scale
        self.passes = self.leverage = 0.0
        self.reading, self.solving = Clock(), Clock()
        self.observe: Callable[[Float64Array, float], bool] = _look_on

    def at(self, u: Float64Array, rows: IntArray | None = None, *, hessian: bool = True) -> Point:
        """Visit rows, None for all, and return what F is like at ``u``."""
        count = self.n_samples if rows is None else len(rows)
        with self.reading:
            (loss, weight, gradient, curvature), margins = self._sums(
                u, count, order=rows, hessian_rows=(0, count) if hessian else None
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

    def _sums(self, u: Float64Array, count: int, **visit: Any) -> tuple[Any, Float64Array]:
        """Return the sums over the rows that are visited, and their margins."""
        margins = np.empty(count)
        sums = _core.newton_pass(
            self.X,
            self.y,
            self.sample_weight,
            self.loss.name,
            u,
            self.coordinates.mean,
            self.coordinates.inverse_scale,
            self.coordinates.fit_intercept,
            loss_parameters=self.loss.parameters,
            margins=margins,
            **visit,
        )
        return sums, margins

    def weights(self, u: Float64Array) -> tuple[FloatArray, Intercept]:
        """Return coefficients for X as it is, in the dtype it is computed in, and the intercept."""
        coef = as_dtype(self.coordinates.weights(u)[0], computed_in(self.X))
        return coef, self.coordinates.intercept(coef.astype(np.float64), u)

    def value_of(self, coef: FloatArray, intercept: Intercept) -> float:
        """Return F of weights for X as it is."""
        place = self.coordinates.of(coef.astype(np.float64), intercept)
        return self.at(place, hessian=False).value

    def penalty(self, u: Float64Array) -> float:
        """Return the penalty's part of F."""
        return self.ridge_term(u) + inner(self.l1, np.abs(u))

    def ridge_term(self, u: Float64Array) -> float:
        """Return the part of F that is the L2 part of the penalty."""
        return 0.5 * inner(u, self.ridge * u)

    def start(self) -> Float64Array:
        """Return no weights, and an intercept that is best without them, or nearly so."""
        start = np.zeros(self.size)
        if not self.coordinates.fit_intercept:
            return start
        mean = self.mean(self.y)
        if self.loss.log_link:
            start[-1] = math.log(mean) if mean > 0.0 else 0.0
        elif isinstance(self.loss, Logistic):
            start[-1] = math.log1p(mean) - math.log1p(-mean)  # log-odds of targets -1 and +1
        elif isinstance(self.loss, Quantile):
            start[-1] = float(np.quantile(self.y, self.loss.parameters[0]))
        elif isinstance(self.loss, Huber | EpsilonInsensitive):
            start[-1] = float(np.median(self.y))
        else:
            start[-1] = mean
        return start

    @cached_property
    def null(self) -> Null:
        """F at the start; reads y only."""
        start = self.start()
        intercept = float(start[-1]) if self.coordinates.fit_intercept else 0.0
        losses = _core.loss_values(
            self.loss.name, np.full_like(self.y, intercept), self.y, self.loss.parameters
        )
        value = size = self.mean(losses)
        if self.loss.log_link:
            size += self.mean(np.abs(self.y)) * (1.0 + abs(intercept))
        return Null(value, size, abs(intercept))

    def mean(self, of_rows: FloatArray, rows: IntArray | None = None) -> float:
        """Return the weighted mean over the rows visited."""
        if self.sample_weight is None:
            return float(of_rows.sum()) / len(of_rows)
        s = self.sample_weight if rows is None else self.sample_weight[rows]
        return inner(s, of_rows) / float(s.sum())

    def largest_leverage(self, factor: Float64Array) -> float:
        """Return the largest ``x_i . (L L')^-1 x_i`` of a row with positive weight: one pass."""
        self.passes += 1.0
        with self.reading:
            self.leverage = _core.leverage_pass(
                self.X,
                self.coordinates.mean,
                self.coordinates.inverse_scale,
                self.coordinates.fit_intercept,
                factor,
                sample_weight=self.sample_weight,
            )
        return self.leverage

    def terms(self, u: Float64Array) -> Float64Array:
        """Return the size of what each coordinate is made of, in the units of X."""
        return self.coordinates.terms(u)

    def model_gap(self, margins: Float64Array, ends: Float64Array) -> ModelGap:
        """Return the duality gap at the derivatives that a quadratic model of each loss expects.

        Parameters
        ----------
        margins, ends : ndarray of shape (n_samples,)
            The margins z where the model is made, and z' where it is held against the losses.
        """
        clipped = np.zeros(self.n_samples)
        *sums, n_clipped = _core.model_gap(
            self.loss.name, self.loss.parameters, margins, ends, self.y, self.sample_weight, clipped
        )
        excess, sizes, slopes = (of_rows / self.sum_of_weights for of_rows in sums)
        return ModelGap(excess, sizes, slopes, clipped if n_clipped else None)

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

        def slope(t: float) -> float:
            margins = start.margins + t * way
            derivatives = _core.loss_derivatives(self.loss.name, margins, y, self.loss.parameters)
            u = start.u + t * direction
            of_penalty = inner(direction, self.ridge * u + self.l1 * np.sign(u))
            return self.mean(derivatives * way, rows) + of_penalty

        return bisect(slope)

    def rounding_distance(self, point: Point) -> float:
        """Return how far off, in the norm of the Hessian, weights with the exact margins may be.

        With rounding errors of eps for each of the D + 4 operations behind a term it is at most
        ``(D + 4) eps sum_j |u_j| sqrt(H_jj)``, where the intercept counts with all that makes it up
        in the units of X.
        """
        terms = self.coordinates.terms(point.u)
        return (self.size + 4) * EPS * inner(terms, np.sqrt(point.hessian.diagonal()))

    def separates(self, point: Point) -> bool:
        """Return whether all rows are on their side, which no finite weights then fit best."""
        if self.l2 > 0.0 or self.l1.any() or self.loss.name != "logistic":
            return False
        sides = point.margins * self.y
        if self.sample_weight is not None:
            sides = sides[self.sample_weight > 0.0]
        return bool(sides.min() > 0.0)


def _look_on(_u: Float64Array, _value: float) -> bool:
    return False


def bisect(slope: Callable[[float], float]) -> float:
    """Return about where in [0, 1] a function whose slope is given has its minimum."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        falls = slope(middle) < 0.0  # nor does it where the slope is not finite
        low, high = (middle, high) if falls else (low, middle)
    return high
