"""Where tensors lie, as the core is told: looked up once, for as long as they stay there."""

from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fallline import _core
from fallline.optim._arrays import view

# In the order of the core's elements.
_DTYPES: Final = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_NUMBERS: Final = {dtype: number for number, dtype in enumerate(_DTYPES)}

# Formats besides the usual one that leave no gaps, by the number of axes.
_FORMATS: Final = {4: torch.channels_last, 5: torch.channels_last_3d}

_GRADIENT: Final = 4  # column of the addresses


class Row(NamedTuple):
    """Weights and what belongs to them.

    Attributes
    ----------
    w : Tensor
        The weights.
    state : dict
        As torch.optim has it.
    slots : tuple of str
        Names of the core's state arrays in it.
    average : str
        Name of the average in it; empty where none is kept.
    tensors : tuple of str
        Names of all tensors in it.
    """

    w: torch.Tensor
    state: dict[str, Any]
    slots: tuple[str, ...]
    average: str
    tensors: tuple[str, ...]


class Table(NamedTuple):
    """Weights that are stepped by the same numbers.

    Attributes
    ----------
    group : int
        Number of their group.
    rows : list of Row
        The weights, which have the same counters.
    places : ndarray of shape (n,)
        Of the weights among all that have a gradient.
    addresses : ndarray of shape (n, n_columns)
        For the core.
    gradients : list of RowGradient of the core or None
        Of the weights with a sparse gradient, in the place of its address; empty without any.
    """

    group: int
    rows: list[Row]
    places: NDArray[np.int64]
    addresses: NDArray[np.int64]
    gradients: list[Any]


