"""Standardised columns by algebra: what is folded into the weights, so that X stays as it is."""

from typing import Final, NamedTuple, cast

import numpy as np

from fallline import _core
from fallline._validation import Data, Matrix, as_dtype
from fallline.typing import DenseMatrix, Float64Array, FloatArray, FloatDType

# Where a column's mean is m deviations from zero, folding multiplies the rounding error of its
# part of a margin by 1 + m, as x * v and mean * v nearly cancel. Up to 16 that takes 4 bits, no
# more than the additions along a row may take. Beyond it the mean is taken off the elements
# themselves, which costs their way through the cache.
_MOST_DEVIATIONS: Final = 16.0

# Rounding of the mean leaves a constant column with a deviation of about eps times its value.
CONSTANT: Final = 1e-12


class Standardization(NamedTuple):
    """Columns less their mean, divided by their deviation.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        What the weights fold in, in the dtype of the computation: the columns' means, less `shift`.
    inverse_scale : ndarray of shape (n_features,)
        One over the standard deviations, in the dtype of the computation; 1 for constant columns.
    shift : ndarray of shape (n_features,) or None
        What is taken off the elements as they are read, in the dtype of the computation.
    """

    mean: FloatArray
    inverse_scale: FloatArray
    shift: FloatArray | None

    @property
    def center(self) -> Float64Array:
        """What is taken off in all, exactly as the core does it."""
        mean = self.mean.astype(np.float64)
        return mean if self.shift is None else mean + self.shift

    def unscale(self, coef: FloatArray, intercept: float) -> tuple[FloatArray, float]:
        """Return the weights for X as it is."""
        raw = coef * self.inverse_scale  # rounded as the core rounds it
        return raw, intercept - inner(raw, self.center)

    def scale(self, coef: FloatArray, intercept: float) -> tuple[FloatArray, float]:
        """Return the weights for the standardised columns."""
        scaled = coef / self.inverse_scale
        return scaled, intercept + inner(scaled * self.inverse_scale, self.center)


def standardization(data: Data, *, center: bool) -> Standardization:
    """Measure the columns, in two passes; without `center` they are only scaled, by their size."""
    mean, variance = _core.column_moments(cast("DenseMatrix", data.X), data.sample_weight)
    if not center:
        variance += mean * mean
        mean[:] = 0.0
    deviation = np.sqrt(variance)
    deviation[deviation <= CONSTANT * np.abs(mean)] = 1.0
    _check_finite(data, deviation)
    shift = shift_for(mean, deviation, data.dtype)
    if shift is not None:
        mean = mean - shift
    return Standardization(as_dtype(mean, data.dtype), as_dtype(1.0 / deviation, data.dtype), shift)


def shift_for(mean: Float64Array, deviation: Float64Array, dtype: FloatDType) -> FloatArray | None:
    """Return what to take off the elements as they are read; None where folding does as well."""
    far = np.abs(mean) > _MOST_DEVIATIONS * deviation
    return as_dtype(mean, dtype, copy=True) if far.any() else None


def margins(X: Matrix, w: FloatArray, intercept: float, shift: FloatArray | None) -> FloatArray:
    """Return X w + intercept, computed from the point `shift` where there is one."""
    if shift is None or isinstance(X, _core.CsrMatrix):
        return _core.margins(X, w, intercept)
    center = as_dtype(shift, w.dtype)
    return _core.margins(X, w, intercept + inner(w, center), center)


def inner(a: FloatArray, b: FloatArray) -> float:
    """Return the dot product in float64."""
    # Not a @ b: a BLAS adds in an order that depends on processor and thread count.
    return _core.inner(a, b)


def _check_finite(data: Data, deviation: Float64Array) -> None:
    limits = np.finfo(data.dtype)
    usable = (deviation < limits.max) & (deviation > 1.0 / limits.max)
    if not usable.all():
        column = int(np.argmin(usable))
        message = (
            f"X must have deviations that can be inverted in {data.dtype}, got "
            f"{deviation[column]:.1e} in column {column}; rescale it"
        )
        raise ValueError(message)
