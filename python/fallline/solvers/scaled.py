"""The objective in standardised coordinates: an exact change of variables, never a copy of X."""

import math
from typing import Final

import numpy as np

from fallline import _core
from fallline._standardization import CONSTANT, inner, shift_for
from fallline._validation import Matrix, as_dtype, computed_in
from fallline.typing import DenseMatrix, Float64Array, FloatArray

# Roundings a term of a margin goes through: of the weight, the product, a few levels of sums.
_ROUNDINGS: Final = 4


class ScaledObjective:
    """F as a function of one vector (v, c), where w = v / scale and b = c - mean . w.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Of any elements and strides that the core reads.
    y : ndarray of shape (n_samples,)
        Targets in the dtype that X is computed in; for the logistic loss -1 and +1.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights in that dtype, not negative and not all zero.
    loss : {"squared", "logistic"}
        Loss of the margin.
    l2, l1 : float
        Factors of ``|w|**2 / 2`` and ``|w|_1``; not negative.
    fit_intercept : bool
        Without an intercept nothing is centred and c stays 0.

    Attributes
    ----------
    passes : int
        Passes over the data so far; the two that take the moments count as one.
    rounding : float
        Bound of the rounding error of the last gradient, per coordinate.

    Notes
    -----
    With s the sample weights, S their sum and r the derivatives of the losses, the gradient is

        dF/dv = (X'sr - mean * sum(sr)) / (S * scale) + l2 * v / scale**2,    dF/dc = sum(sr) / S.

    ``scale**2`` is the column's variance (its mean square without an intercept) plus l2 over the
    smoothness of the loss: then every coordinate has curvature at most that smoothness, also where
    a column is tiny and the penalty alone holds it. A column that is constant next to an intercept
    has coefficient 0. Where the mean is many deviations from zero, most of it is taken off the
    elements as they are read, and only the rest is folded in.
    """

    def __init__(
        self,
        X: DenseMatrix,
        y: FloatArray,
        sample_weight: FloatArray | None,
        loss: str,
        *,
        l2: float,
        l1: float,
        fit_intercept: bool,
    ) -> None:
        self.dtype = computed_in(X)
        self.X, self.y, self.sample_weight, self.loss = X, y, sample_weight, loss
        self.l2, self.l1, self.fit_intercept = l2, l1, fit_intercept
        self.smoothness = _core.loss_smoothness(loss)
        self.sum_of_weights = float(len(X)) if sample_weight is None else total(sample_weight)
        mean, variance = _core.column_moments(X, sample_weight)
        with np.errstate(over="ignore", invalid="ignore"):  # the next line reports it
            mean_square = variance + mean * mean
        check_squares(X, mean_square)
        self.shift = None
        if fit_intercept:
            varies = variance > (CONSTANT * mean) ** 2
            deviation = np.where(varies, np.sqrt(variance), np.inf)
            self.shift = shift_for(mean, deviation, self.dtype)
        else:
            mean = np.zeros_like(mean)
            variance = mean_square
            varies = variance > 0.0
        self.mean = self.folded_mean = mean
        if self.shift is not None:
            self.folded_mean = mean - self.shift
            mean_square = variance + self.folded_mean**2
        self.root_mean_square = np.sqrt(mean_square)
        scale = np.sqrt(variance + l2 / self.smoothness)
        self.inverse_scale = np.divide(1.0, scale, out=np.zeros_like(scale), where=varies)
        self.passes = 1
        self.rounding = 0.0

    def evaluate(self, point: Float64Array) -> tuple[float, Float64Array]:
        """Return F without its L1 term, and its gradient, at (v, c): one pass over the data."""
        value, gradient = self._pass(self.y, self.loss, point)
        self.rounding = self._rounding(value, point)
        w = point[:-1] * self.inverse_scale
        gradient[:-1] += self.l2 * self.inverse_scale * w
        return value + 0.5 * self.l2 * inner(w, w), gradient

    def curvature(self, direction: Float64Array) -> Float64Array:
        """Return the largest possible Hessian times a direction: one pass over the data.

        The gradient of the squared loss with targets 0 is the Gram matrix times the direction, and
        no loss curves more than its smoothness times that.
        """
        _, gradient = self._pass(np.zeros_like(self.y), "squared", direction)
        gradient *= self.smoothness
        gradient[:-1] += self.l2 * self.inverse_scale**2 * direction[:-1]
        return gradient

    def l1_term(self, point: Float64Array) -> float:
        """Return the L1 term of F at (v, c)."""
        return self.l1 * total(np.abs(point[:-1]) * self.inverse_scale)

    def shrink(self, point: Float64Array, step: float) -> Float64Array:
        """Return the proximal step of the L1 term: soft thresholding of v."""
        if self.l1 == 0.0:
            return point
        v = point[:-1]
        size = np.maximum(np.abs(v) - step * self.l1 * self.inverse_scale, 0.0)
        return np.append(np.sign(v) * size, point[-1])

    def weights(self, point: Float64Array) -> tuple[FloatArray, float]:
        """Return (w, b) at (v, c) for X as it is, b the one that fits the rounded w."""
        w = self._rounded(point)
        return w, float(point[-1]) - inner(self.mean, w)

    def _rounded(self, point: Float64Array) -> FloatArray:
        return as_dtype(point[:-1] * self.inverse_scale, self.dtype)

    def _pass(self, y: FloatArray, loss: str, point: Float64Array) -> tuple[float, Float64Array]:
        w = self._rounded(point)
        b = float(point[-1]) - inner(self.folded_mean, w)
        value, by_weight, by_intercept = _core.loss_gradient(
            self.X, y, self.sample_weight, loss, w, b, shift=self.shift
        )
        self.passes += 1
        if not math.isfinite(value):
            message = f"F must stay finite, got {value} in pass {self.passes}; rescale y and X"
            raise ValueError(message)
        gradient = np.empty_like(point)
        gradient[:-1] = (by_weight - self.folded_mean * by_intercept) * self.inverse_scale
        gradient[-1] = by_intercept if self.fit_intercept else 0.0
        return value / self.sum_of_weights, gradient / self.sum_of_weights

    def _rounding(self, value: float, point: Float64Array) -> float:
        # The columns have mean square 1 at most, so by Cauchy-Schwarz no coordinate of the gradient
        # is further off than the root mean square error of the derivatives.
        w = np.abs(point[:-1] * self.inverse_scale)
        margins = inner(w, self.root_mean_square) + inner(w, np.abs(self.folded_mean))
        derivatives = math.sqrt(2.0 * value) if self.loss == "squared" else 1.0
        eps = float(np.finfo(self.dtype).eps)
        largest = self.smoothness * (margins + abs(float(point[-1]))) + derivatives
        return _ROUNDINGS * eps * largest


def weighted_mean(values: FloatArray, sample_weight: FloatArray | None) -> float:
    """Return the mean of a vector; exactly its value where it is constant."""
    shift = float(values[0])
    shifted = values.astype(np.float64) - shift
    if sample_weight is None:
        return shift + total(shifted) / len(values)
    return shift + inner(sample_weight, shifted) / total(sample_weight)


def total(values: FloatArray) -> float:
    """Return the sum in float64."""
    return float(values.sum(dtype=np.float64))


def check_squares(X: Matrix, mean_square: Float64Array) -> None:
    """Raise an error that names the first column whose mean square is not finite."""
    finite = np.isfinite(mean_square)
    if not finite.all():
        column = int(np.argmin(finite))
        numbers = X.data[X.indices == column] if isinstance(X, _core.CsrMatrix) else X[:, column]
        largest = float(np.abs(numbers.astype(np.float64)).max())
        message = (
            f"X must have columns whose squares are finite numbers, got values up to {largest:.1e} "
            f"in column {column}; rescale it"
        )
        raise ValueError(message)
