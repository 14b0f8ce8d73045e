"""Centred and scaled coordinates: an exact change of variables, never a copy of X."""

from typing import NamedTuple, cast

import numpy as np

from fallline import _core
from fallline._standardization import CONSTANT, inner
from fallline._validation import Matrix, as_dtype, computed_in
from fallline.typing import DenseMatrix, Float64Array, FloatArray

# Rows whose moments decide. The change of variables is exact whatever it is, and Newton's method
# is the same in all of them: it saves digits, and few rows say enough for that.
_ROWS = 2048

# Sparse columns keep their zeros, and the passes their speed, if their variance is at least this
# share of the mean square: what centring would save is then at most four bits. By Cauchy's
# inequality they are those of which a sixteenth or more is zeros, or that hardly need centring.
_NEAR_ZERO = 1 / 16


class Coordinates(NamedTuple):
    """Weights u of columns (x - mean) * inverse_scale, the intercept behind them if there is one.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        What is taken off every column; zeros without an intercept, which could not make up for it.
    inverse_scale : ndarray of shape (n_features,)
        What the rest is multiplied by.
    fit_intercept : bool
        Whether there is an intercept.
    """

    mean: Float64Array
    inverse_scale: Float64Array
    fit_intercept: bool

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.mean) + self.fit_intercept

    def weights(self, u: Float64Array) -> tuple[Float64Array, float]:
        """Return coefficients and intercept for X as it is."""
        coef = u[: len(self.mean)] * self.inverse_scale
        return coef, self.intercept(coef, u)

    def intercept(self, coef: Float64Array, u: Float64Array) -> float:
        """Return the intercept that goes with coefficients, which may have been rounded."""
        return float(u[-1]) - inner(self.mean, coef) if self.fit_intercept else 0.0

    def terms(self, u: Float64Array) -> Float64Array:
        """Return the size of what each coordinate is made of: the intercept is a sum for X."""
        terms = np.abs(u)
        if self.fit_intercept:
            coef, intercept = self.weights(u)
            terms[-1] += abs(intercept) + inner(np.abs(self.mean), np.abs(coef))
        return terms

    def of(self, coef: Float64Array, intercept: float) -> Float64Array:
        """Return the coordinates of weights for X as it is."""
        u = coef / self.inverse_scale
        if not self.fit_intercept:
            return u
        return np.append(u, intercept + inner(self.mean, coef))

    def rows(self, X: Matrix, first: int, last: int) -> Float64Array:
        """Return rows of X in these coordinates, the 1 of the intercept behind them: a copy."""
        if isinstance(X, _core.CsrMatrix):
            places = np.repeat(np.arange(last - first), np.diff(X.indptr[first : last + 1]))
            stored = slice(int(X.indptr[first]), int(X.indptr[last]))
            width = len(self.mean)
            at = places * width + X.indices[stored]
            dense = np.bincount(at, X.data[stored].astype(np.float64), (last - first) * width)
            rows: Float64Array = dense.astype(np.float64).reshape(
                -1, width
            )  # repeated elements are added up
        else:
            rows = X[first:last].astype(np.float64)
        rows = np.asarray((rows - self.mean) * self.inverse_scale)
        return np.column_stack([rows, np.ones(len(rows))]) if self.fit_intercept else rows


def coordinates_for(
    X: Matrix, sample_weight: Float64Array | None, *, fit_intercept: bool
) -> Coordinates:
    """Choose coordinates in which columns are of about the same size.

    Parameters
    ----------
    X : ndarray or CsrMatrix of shape (n_samples, n_features)
        Anything that the core reads.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights in float64.
    fit_intercept : bool
        Whether columns may be centred.

    Raises
    ------
    ValueError
        If a column is too large for its square to be finite.

    Returns
    -------
    Coordinates
        Those of at most 4096 rows, evenly spaced, of dense data; of sparse data those of all.
    """
    mean, variance, first = _moments(X, sample_weight)
    with np.errstate(over="ignore", invalid="ignore"):  # the next line reports it
        mean_square = variance + mean * mean
    check_squares(X, mean_square)
    if fit_intercept:
        # A column of one number must be centred to exact zeros, which no rounded mean does.
        constant = variance <= (CONSTANT * mean) ** 2
        mean = np.where(constant, first, mean)
        size = np.sqrt(np.where(constant, mean_square, variance))
        if isinstance(X, _core.CsrMatrix):
            mean = np.where(variance < _NEAR_ZERO * mean_square, mean, 0.0)
    else:
        mean = np.zeros_like(mean)
        size = np.sqrt(mean_square)
    inverse = np.divide(1.0, size, out=np.ones_like(size), where=size > 0.0)
    return Coordinates(mean, inverse, fit_intercept)


def _moments(
    X: Matrix, sample_weight: Float64Array | None
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return mean and variance of each column, and a number that occurs in it."""
    if isinstance(X, _core.CsrMatrix):
        return _sparse_moments(X, sample_weight)
    rows = slice(None, None, max(1, len(X) // _ROWS))
    weights = None if sample_weight is None else np.ascontiguousarray(sample_weight[rows])
    if weights is None or not weights.any():
        weights = np.ones(len(X[rows]))
    counted = as_dtype(weights, computed_in(X))
    mean, variance = _core.column_moments(cast("DenseMatrix", X[rows]), counted)
    return mean, variance, X[rows][int(np.argmax(counted > 0))].astype(np.float64)


def _sparse_moments(
    X: _core.CsrMatrix, sample_weight: Float64Array | None
) -> tuple[Float64Array, Float64Array, Float64Array]:
    of_rows = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    mean = _core.row_sums(X, of_rows) / total(of_rows)
    mean_square = _core.row_sums(X, of_rows, squares=True) / total(of_rows)
    variance = np.maximum(mean_square - mean * mean, 0.0)
    return mean, variance, mean


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
