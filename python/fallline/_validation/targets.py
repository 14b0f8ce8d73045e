"""Checks of what there is one of for each row: labels, numbers, weights."""

from typing import Any, NoReturn, cast

import numpy as np

from fallline._validation.arrays import (
    DROP,
    as_array,
    as_dtype,
    as_finite,
    check_numeric,
    raise_not_finite,
)
from fallline._validation.rows import Matrix, computed_in
from fallline.losses import Loss
from fallline.typing import FloatArray, FloatDType


def find_classes(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the labels, sorted."""
    if y.dtype.kind in "cV":
        message = f"y must hold labels: strings, numbers or bools; got dtype {y.dtype}"
        raise TypeError(message)
    if y.dtype.kind in "fmM" and not np.isfinite(y).all():
        raise_not_finite(y, "y", DROP)
    if y.dtype.kind == "O":
        _check_objects(y)
    # Two comparisons with all labels, instead of sorting them.
    differs = y != y[0]
    second = int(np.argmax(differs))
    if differs.any() and not (differs & (y != y[second])).any():
        pair: np.ndarray[Any, Any] = np.sort(y[[0, second]])
        return pair
    classes = np.unique(y)
    if classes.size == 1:
        label = classes.tolist()[0]
        message = f"y must have at least two classes, got {label!r} alone; there is nothing to tell"
        raise ValueError(message)
    if classes.dtype.kind == "f" and (classes % 1).any():
        fraction = classes[classes % 1 != 0][0]
        message = (
            f"y must hold labels, got {classes.size} different numbers such as {fraction!s}; use a "
            "loss for regression, or y.astype(str) if they are labels"
        )
        raise ValueError(message)
    return classes


def _check_objects(y: np.ndarray[Any, Any]) -> None:
    """Refuse labels that are missing or cannot be sorted."""
    for row, label in enumerate(y):
        if label is None or not isinstance(label == label, bool | np.bool_) or label != label:
            message = f"y must hold a label in each row, got {label!r} at row {row}; {DROP}"
            raise ValueError(message)
    try:
        np.unique(y)
    except TypeError as error:
        kinds = " and ".join(sorted({type(label).__name__ for label in y}))
        message = f"y must hold labels of one kind, got {kinds}; use y.astype(str)"
        raise TypeError(message) from error


def encode(
    y: np.ndarray[Any, Any], classes: np.ndarray[Any, Any], dtype: FloatDType, name: str = "y"
) -> FloatArray:
    """Return -1 for the first class and +1 for the second."""
    second = y == classes[1]
    unknown = ~(second | (y == classes[0]))
    if unknown.any():
        _raise_unknown(y, int(np.argmax(unknown)), classes, name)
    return cast("FloatArray", np.where(second, dtype.type(1), dtype.type(-1)))


def class_numbers(
    y: np.ndarray[Any, Any], classes: np.ndarray[Any, Any], dtype: FloatDType, name: str
) -> FloatArray:
    """Return the place of each label among the classes."""
    try:
        numbers = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    except TypeError:  # labels of another kind, which do not even compare
        numbers = np.zeros(len(y), np.intp)
    unknown = np.asarray(classes[numbers] != y)
    if unknown.any():
        _raise_unknown(y, int(np.argmax(unknown)), classes, name)
    return as_dtype(numbers, dtype)


def check_every_class(
    codes: np.ndarray[Any, Any], classes: np.ndarray[Any, Any], sample_weight: FloatArray | None
) -> None:
    """Refuse classes without a row that counts; ``codes`` are their places in ``classes``."""
    if sample_weight is None:
        return
    counted = codes[sample_weight > 0].astype(np.intp)
    counts = np.bincount(counted, minlength=len(classes))
    if not counts.all():
        found = classes[np.argmin(counts)].item()
        message = (
            f"y must hold classes with positive weight, got none for {found!r}; leave its rows out"
        )
        raise ValueError(message)


def _raise_unknown(
    y: np.ndarray[Any, Any], row: int, classes: np.ndarray[Any, Any], name: str
) -> NoReturn:
    label = y[row : row + 1].tolist()[0]  # as Python has it, also where y holds objects
    shown = ", ".join(map(repr, classes[:8].tolist())) + (", …" if classes.size > 8 else "")
    message = f"{name} must hold the classes [{shown}], got {label!r} at row {row}"
    raise ValueError(message)


def one_per_row(values: object, name: str, X: Matrix) -> np.ndarray[Any, Any]:
    array = as_array(values, name)
    if array.ndim != 1:
        remedy = f"; use {name}.ravel()" if array.ndim == 2 and 1 in array.shape else ""
        message = f"{name} must be 1-dimensional, got shape {array.shape}{remedy}"
        raise ValueError(message)
    if array.size != X.shape[0]:
        message = f"{name} must have one entry per row of X ({X.shape[0]}), got {array.size}"
        raise ValueError(message)
    return array


def some_per_row(values: object, name: str, X: Matrix) -> np.ndarray[Any, Any]:
    """Return one number per row, or several."""
    array = as_array(values, name)
    if array.ndim != 2 or array.shape[1] < 2:
        return one_per_row(values, name, X)
    if len(array) != X.shape[0]:
        message = f"{name} must have one row per row of X ({X.shape[0]}), got {len(array)}"
        raise ValueError(message)
    return array


def as_numbers(array: np.ndarray[Any, Any], name: str, dtype: FloatDType) -> FloatArray:
    check_numeric(array, name)
    return np.require(as_finite(array, name, dtype, DROP), requirements=["C", "A"])


def check_domain(targets: FloatArray, loss: Loss, name: str) -> None:
    """Refuse numbers of which the loss has no value."""
    if loss.domain == "any":
        return
    outside = targets < 0 if loss.domain == "not negative" else targets <= 0
    if outside.any():
        row, *column = np.argwhere(outside)[0].tolist()
        found = targets[row, *column]
        requirement = "not be negative" if loss.domain == "not negative" else "be positive"
        message = f"{name} must {requirement} with {loss!r}, got {found!s} at row {row}"
        message += "".join(f", column {k}" for k in column)
        remedy = "; fl.losses.Tweedie() takes zeros" if found == 0 else ""
        raise ValueError(message + remedy)


def as_weights(values: object, name: str, X: Matrix) -> FloatArray:
    weights = as_numbers(one_per_row(values, name, X), name, computed_in(X))
    if weights.min() < 0:
        row = int(np.argmin(weights))
        message = f"{name} must not be negative, got {weights[row]!s} at row {row}"
        raise ValueError(message)
    if not weights.any():
        message = f"{name} must have a positive entry, got only zeros"
        raise ValueError(message)
    with np.errstate(over="ignore"):
        total = weights.sum(dtype=np.float64)
    if total == np.inf:
        message = f"{name} must have a finite sum, got entries up to {weights.max()!s}; scale them"
        raise ValueError(message)
    return weights
