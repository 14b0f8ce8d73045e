"""The only place that checks arrays: once, before the core sees them.

What can be read in place is passed on as it is. What cannot is copied, and the copy is counted.
"""

from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias, cast

import numpy as np

from fallline import _core
from fallline.losses import Loss
from fallline.typing import Float64Array, FloatArray, FloatDType, IndexArray

# Rows as the core reads them.
Matrix: TypeAlias = FloatArray | _core.CsrMatrix

_DROP = "drop or impute such rows first"


class Data(NamedTuple):
    """What a model is trained or evaluated on, as the core wants it."""

    X: Matrix
    y: FloatArray
    sample_weight: FloatArray | None
    classes: np.ndarray[Any, Any] | None
    copied_bytes: int
    feature_names: tuple[str, ...] | None
    heads: Literal["per_head", "classes"] | None = None  # what y is to them; None is one head

    @property
    def n_heads(self) -> int:
        """Number of outputs of the model."""
        if self.heads == "classes":
            return len(cast("np.ndarray[Any, Any]", self.classes))
        return self.y.shape[1] if self.heads else 1


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
    heads: Literal["per_head", "classes"] | None = None
    if loss.classifies:
        labels = _one_per_row(y, f"{prefix}y", matrix)
        if classes is None:
            classes = find_classes(labels)
        if len(classes) > 2 or loss.coupled:
            heads = "classes"
            targets = _class_numbers(labels, classes, matrix.dtype, f"{prefix}y")
        else:
            targets = encode(labels, classes, matrix.dtype, f"{prefix}y")
    else:
        numbers = _some_per_row(y, f"{prefix}y", matrix)
        heads = "per_head" if numbers.ndim == 2 else None
        targets = _as_numbers(numbers, f"{prefix}y", matrix.dtype)
        _check_domain(targets, loss, f"{prefix}y")
    weight = None
    if sample_weight is not None:
        weight = _as_weights(sample_weight, f"{prefix}sample_weight", matrix)
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


def as_matrix(X: object, name: str = "X") -> tuple[Matrix, int]:
    """Return X as a finite float matrix, and the bytes that had to be copied for it."""
    if isinstance(X, _core.CsrMatrix):  # an estimator has checked it
        return X, 0
    if is_sparse(X):
        return _as_csr(X, name)
    array = _as_array(X, name)
    _check_numeric(array, name)
    _check_shape(array.shape, name)
    matrix = _readable(array)
    if not _core.all_finite(matrix):
        _raise_not_finite(matrix, name, _DROP)
    return matrix, 0 if _is_view(matrix, X, array) else matrix.nbytes


def is_sparse(X: object) -> bool:
    """Return whether X is one of SciPy's sparse matrices or arrays, which need not be installed."""
    return hasattr(X, "tocsr")


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
    _check_numeric(X.data, name)
    _check_shape(X.shape, name)
    values = _readable(X.data[np.newaxis])[0]
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
            f"{_DROP}"
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


