"""What an optimizer remembers between steps."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from fallline.optim._arrays import Key, Pair, described_place, widened
from fallline.typing import Float64Array

Layout: TypeAlias = dict[Key, tuple[tuple[int, ...], str]]

_LINE: Final = 64  # bytes of a cache line


class State:
    """Counters, the rule's state arrays and averages of the weights.

    Parameters
    ----------
    kept : tuple of str
        Rule and dtype of the state arrays.

    Attributes
    ----------
    steps, skipped : int
        Steps made, and those left out as a gradient was not finite.
    slots : dict of list of ndarray
        State arrays of each place, flat.
    averages : dict of ndarray
        Of the weights of each place, flat.
    memory : list of ndarray
        The rule's own numbers, of each group.
    layout : dict of tuple
        Shape and kind at each place; empty before the first step.
    """

    def __init__(self, kept: tuple[str, str | None]) -> None:
        self.kept = kept
        self.steps = self.skipped = 0
        self.slots: dict[Key, list[Any]] = {}
        self.averages: dict[Key, Any] = {}
        self.memory: list[Float64Array] = []
        self.layout: Layout = {}

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as copies, in plain containers."""
        return {
            "kept": self.kept,
            "steps": self.steps,
            "skipped": self.skipped,
            "slots": {key: [slot.copy() for slot in slots] for key, slots in self.slots.items()},
            "averages": {key: average.copy() for key, average in self.averages.items()},
            "memory": [numbers.copy() for numbers in self.memory],
            "layout": dict(self.layout),
        }

    @classmethod
    def of_dict(cls, state: Mapping[str, Any]) -> "State":
        """Return what `as_dict` has made; KeyError where something is missing."""
        found = cls(tuple(state["kept"]))
        found.memory = [np.array(numbers, np.float64) for numbers in state["memory"]]
        found.steps, found.skipped = int(state["steps"]), int(state["skipped"])
        found.slots = {key: [np.array(s) for s in slots] for key, slots in state["slots"].items()}
        found.averages = {key: np.array(average) for key, average in state["averages"].items()}
        found.layout = {key: (tuple(shape), kind) for key, (shape, kind) in state["layout"].items()}
        return found

    def check(self, arrays: Mapping[Key, Pair]) -> None:
        """Raise ValueError unless arrays are those of the steps before."""
        layout = {key: (pair.w.shape, pair.w.kind) for key, pair in arrays.items()}
        if self.layout and layout != self.layout:
            _raise_changed(layout, self.layout)

    def admit(
        self, arrays: Mapping[Key, Pair], n_slots: int, slot_kind: str | None, *, averages: bool
    ) -> None:
        """Make room for what belongs to arrays that are there for the first time."""
        self.check(arrays)
        self.layout = {key: (pair.w.shape, pair.w.kind) for key, pair in arrays.items()}
        for key, (w, *_) in arrays.items():
            wide = np.float64 if w.kind == "float64" else np.float32
            dtype = np.uint16 if slot_kind == "bfloat16" and wide is np.float32 else wide
            if key not in self.slots:
                self.slots[key] = [_zeros_beside(w.array, dtype) for _ in range(n_slots)]
            if averages and key not in self.averages:
                # Before the first step it does not count what they are.
                self.averages[key] = (
                    widened(w.array) if self.steps else _zeros_beside(w.array, wide)
                )


def _zeros_beside(w: Any, dtype: type[Any]) -> Any:
    """Return zeros, as many as there are weights and as far behind the beginning of a cache line.

    Steps go from line to line of the weights: of arrays that lie alike no line is cut in two.
    """
    size = np.dtype(dtype).itemsize
    room = np.zeros(w.size + _LINE // size, dtype)
    begin, behind = (array.__array_interface__["data"][0] for array in (room, w))
    skipped = (behind - begin) % _LINE // size
    return room[skipped : skipped + w.size]


def _raise_changed(layout: Layout, before: Layout) -> None:
    remedy = "use a new optimizer for new parameters"
    if layout.keys() != before.keys():
        message = f"params must keep their places {list(before)}, got {list(layout)}; {remedy}"
        raise ValueError(message)
    key = next(key for key in layout if layout[key] != before[key])
    (shape, kind), (old_shape, old_kind) = layout[key], before[key]
    message = (
        f"params{described_place(key)} must keep its shape and dtype between steps, "
        f"{old_shape} {old_kind}; got {shape} {kind}; {remedy}"
    )
    raise ValueError(message)
