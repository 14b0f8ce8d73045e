"""Checks of any array: that it is one, of numbers, and finite."""

from typing import Any, NoReturn, cast

import numpy as np

from fallline import _core
from fallline.typing import FloatArray, FloatDType

DROP = "drop or impute such rows first"


def as_dtype(array: np.ndarray[Any, Any], dtype: FloatDType, copy: bool = False) -> FloatArray:
    """Return the array in that dtype, itself if it has it already."""
    return cast("FloatArray", array.astype(dtype, copy=copy))


def as_array(values: object, name: str) -> np.ndarray[Any, Any]:
    """Return ``values`` as an array of whatever dtype."""
    check_dense(values, name)
    if values is None:
        message = f"{name} must be an array, got None"
        raise TypeError(message)
    try:
        return np.asarray(values)
    except ValueError as error:  # a list of lists of different lengths
        message = f"{name} must be rectangular, got rows of different lengths"
        raise ValueError(message) from error


def check_dense(X: object, name: str = "X") -> None:
    """Refuse what NumPy would take for something else: sparse matrices and masks."""
    if is_sparse(X):
        message = f"{name} must be dense, got a sparse {type(X).__name__}; use {name}.toarray()"
        raise ValueError(message)
    mask = getattr(X, "mask", None)  # a method of pandas' objects
    if isinstance(mask, np.ndarray | np.bool_) and mask.any():
        message = (
            f"{name} must not be masked, got {np.count_nonzero(mask)} masked entries; "
            "drop or fill them first"
        )
        raise ValueError(message)


def is_sparse(X: object) -> bool:
    """Return whether X is one of SciPy's sparse matrices or arrays, which need not be installed."""
    return hasattr(X, "tocsr")


def check_numeric(array: np.ndarray[Any, Any], name: str) -> None:
    if array.dtype.kind not in "biuf" and str(array.dtype) not in _core.sources():
        remedies = {
            "O": f"; use {name}.astype(float) if all its entries are numbers",
            "U": "; encode categories as numbers first",
            "S": "; encode categories as numbers first",
        }
        remedy = remedies.get(array.dtype.kind, "")
        message = f"{name} must be numeric (real), got dtype {array.dtype}{remedy}"
        raise TypeError(message)


def as_finite(
    array: np.ndarray[Any, Any], name: str, dtype: FloatDType, remedy: str = ""
) -> FloatArray:
    with np.errstate(over="ignore"):  # what overflows becomes infinite
        numbers = as_dtype(array, dtype)
    finite = np.isfinite(numbers)
    if finite.all():
        return numbers
    if not np.isfinite(array).all():
        raise_not_finite(array, name, remedy)
    row, *column = np.argwhere(~finite)[0].tolist()
    found = array[row, *column]
    message = f"{name} must fit into {dtype}, the dtype of X, got {found!s} at row {row}"
    raise ValueError(message + "".join(f", column {k}" for k in column))


def raise_not_finite(array: np.ndarray[Any, Any], name: str, remedy: str) -> NoReturn:
    rows = 1 << 16  # at a time: never a mask as long as X
    start = next(
        k for k in range(0, len(array), rows) if not np.isfinite(array[k : k + rows]).all()
    )
    first = np.argwhere(~np.isfinite(array[start : start + rows]))[0]
    first[0] += start
    column = "" if array.ndim == 1 else f", column {first[1]}"
    message = f"{name} must be finite, got {array[tuple(first)]!s} at row {first[0]}{column}"
    raise ValueError(f"{message}; {remedy}" if remedy else message)