def find_classes(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the labels, sorted."""
    if y.dtype.kind in "cV":
        message = f"y must hold labels: strings, numbers or bools; got dtype {y.dtype}"
        raise TypeError(message)
    if y.dtype.kind in "fmM" and not np.isfinite(y).all():
        _raise_not_finite(y, "y", _DROP)
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
            message = f"y must hold a label in each row, got {label!r} at row {row}; {_DROP}"
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


def _class_numbers(
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


def _raise_unknown(
    y: np.ndarray[Any, Any], row: int, classes: np.ndarray[Any, Any], name: str
) -> NoReturn:
    label = y[row : row + 1].tolist()[0]  # as Python has it, also where y holds objects
    shown = ", ".join(map(repr, classes[:8].tolist())) + (", …" if classes.size > 8 else "")
    message = f"{name} must hold the classes [{shown}], got {label!r} at row {row}"
    raise ValueError(message)


def check_coef(coef: object, data: Data, dtype: FloatDType) -> FloatArray:
    """Return starting weights as a new array of the given dtype."""
    array = _as_array(coef, "coef")
    _check_numeric(array, "coef")
    n_features = data.X.shape[1]
    shape: tuple[int, ...] = (n_features, data.n_heads) if data.heads else (n_features,)
    if array.shape != shape:
        per = " and output" if data.heads else ""
        message = f"coef must have shape {shape}, one per feature{per}, got {array.shape}"
        raise ValueError(message)
    return _as_finite(array, "coef", dtype).copy(order="C")


def check_intercepts(intercept: object, data: Data) -> Float64Array:
    """Return the starting intercepts of several heads; None is zeros."""
    array = _as_array(np.zeros(data.n_heads) if intercept is None else intercept, "intercept")
    _check_numeric(array, "intercept")
    if array.shape != (data.n_heads,):
        message = f"intercept must have shape ({data.n_heads},), one per output, got {array.shape}"
        raise ValueError(message)
    return cast("Float64Array", _as_finite(array, "intercept", np.dtype(np.float64)))


def as_dtype(array: np.ndarray[Any, Any], dtype: FloatDType) -> FloatArray:
    """Return the array in that dtype, itself if it has it already."""
    return cast("FloatArray", array.astype(dtype, copy=False))


def _as_array(values: object, name: str) -> np.ndarray[Any, Any]:
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


def _is_view(matrix: FloatArray, X: object, array: np.ndarray[Any, Any]) -> bool:
    """Return whether ``matrix``, made of ``array``, made of ``X``, lies in the memory of ``X``."""
    if not isinstance(X, np.ndarray) and array.flags.owndata:  # a list, or a table of many columns
        return False
    return matrix is array or np.shares_memory(matrix, array)


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    if len(shape) != 2:
        remedy = f"; use {name}.reshape(-1, 1) for a single feature" if len(shape) == 1 else ""
        message = f"{name} must be 2-dimensional, got shape {shape}{remedy}"
        raise ValueError(message)
    if 0 in shape:
        message = f"{name} must have at least one row and one column, got shape {shape}"
        raise ValueError(message)


def _check_numeric(array: np.ndarray[Any, Any], name: str) -> None:
    if array.dtype.kind not in "biuf":
        remedies = {
            "O": f"; use {name}.astype(float) if all its entries are numbers",
            "U": "; encode categories as numbers first",
            "S": "; encode categories as numbers first",
        }
        remedy = remedies.get(array.dtype.kind, "")
        message = f"{name} must be numeric (real), got dtype {array.dtype}{remedy}"
        raise TypeError(message)


def _readable(array: np.ndarray[Any, Any]) -> FloatArray:
    """Return what the core can read: float32 or float64 rows of adjacent elements."""
    if array.dtype not in (np.float32, np.float64) or not array.dtype.isnative:
        narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused as that
            return cast("FloatArray", np.ascontiguousarray(array, "f4" if narrow else "f8"))
    item = array.itemsize
    adjacent = array.shape[1] == 1 or array.strides[1] == item
    if adjacent and array.strides[0] % item == 0 and array.flags.aligned:
        return array
    return cast("FloatArray", np.require(array, requirements=["C", "A"]))


def _one_per_row(values: object, name: str, X: Matrix) -> np.ndarray[Any, Any]:
    array = _as_array(values, name)
    if array.ndim != 1:
        remedy = f"; use {name}.ravel()" if array.ndim == 2 and 1 in array.shape else ""
        message = f"{name} must be 1-dimensional, got shape {array.shape}{remedy}"
        raise ValueError(message)
    if array.size != X.shape[0]:
        message = f"{name} must have one entry per row of X ({X.shape[0]}), got {array.size}"
        raise ValueError(message)
    return array


def _some_per_row(values: object, name: str, X: Matrix) -> np.ndarray[Any, Any]:
    """Return one number per row, or several."""
    array = _as_array(values, name)
    if array.ndim != 2 or array.shape[1] < 2:
        return _one_per_row(values, name, X)
    if len(array) != X.shape[0]:
        message = f"{name} must have one row per row of X ({X.shape[0]}), got {len(array)}"
        raise ValueError(message)
    return array


def _as_numbers(array: np.ndarray[Any, Any], name: str, dtype: FloatDType) -> FloatArray:
    _check_numeric(array, name)
    return np.require(_as_finite(array, name, dtype, _DROP), requirements=["C", "A"])


def _check_domain(targets: FloatArray, loss: Loss, name: str) -> None:
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


def _as_finite(
    array: np.ndarray[Any, Any], name: str, dtype: FloatDType, remedy: str = ""
) -> FloatArray:
    with np.errstate(over="ignore"):  # what overflows becomes infinite
        numbers = as_dtype(array, dtype)
    finite = np.isfinite(numbers)
    if finite.all():
        return numbers
    if not np.isfinite(array).all():
        _raise_not_finite(array, name, remedy)
    row, *column = np.argwhere(~finite)[0].tolist()
    found = array[row, *column]
    message = f"{name} must fit into {dtype}, the dtype of X, got {found!s} at row {row}"
    raise ValueError(message + "".join(f", column {k}" for k in column))


def _as_weights(values: object, name: str, X: Matrix) -> FloatArray:
    weights = _as_numbers(_one_per_row(values, name, X), name, X.dtype)
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


def _raise_not_finite(array: np.ndarray[Any, Any], name: str, remedy: str) -> NoReturn:
    rows = 1 << 16  # at a time: never a mask as long as X
    start = next(
        k for k in range(0, len(array), rows) if not np.isfinite(array[k : k + rows]).all()
    )
    first = np.argwhere(~np.isfinite(array[start : start + rows]))[0]
    first[0] += start
    column = "" if array.ndim == 1 else f", column {first[1]}"
    message = f"{name} must be finite, got {array[tuple(first)]!s} at row {first[0]}{column}"
    raise ValueError(f"{message}; {remedy}" if remedy else message)
