"""F of classes that softmax couples, in coordinates that leave nothing free."""

import math
from functools import cached_property
from typing import Any, Final, cast

import numpy as np

from fallline import _core
from fallline._probability import softmax
from fallline._standardization import inner
from fallline._validation import Matrix, as_dtype, computed_in
from fallline.losses import Loss
from fallline.solvers.narrow.coordinates import Coordinates
from fallline.solvers.narrow.objective import EPS, ModelGap, Null, Objective, Point, bisect
from fallline.solvers.narrow.softmax_rows import log_shares, losses_and_residuals
from fallline.typing import Float64Array, FloatArray, IntArray, Intercept

# Of Newton's method for the intercepts, which ends where nothing but rounding errors is left.
_INTERCEPT_STEPS: Final = 20


class SoftmaxObjective(Objective):
    """F of K classes with an L2 penalty, over all rows or some.

    Parameters
    ----------
    X, sample_weight, l2, coordinates
        As of `Objective`.
    y : ndarray of shape (n_samples,)
        Numbers of classes in float64, 0 to K - 1, each with positive weight.
    loss : Softmax
        The loss.

    Notes
    -----
    Weights of all classes may change alike without any change of the margins' differences. Those
    that add up to zero over the classes are the shortest, and with a penalty the only best ones. So
    the weights of class k are ``sum_l Q_kl v_l`` with Q the K x (K - 1) matrix of `helmert`, whose
    columns are an orthonormal basis of what adds up to zero, and F is a function of the K - 1
    vectors v, one behind the other, each of them like the coordinates of one head. Their squares
    add up to those of the weights.
    """

    def __init__(
        self,
        X: Matrix,
        y: Float64Array,
        sample_weight: Float64Array | None,
        loss: Loss,
        l2: float,
        coordinates: Coordinates,
    ) -> None:
        super().__init__(X, y, sample_weight, loss, l2, coordinates)
        self.classes = y.astype(np.int64)
        self.n_classes = int(self.classes.max()) + 1
        self.basis = helmert(self.n_classes)
        self.size *= self.n_classes - 1
        self.weighed = np.tile(self.weighed, self.n_classes - 1)
        self.ridge = np.tile(self.ridge, self.n_classes - 1)
        self.l1 = np.zeros_like(self.ridge)

    def _sums(self, u: Float64Array, count: int, **visit: Any) -> tuple[Any, Float64Array]:
        margins = np.empty(self.n_classes * count)
        sums = _core.softmax_newton_pass(
            self.X,
            self.y,
            self.sample_weight,
            self.n_classes,
            u,
            self.coordinates.mean,
            self.coordinates.inverse_scale,
            self.coordinates.fit_intercept,
            margins=margins,
            **visit,
        )
        return sums, margins.reshape(self.n_classes, count)

    def weights(self, u: Float64Array) -> tuple[FloatArray, Intercept]:
        """Return coefficients for X as it is, in the dtype it is computed in, and intercepts."""
        coordinates = self.coordinates
        of_classes = self.of_classes(self._vectors(u))
        columns = [coordinates.weights(place)[0] for place in of_classes]
        coef = as_dtype(np.stack(columns, axis=1), computed_in(self.X))
        intercepts = [
            coordinates.intercept(column.astype(np.float64), place)
            for column, place in zip(coef.T, of_classes, strict=True)
        ]
        return coef, np.array(intercepts)

    def value_of(self, coef: FloatArray, intercept: Intercept) -> float:
        """Return F of weights for X as it is, which may have been rounded away from a sum of 0."""
        coef = coef.astype(np.float64)
        places = [
            self.coordinates.of(column, b) for column, b in zip(coef.T, intercept, strict=True)
        ]
        vectors = self.of_vectors(np.stack(places))
        shared = coef.mean(axis=1)
        alike = 0.5 * self.l2 * self.n_classes * inner(shared, shared)
        return self.at(vectors.reshape(-1), hessian=False).value + alike

    def start(self) -> Float64Array:
        """Return no weights, and the intercepts that give each class its share."""
        start = np.zeros((self.n_classes - 1, self.coordinates.size))
        if self.coordinates.fit_intercept:
            logarithms = np.array([math.log(share) for share in self._shares()])
            start[:, -1] = (self.basis * logarithms[:, np.newaxis]).sum(axis=0)
        return start.reshape(-1)

    @cached_property
    def null(self) -> Null:
        """F at the start; reads y only."""
        if not self.coordinates.fit_intercept:
            value = math.log(self.n_classes)
            return Null(value, value, 0.0)
        value = -sum(share * math.log(share) for share in self._shares())
        terms = np.abs(self.basis) * np.abs(self._vectors(self.start())[:, -1])
        return Null(value, value, float(terms.sum(axis=1).max()))

    def largest_leverage(self, factor: Float64Array) -> float:
        """Return a bound of R squared, the largest range of margins' change: one pass.

        Along a way of length 1 in the norm of ``H = L L'`` no two margins of a row with positive
        weight move apart by more than R. The change in the margins by the vectors has a square of
        at most ``x_i . P x_i``, with P the sum of the blocks on the diagonal of the inverse of H,
        and two margins move apart by at most the root of twice that.
        """
        width, size = self.coordinates.size, self.size
        inverse = _core.triangular_solve(factor, np.eye(size))
        # P = Y'Y with the blocks of columns of L^-1 below each other. With the columns of Y in
        # reverse, its triangular factor is a lower one read backwards.
        stacked = inverse.reshape(size * (self.n_classes - 1), width)[:, ::-1]
        R = _core.qr_update(np.zeros((width, width)), np.ascontiguousarray(stacked))
        root = np.ascontiguousarray(R[::-1, ::-1])
        super().largest_leverage(_core.triangular_solve(root, np.eye(width)))
        self.leverage *= 2.0
        return self.leverage

    def best_step(self, start: Point, end: Point, rows: IntArray | None) -> float:
        """Return about the best t in [0, 1] on the way between two points; reads margins only."""
        classes = self.classes if rows is None else self.classes[rows]
        way, direction = end.margins - start.margins, end.u - start.u
        of_own = way[classes, np.arange(len(classes))]

        def slope(t: float) -> float:
            shares = softmax((start.margins + t * way).T).T
            change = cast("FloatArray", (shares * way).sum(axis=0) - of_own)
            of_penalty = inner(direction, self.ridge * (start.u + t * direction))
            return self.mean(change, rows) + of_penalty

        return bisect(slope)

    def with_best_intercept(self, point: Point) -> Point:
        """Return the point of all rows with the same weights and the intercepts that suit them."""
        if not self.coordinates.fit_intercept:
            return point
        u = point.u.copy()
        self._vectors(u)[:, -1] += self._best_shift(point.margins)
        return self.at(u, hessian=False)

    def _best_shift(self, margins: Float64Array) -> Float64Array:
        """Return what to add to the intercepts of the vectors: Newton's steps, from next to it."""
        shift, smallest = np.zeros(self.n_classes - 1), math.inf
        following = shift
        for _ in range(_INTERCEPT_STEPS):
            shifted = margins + (self.basis * following).sum(axis=1)[:, np.newaxis]
            _, residuals = losses_and_residuals(shifted, self.classes)
            slopes = np.array([self.mean(of_class) for of_class in residuals])
            size = float(np.abs(slopes).max())
            if not size < smallest:
                break
            shift, smallest = following, size
            shares = softmax(shifted.T).T.astype(np.float64, copy=False)
            curvature = np.array([[-self.mean(p * q) for q in shares] for p in shares])
            curvature.flat[:: self.n_classes + 1] += [self.mean(p) for p in shares]
            factor, pivot = _core.cholesky(self.of_vectors(_product(curvature, self.basis)))
            if pivot >= 0:
                break
            slopes_of_vectors = (self.basis * slopes[:, np.newaxis]).sum(axis=0)
            following = shift - _core.cholesky_solve(factor, slopes_of_vectors)
        return shift

    def rounding_distance(self, point: Point) -> float:
        """Return how far off, in the norm of the Hessian, weights with the exact margins may be.

        As of one head, but the terms are those behind the weights of the classes, with K more
        operations each, and the Hessian is that in these weights.
        """
        coordinates, width = self.coordinates, self.coordinates.size
        terms = np.stack([coordinates.terms(place) for place in self._vectors(point.u)])
        terms = _product(np.abs(self.basis), terms)
        blocks = point.hessian.reshape(self.n_classes - 1, width, self.n_classes - 1, width)
        of_vectors = blocks.diagonal(axis1=1, axis2=3)  # (K - 1, K - 1, width)
        total = 0.0
        for row, of_class in zip(self.basis, terms, strict=True):
            pairs = np.multiply.outer(row, row)[:, :, np.newaxis]
            curvature = np.maximum((pairs * of_vectors).sum(axis=(0, 1)), 0.0)
            total += inner(of_class, np.sqrt(curvature))
        return (width + self.n_classes + 4) * EPS * total

    def terms(self, u: Float64Array) -> Float64Array:
        """Return the size of what each coordinate is made of, in the units of X."""
        return np.concatenate([self.coordinates.terms(place) for place in self._vectors(u)])

    def model_gap(self, margins: Float64Array, ends: Float64Array) -> ModelGap:
        """Return the duality gap, as of one head.

        The derivatives d that the model expects are probabilities q, less 1 for the own class; with
        p those at the ends, ``l(z') + l*(d) - d z'`` is ``sum_k q_k log(q_k / p_k)``.
        """
        counts = slice(None) if self.sample_weight is None else self.sample_weight > 0.0
        before, after = log_shares(margins[:, counts]), log_shares(ends[:, counts])
        way = ends[:, counts] - margins[:, counts]
        shares = _evaluated("exp_or_zero", before)
        growth = 1.0 + (way - (shares * way).sum(axis=0))
        if not (growth > 0.0).all():
            return ModelGap(math.inf, math.inf, math.inf)
        expected = shares * growth
        ratios = before + _evaluated("log", growth) - after
        sizes = expected * (np.abs(before) + np.abs(after))
        s = self.sample_weight
        weights = np.ones(expected.shape[1]) if s is None else s[counts]
        total = self.sum_of_weights
        excess = inner(weights, (expected * ratios).sum(axis=0))
        size = inner(weights, sizes.sum(axis=0))
        return ModelGap(max(excess, 0.0) / total, size / total, 2.0)

    def separates(self, point: Point) -> bool:
        """Return whether every row's own class has the largest margin, by however little."""
        if self.l2 > 0.0:
            return False
        own = np.arange(self.n_classes)[:, np.newaxis] == self.classes
        others = np.where(own, -np.inf, point.margins).max(axis=0)
        ahead = point.margins[self.classes, np.arange(self.n_samples)] > others
        if self.sample_weight is not None:
            ahead = ahead[self.sample_weight > 0.0]
        return bool(ahead.all())

    def of_classes(self, of_vectors: Float64Array) -> Float64Array:
        """Return what rows of numbers, one for each vector, are for each class."""
        return _product(self.basis, of_vectors)

    def of_vectors(self, of_classes: Float64Array) -> Float64Array:
        """Return what rows of numbers, one for each class, are along each vector."""
        return _product(np.ascontiguousarray(self.basis.T), of_classes)

    def _vectors(self, u: Float64Array) -> Float64Array:
        return u.reshape(self.n_classes - 1, self.coordinates.size)

    def _shares(self) -> list[float]:
        sums = np.bincount(self.classes, self.sample_weight, self.n_classes).astype(np.float64)
        return cast("list[float]", (sums / sums.sum()).tolist())


def _evaluated(function: str, numbers: Float64Array) -> Float64Array:
    values = _core.evaluate(function, numbers.reshape(-1))
    return values.astype(np.float64, copy=False).reshape(numbers.shape)


def helmert(n_classes: int) -> Float64Array:
    """Return an orthonormal basis of the numbers of classes that add up to zero, as columns.

    Column k is ``1 / sqrt((k + 1) (k + 2))`` for the classes 0 to k, ``-(k + 1)`` times that for
    class k + 1 and 0 for the others.
    """
    basis = np.zeros((n_classes, n_classes - 1))
    for k in range(n_classes - 1):
        number = 1.0 / math.sqrt((k + 1) * (k + 2))
        basis[: k + 1, k] = number
        basis[k + 1, k] = -(k + 1) * number
    return basis


def _product(a: Float64Array, b: Float64Array) -> Float64Array:
    # Not a @ b: a BLAS adds in an order that depends on processor and thread count.
    return np.stack([(row[:, np.newaxis] * b).sum(axis=0) for row in a])