class Plan:
    """All that is stepped together, with copies of what lies otherwise than its weights do.

    Parameters
    ----------
    groups : list of dict
        Of torch.
    rules : list of str
        Names of the rules of each group.
    rows : list of Row
        Of all weights that have a gradient, in the order of the groups.
    keys : list of tuple
        The number of the group, and what else is to be the same within a table, of each row.
    gradients : list of Tensor
        Of each row; another thread may take them away from the weights at any time.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        rules: list[str],
        rows: list[Row],
        keys: list[tuple[Any, ...]],
        gradients: list[torch.Tensor],
    ) -> None:
        self.rows, self._rules = rows, rules
        self.counters = _together([row.state for row in rows if "step" in row.state])
        self._is_plain = True
        self._copies: list[torch.Tensor] = []
        self._written: list[tuple[torch.Tensor, torch.Tensor]] = []
        places: dict[tuple[Any, ...], list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        self.tables = [
            Table(
                key[0],
                [rows[place] for place in of_key],
                np.array(of_key),
                np.array([self._addresses(rows[k], gradients[k]) for k in of_key], np.int64),
                self._sparse_gradients([(rows[k].w, gradients[k]) for k in of_key]),
            )
            for key, of_key in places.items()
        ]
        self._weights = _weights(groups)
        with_gradient = {id(row.w) for row in rows}
        self._have_gradients = [id(w) in with_gradient for w in self._weights]
        self._held = _held(rows)
        self._pointers, self._sizes = _pointers(self._held), _sizes(self._held)
        self._shapes, self._dtypes = [row.w.shape for row in rows], [row.w.dtype for row in rows]
        self._layouts = [_format(row.w) for row in rows]
        self._are_usual = all(layout is torch.contiguous_format for layout in self._layouts)
        # Nothing else may come to lie where these lie, in other threads either.
        self._storages = [tensor.untyped_storage() for tensor in self._held]
        self._gradients = gradients

    def renew(
        self,
        groups: list[dict[str, Any]],
        rules: list[str],
        state: Mapping[torch.Tensor, dict[str, Any]],
    ) -> bool:
        """Take the gradients there are now; return False if anything else has changed."""
        weights = _weights(groups)
        if not self._is_plain or rules != self._rules or not _are_same(weights, self._weights):
            return False
        gradients = [w.grad for w in weights]
        if [gradient is not None for gradient in gradients] != self._have_gradients:
            return False
        present = [gradient for gradient in gradients if gradient is not None]
        if not (self._stays(state) and self._are_alike(present)):
            return False
        pointers = np.array(_pointers(present), np.int64)
        for table in self.tables:
            table.addresses[:, _GRADIENT] = pointers[table.places]
        self._gradients = present
        return True

    def let_go(self) -> None:
        """Forget the gradients."""
        self._gradients = []

    def _stays(self, state: Mapping[torch.Tensor, dict[str, Any]]) -> bool:
        """Return whether weights and states lie where they lay, and are of the same shape."""
        if not all(state.get(row.w) is row.state for row in self.rows):
            return False
        held = _held(self.rows)
        if not (_are_same(held, self._held) and _pointers(held) == self._pointers):
            return False
        return _sizes(held) == self._sizes

    def _are_alike(self, gradients: list[torch.Tensor]) -> bool:
        """Return whether gradients lie as their weights do, and these as they did."""
        # By lists, as a loop over the tensors takes longer.
        weights = [row.w for row in self.rows]
        if True in [gradient.is_sparse or gradient.is_neg() for gradient in gradients]:
            return False
        if [w.shape for w in weights] != self._shapes:
            return False
        if not [w.dtype for w in weights] == [g.dtype for g in gradients] == self._dtypes:
            return False
        if _sizes(gradients) != self._sizes[: len(weights)]:
            return False
        if self._are_usual:
            return False not in [tensor.is_contiguous() for tensor in (*weights, *gradients)]
        layouts = zip(weights, gradients, self._layouts, strict=True)
        return all(
            _format(w) is layout and gradient.is_contiguous(memory_format=layout)
            for w, gradient, layout in layouts
        )

    def write_back(self) -> None:
        """Let the tensors have what was stepped in their place."""
        for tensor, copy in self._written:
            tensor.copy_(copy)

    def _addresses(self, row: Row, gradient: torch.Tensor) -> list[int]:
        w, layout = row.w, _format(row.w)
        wide, slots = wide_dtype(w), [row.state[name] for name in row.slots]
        kept = slots[0].dtype if slots else wide
        of_w = self._address(w, row, w.dtype, layout)
        of_gradient = 0
        if not gradient.is_sparse:
            of_gradient = self._address(gradient, row, w.dtype, layout, writes=False)
        average = self._address(row.state[row.average], row, wide, layout) if row.average else 0
        of_slots = [self._address(slot, row, kept, layout) for slot in slots]
        return [_NUMBERS[w.dtype], _NUMBERS[kept], w.numel(), of_w, of_gradient, average, *of_slots]

    def _sparse_gradients(self, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> list[Any]:
        found = [_core_gradient(w, g) if g.is_sparse else None for w, g in pairs]
        is_dense = all(gradient is None for gradient in found)
        self._is_plain = self._is_plain and is_dense
        return [] if is_dense else found

    def _address(
        self, tensor: Any, row: Row, dtype: torch.dtype, layout: Any, *, writes: bool = True
    ) -> int:
        if tensor.shape != row.w.shape:
            message = (
                f"gradient and state must have the shape of their parameter, {tuple(row.w.shape)}; "
                f"got {tuple(tensor.shape)}"
            )
            raise ValueError(message)
        is_plain = tensor.is_contiguous(memory_format=layout) and not tensor.is_neg()
        if tensor.dtype != dtype or not is_plain:
            copy = tensor.resolve_neg().to(dtype).contiguous(memory_format=layout)
            self._is_plain = False
            self._copies.append(copy)  # or its memory would be given to others
            if writes:
                self._written.append((tensor, copy))
            tensor = copy
        pointer: int = tensor.data_ptr()
        return pointer


def wide_dtype(w: torch.Tensor) -> torch.dtype:
    """Return the dtype that weights are stepped in."""
    return torch.float64 if w.dtype == torch.float64 else torch.float32


def check_tensor(w: torch.Tensor) -> None:
    """Raise unless the core can step a tensor."""
    if not w.is_cpu:
        message = (
            f"params must be tensors of the CPU, got one of {tuple(w.shape)} on {w.device}; "
            "use torch.optim there, or model.to('cpu') before making the optimizer"
        )
        raise ValueError(message)
    if w.dtype not in _NUMBERS or w.layout != torch.strided:
        message = (
            "params must be dense tensors of float16, bfloat16, float32 or float64, got "
            f"{w.dtype} and {w.layout}"
        )
        raise TypeError(message)


def _core_gradient(w: torch.Tensor, gradient: torch.Tensor) -> Any:
    """Return the sparse gradient of weights as the core takes it."""
    if gradient.sparse_dim() != 1 or not w.is_contiguous():
        message = (
            "a sparse gradient must have rows of contiguous weights, got one with "
            f"{gradient.sparse_dim()} sparse axes; use grad.to_dense()"
        )
        raise ValueError(message)
    rows = np.ascontiguousarray(gradient._indices()[0].numpy())
    values = view("grad", gradient._values().contiguous(), writes=False).array
    return _core.RowGradient(rows, values, len(w), w[0].numel() if len(w) else 0)


def _format(w: torch.Tensor) -> Any:
    other = _FORMATS.get(w.dim())
    if other is None or w.is_contiguous() or not w.is_contiguous(memory_format=other):
        return torch.contiguous_format
    return other


def _weights(groups: list[dict[str, Any]]) -> list[torch.Tensor]:
    return [w for group in groups for w in group["params"]]


def _together(states: list[dict[str, Any]]) -> torch.Tensor:
    """Let the counters of all states be places in one tensor, which is returned.

    Adding 1 to that is 100 times as fast as to a hundred.
    """
    steps = [state["step"] for state in states]
    counters = torch.stack(steps) if steps else torch.empty(0)
    for state, step in zip(states, counters, strict=True):
        state["step"] = step
    return counters


def _held(rows: list[Row]) -> list[torch.Tensor]:
    """Return all that is to stay where it is."""
    of_states = [state[name] for _, state, _, _, names in rows for name in names]
    return [row.w for row in rows] + of_states


def _pointers(tensors: list[torch.Tensor]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]


def _sizes(tensors: list[torch.Tensor]) -> list[int]:
    return [tensor.nbytes for tensor in tensors]


def _are_same(some: Sequence[object], others: Sequence[object]) -> bool:
    """Return whether two lists are of the very same objects."""
    return len(some) == len(others) and all(map(is_, some, others))
