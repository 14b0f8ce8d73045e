"""Anybody's arrays as views of NumPy, by their places in a list or their keys in a dict."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from fallline import _core
from fallline.optim._row_gradient import RowGradient
from fallline.typing import FloatArray

# An array of NumPy, or anything that exports its memory by DLPack or the buffer protocol; or, as a
# gradient, a RowGradient.
Array: TypeAlias = Any
Arrays: TypeAlias = Array | Sequence[Array] | Mapping[Any, Array]
Key: TypeAlias = int | str | None  # None of an array that is no item of anything

KINDS: Final = ("float16", "bfloat16", "float32", "float64")
# By NumPy's own dtypes, as a dtype's name takes 3 us to find.
_KIND_OF: Final = {np.dtype(kind): kind for kind in KINDS if kind != "bfloat16"}
_CPU: Final = 1  # of DLPack's device types


class View(NamedTuple):
    """An array as the core sees it.

    Attributes
    ----------
    array : ndarray of shape (n,)
        Its elements, not a copy; bfloat16 as uint16.
    shape : tuple of int
        Of the array.
    kind : str
        Name of the dtype.
    """

    array: Any
    shape: tuple[int, ...]
    kind: str


class Pair(NamedTuple):
    """Weights and their gradient.

    Attributes
    ----------
    w, g : View
        Of both; of the values alone where the gradient is of some rows.
    rows : RowGradient of the core or None
        Those rows; None of a gradient of all.
    """

    w: View
    g: View
    rows: _core.RowGradient | None = None


def described_place(key: object) -> str:
    """Return the index that leads to an array, for a message."""
    return "" if key is None else f"[{key!r}]"


def pairs(params: Arrays, grads: Arrays, *, clears: bool = False) -> dict[Key, Pair]:
    """Return weights and gradients by place, checked to be of the same structure and kind.

    Raises
    ------
    TypeError
        If something is no array of a kind that can be stepped, or the structures differ.
    ValueError
        If shapes or dtypes differ, or an array is not contiguous, or is read-only and to change.
    """
    weights, gradients = items(params, "params"), items(grads, "grads")
    if weights.keys() != gradients.keys():
        message = (
            f"grads must have the structure of params, {_described(params)}; "
            f"got {_described(grads)}"
        )
        raise TypeError(message)
    found = {}
    for key, array in weights.items():
        place = described_place(key)
        w = view(f"params{place}", array, writes=True)
        if isinstance(gradients[key], RowGradient):
            found[key] = _pair_of_rows(place, w, gradients[key], writes=clears)
            continue
        g = view(f"grads{place}", gradients[key], writes=clears)
        if g.shape != w.shape or g.kind != w.kind:
            message = (
                f"grads{place} must have the shape and dtype of params{place}, "
                f"{w.shape} {w.kind}; got {g.shape} {g.kind}"
            )
            raise ValueError(message)
        found[key] = Pair(w, g)
    _check_apart(found, clears=clears)
    return found


def _pair_of_rows(place: str, w: View, gradient: RowGradient, *, writes: bool) -> Pair:
    g, rows = view(f"grads{place}.values", gradient.values, writes=writes), gradient.rows
    if not w.shape:
        message = f"params{place} must have rows for a RowGradient, got shape (); pass an array"
        raise ValueError(message)
    shape, n_rows = (len(rows), *w.shape[1:]), w.shape[0]
    if g.shape != shape or g.kind != w.kind:
        message = (
            f"grads{place}.values must have a row like those of params{place} for each of its "
            f"rows, {shape} {w.kind}; got {g.shape} {g.kind}"
        )
        raise ValueError(message)
    # As numbers without a sign, negative ones are the largest of all.
    if len(rows) and int(rows.view(np.uint64).max()) >= n_rows:
        bad = next(int(row) for row in rows if not 0 <= row < n_rows)
        message = (
            f"grads{place}.rows must be at least 0 and less than the {n_rows} rows of "
            f"params{place}, got {bad}"
        )
        raise ValueError(message)
    width = w.array.size // n_rows if n_rows else 0
    return Pair(w, g, _core.RowGradient(rows, g.array, n_rows, width))


def _check_apart(arrays: Mapping[Key, Pair], *, clears: bool) -> None:
    """Raise ValueError if an array that is to change shares memory with another.

    Weights may be their own gradient, as each element is read before it is written; not of some
    rows, which other elements are.
    """
    spans = []
    for key, (w, g, rows) in arrays.items():
        of_w, of_g = _span(w), _span(g)
        spans.append((*of_w, True, f"params{described_place(key)}"))
        if clears or of_g != of_w or rows is not None:
            spans.append((*of_g, clears, f"grads{described_place(key)}"))
    last = last_to_change = (0, "")  # the furthest ends so far
    for begin, end, changes, name in sorted(span for span in spans if span[0] < span[1]):
        reaches, other = last if changes else last_to_change
        if begin < reaches:
            message = (
                f"{other} and {name} must not share memory, as a step changes one of them; "
                "pass each array once, or a copy"
            )
            raise ValueError(message)
        last = max(last, (end, name))
        last_to_change = max(last_to_change, (end, name)) if changes else last_to_change


def _span(of: View) -> tuple[int, int]:
    first = of.array.__array_interface__["data"][0]
    return first, first + of.array.nbytes


def items(arrays: Arrays, name: str) -> dict[Any, Array]:
    """Return arrays by place."""
    if isinstance(arrays, Mapping):
        return dict(arrays)
    if isinstance(arrays, list | tuple):
        return dict(enumerate(arrays))
    if (
        isinstance(arrays, np.ndarray | RowGradient)
        or hasattr(arrays, "__dlpack__")
        or _has_buffer(arrays)
    ):
        return {None: arrays}
    message = f"{name} must be an array or a list, tuple or dict of arrays, got {type(arrays)!r}"
    raise TypeError(message)


def like(arrays: Arrays, by_place: Mapping[Any, FloatArray]) -> Any:
    """Return arrays by place in the structure of others."""
    if isinstance(arrays, Mapping):
        return dict(by_place)
    if isinstance(arrays, list | tuple):
        is_named = hasattr(arrays, "_fields")
        return type(arrays)(*by_place.values()) if is_named else type(arrays)(by_place.values())
    return by_place[None]


def view(name: str, array: Array, *, writes: bool) -> View:
    """Return an array as the core sees it, or raise."""
    brain = False
    if not isinstance(array, np.ndarray):
        array, brain = _imported(name, array, writes=writes)
    if hasattr(array, "mask"):  # importing numpy.ma only to ask costs 5 ms
        message = f"{name} must not be masked, got a MaskedArray; pass its .data"
        raise TypeError(message)
    kind = "bfloat16" if brain else _KIND_OF.get(array.dtype) or array.dtype.name
    if kind not in KINDS or not array.dtype.isnative:
        message = f"{name} must be one of {', '.join(KINDS)}, got {array.dtype}"
        raise TypeError(message)
    if not array.flags.aligned:
        message = f"{name} must be aligned, got a view of bytes; pass a copy"
        raise ValueError(message)
    if not array.flags.c_contiguous:
        message = (
            f"{name} must be C-contiguous, got strides {array.strides}; use numpy.ascontiguousarray"
        )
        raise ValueError(message)
    if writes and not array.flags.writeable:
        message = f"{name} must be writeable, got a read-only array; pass a copy"
        raise ValueError(message)
    flat = np.ravel(array)  # reshape would leave a numpy.matrix 2-dimensional
    return View(flat.view(np.uint16) if kind == "bfloat16" else flat, array.shape, kind)


def widened(array: Any) -> Any:
    """Return the elements of a view as float64 if they are, and as float32 otherwise."""
    if array.dtype == np.uint16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32)


def _has_buffer(array: Any) -> bool:
    try:
        memoryview(array)
    except TypeError:
        return False
    return True


def _imported(name: str, array: Array, *, writes: bool) -> tuple[Any, bool]:
    """Return an array of another library as one of NumPy, and whether it is bfloat16."""
    if isinstance(array, np.generic):  # as a gradient of shape () often is
        if writes:
            message = f"{name} must be an array, got the number {array!r}; use numpy.array({array})"
            raise TypeError(message)
        return np.asarray(array), False
    is_tensor = hasattr(array, "detach")  # of torch, which exports none that asks for gradients
    if hasattr(array, "__dlpack__"):
        device, _ = array.__dlpack_device__()
        if device != _CPU:
            message = f"{name} must be in the memory of the CPU, got one on device type {device}"
            raise ValueError(message)
        if writes and not is_tensor and not np.asarray(array).flags.writeable:
            message = f"{name} must be writeable, got a read-only {type(array).__name__}"
            raise ValueError(message)
        found = _core.from_dlpack((array.detach() if is_tensor else array).__dlpack__())
        return found, found.dtype == np.uint16  # as the core has bfloat16
    if _has_buffer(array):
        return np.asarray(array), False
    message = (
        f"{name} must be an array of NumPy, or one with DLPack or the buffer protocol, "
        f"got {type(array).__name__}"
    )
    raise TypeError(message)


def _described(arrays: Arrays) -> str:
    if isinstance(arrays, Mapping):
        return f"a dict of {list(arrays)}"
    if isinstance(arrays, list | tuple):
        return f"a {type(arrays).__name__} of {len(arrays)}"
    return "an array"
