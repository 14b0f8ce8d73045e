"""Checks of X: what can be read in place is passed on as it is; what is copied is counted."""

from functools import cache
from typing import Any, NoReturn, TypeAlias, cast

import numpy as np

from fallline import _core
from fallline._validation.arrays import (
    DROP,
    as_array,
    check_numeric,
    is_sparse,
    raise_not_finite,
)
from fallline.typing import DenseMatrix, Float64Array, FloatArray, FloatDType, IndexArray

# Rows as the core reads them.
Matrix: TypeAlias = DenseMatrix | _core.CsrMatrix


def as_matrix(X: object, name: str = "X") -> tuple[Matrix, int]:
    """Return X as a finite float matrix, and the bytes that had to be copied for it."""
    if isinstance(X, _core.CsrMatrix):  # an estimator has checked it
        return X, 0
    if is_sparse(X):
        return _as_csr(X, name)
    array = as_array(X, name)
    check_numeric(array, name)
    _check_shape(array.shape, name)
    matrix = _readable(array)
    if matrix.dtype.kind not in "biu" and not _core.all_finite(matrix):
        raise_not_finite(matrix, name, DROP)
    return matrix, 0 if is_view(matrix, X) else matrix.nbytes


def computed_in(matrix: Matrix) -> FloatDType:
    """Return the dtype in which the core computes with the elements of a matrix."""
    return _computed_in(matrix.dtype)


@cache  # as the name of a dtype is Python code, and takes microseconds
def _computed_in(dtype: np.dtype[Any]) -> FloatDType:
    return cast("FloatDType", np.dtype(_core.sources()[str(dtype)]))


def is_view(matrix: DenseMatrix, X: Any) -> bool:
    """Return whether ``matrix``, made of ``X``, lies in the memory of ``X``."""
    if isinstance(X, np.ndarray):
        return np.may_share_memory(matrix, X)
    if hasattr(X, "iloc"):  # pandas: each column lies in the table, all together only if of a kind
        return np.may_share_memory(matrix, X.iloc[:, 0].to_numpy())
    return not matrix.flags.owndata  # neither a list nor a table that is put together anew


def raise_not_csr(X: object, name: str = "X") -> NoReturn:
    """Refuse a sparse matrix of another format."""
    message = (
        f"{name} must be dense or sparse in CSR format, got a sparse {type(X).__name__}; "
        f"use {name}.tocsr()"
    )
    raise ValueError(message)


def _as_csr(X: Any, name: str) -> tuple[_core.CsrMatrix, int]:
    if X.format != "csr":
        raise_not_csr(X, name)
    check_numeric(X.data, name)
    _check_shape(X.shape, name)
    values = _floats(X.data)
    narrow = X.indices.dtype == np.int32 == X.indptr.dtype
    indices, indptr = (
        cast("IndexArray", np.ascontiguousarray(array, np.int32 if narrow else np.int64))
        for array in (X.indices, X.indptr)
    )
    n_samples, n_features = X.shape
    if (indices.size, indptr.size) != (values.size, n_samples + 1):
        message = (
            f"{name} must have as many indices as data, {values.size}, and an indptr of "
            f"{n_samples + 1} entries, got {indices.size} and {indptr.size}"
        )
        raise ValueError(message)
    try:
        matrix = _core.CsrMatrix(values, indices, indptr, n_features)
    except ValueError as error:
        _raise_unsound(indices, indptr, n_features, name, error)
    if not _core.all_finite(values[np.newaxis]):
        place = int(np.argmin(np.isfinite(values)))
        row = int(np.searchsorted(indptr, place, side="right")) - 1
        message = (
            f"{name} must be finite, got {X.data[place]!s} at row {row}, column {indices[place]}; "
            f"{DROP}"
        )
        raise ValueError(message)
    pairs = zip((values, indices, indptr), (X.data, X.indices, X.indptr), strict=True)
    return matrix, sum(new.nbytes for new, old in pairs if not np.may_share_memory(new, old))


def _raise_unsound(
    indices: IndexArray, indptr: IndexArray, n_features: int, name: str, error: Exception
) -> NoReturn:
    outside = (indices < 0) | (indices >= n_features)
    if outside.any():
        place = int(np.argmax(outside))
        message = (
            f"{name}.indices must be columns from 0 to {n_features - 1}, got {indices[place]} at "
            f"position {place}; see {name}.check_format()"
        )
    else:
        falls = np.flatnonzero(np.diff(indptr) < 0)
        got = (
            f"{indptr[falls[0] + 1]} after {indptr[falls[0]]} at position {falls[0] + 1}"
            if falls.size
            else f"{indptr[0]} to {indptr[-1]}"
        )
        message = (
            f"{name}.indptr must rise from 0 to at most {indices.size}, the number of values, got "
            f"{got}; see {name}.check_format()"
        )
    raise ValueError(message) from error


def column_spans(X: Matrix) -> Float64Array:
    """Return the distance of the largest from the smallest number of each column."""
    if not isinstance(X, _core.CsrMatrix):
        spans: Float64Array = np.subtract(X.max(axis=0), X.min(axis=0), dtype=np.float64)
        return spans
    # Of a sparse column the zeros count, whether or not it has some.
    highest, lowest = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    np.maximum.at(highest, X.indices, X.data)
    np.minimum.at(lowest, X.indices, X.data)
    return highest - lowest


def column_names(X: object) -> tuple[str, ...] | None:
    """Return the names of the columns of a table, or None for what has none."""
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return tuple(columns)


def check_columns(
    names: tuple[str, ...] | None, expected: tuple[str, ...] | None, name: str = "X"
) -> None:
    """Refuse a table whose columns have other names, or another order, than those of the fit."""
    if names and expected and names != expected:
        message = (
            f"{name} must have the columns this model is fitted on, {list(expected)}, in that "
            f"order; got {list(names)}"
        )
        raise ValueError(message)


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    if len(shape) != 2:
        remedy = f"; use {name}.reshape(-1, 1) for a single feature" if len(shape) == 1 else ""
        message = f"{name} must be 2-dimensional, got shape {shape}{remedy}"
        raise ValueError(message)
    if 0 in shape:
        message = f"{name} must have at least one row and one column, got shape {shape}"
        raise ValueError(message)


def _readable(array: DenseMatrix) -> DenseMatrix:
    """Return what the core can read: the array itself if it knows its elements."""
    return array if str(array.dtype) in _core.sources() else _floats(array)


def _floats(array: np.ndarray[Any, Any]) -> FloatArray:
    """Return the array as float32 or float64, itself if it is that and contiguous."""
    narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused as that
        return cast("FloatArray", np.ascontiguousarray(array, "f4" if narrow else "f8"))
