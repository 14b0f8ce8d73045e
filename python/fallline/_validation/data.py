"""Checks of samples, targets and weights against each other."""

from typing import Any, Literal, NamedTuple, cast

import numpy as np

from fallline._validation.arrays import as_array, as_finite, check_numeric
from fallline._validation.rows import (
    Matrix,
    as_matrix,
    check_columns,
    column_names,
    computed_in,
)
from fallline._validation.targets import (
    as_numbers,
    as_weights,
    check_domain,
    class_numbers,
    encode,
    find_classes,
    one_per_row,
    some_per_row,
)
from fallline.losses import Loss
from fallline.typing import Float64Array, FloatArray, FloatDType


class Data(NamedTuple):
    """What a model is trained or evaluated on, as the core wants it."""

    X: Matrix
    y: FloatArray
    sample_weight: FloatArray | None
    classes: np.ndarray[Any, Any] | None
    copied_bytes: int
    feature_names: tuple[str, ...] | None
    heads: Literal["per_head", "classes"] | None = None  # what y is to them; None is one head
    shift: FloatArray | None = None  # to be taken off X where it is read

    @property
    def n_heads(self) -> int:
        """Number of outputs of the model."""
        if self.heads == "classes":
            return len(cast("np.ndarray[Any, Any]", self.classes))
        return self.y.shape[1] if self.heads else 1

    @property
    def kind_of_heads(self) -> str:
        """What several outputs are, in a word."""
        return "targets" if self.classes is None else "classes"

    @property
    def dtype(self) -> FloatDType:
        """What the core computes in."""
        return self.y.dtype


def check_data(
    X: object,
    y: object,
    sample_weight: object,
    loss: Loss,
    classes: np.ndarray[Any, Any] | None = None,
    prefix: str = "",
) -> Data:
    """Check samples, targets and weights against each other; ``classes`` are those to expect."""
    matrix, copied = as_matrix(X, f"{prefix}X")
    dtype = computed_in(matrix)
    heads: Literal["per_head", "classes"] | None = None
    if loss.classifies:
        labels = one_per_row(y, f"{prefix}y", matrix)
        if classes is None:
            classes = find_classes(labels)
        if len(classes) > 2 or loss.coupled:
            heads = "classes"
            targets = class_numbers(labels, classes, dtype, f"{prefix}y")
        else:
            targets = encode(labels, classes, dtype, f"{prefix}y")
    else:
        numbers = some_per_row(y, f"{prefix}y", matrix)
        heads = "per_head" if numbers.ndim == 2 else None
        targets = as_numbers(numbers, f"{prefix}y", dtype)
        check_domain(targets, loss, f"{prefix}y")
    weight = None
    if sample_weight is not None:
        weight = as_weights(sample_weight, f"{prefix}sample_weight", matrix)
    return Data(matrix, targets, weight, classes, copied, column_names(X), heads)


def check_validation(validation: object, data: Data, loss: Loss) -> Data | None:
    """Check a pair of data to validate on against the data to train on."""
    if validation is None:
        return None
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        of = f" of {len(validation)}" if isinstance(validation, tuple | list) else ""
        message = f"validation must be a pair (X, y), got {type(validation).__name__}{of}"
        raise TypeError(message)
    X, y = validation
    held_out = check_data(X, y, None, loss, data.classes, "validation ")
    check_columns(held_out.feature_names, data.feature_names, "validation X")
    if held_out.X.shape[1] != data.X.shape[1]:
        message = (
            f"validation X must have the {data.X.shape[1]} features of X, got {held_out.X.shape[1]}"
        )
        raise ValueError(message)
    if held_out.n_heads != data.n_heads:
        message = f"validation y must have the {data.n_heads} columns of y, got {held_out.n_heads}"
        raise ValueError(message)
    return held_out


def check_coef(coef: object, data: Data, dtype: FloatDType) -> FloatArray:
    """Return starting weights as a new array of the given dtype."""
    array = as_array(coef, "coef")
    check_numeric(array, "coef")
    n_features = data.X.shape[1]
    shape: tuple[int, ...] = (n_features, data.n_heads) if data.heads else (n_features,)
    if array.shape != shape:
        per = " and output" if data.heads else ""
        message = f"coef must have shape {shape}, one per feature{per}, got {array.shape}"
        raise ValueError(message)
    return as_finite(array, "coef", dtype).copy(order="C")


def check_intercepts(intercept: object, data: Data) -> Float64Array:
    """Return the starting intercepts of several heads; None is zeros."""
    array = as_array(np.zeros(data.n_heads) if intercept is None else intercept, "intercept")
    check_numeric(array, "intercept")
    if array.shape != (data.n_heads,):
        message = f"intercept must have shape ({data.n_heads},), one per output, got {array.shape}"
        raise ValueError(message)
    return cast("Float64Array", as_finite(array, "intercept", np.dtype(np.float64)))
