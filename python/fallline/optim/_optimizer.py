"""What every optimizer can do."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np

from fallline import _core
from fallline.optim._rate import rate_and_whether_found
from fallline.schedules import Schedule, as_schedule
from fallline.typing import FloatArray, FoundRate, LearningRate

Arrays: TypeAlias = FloatArray | Sequence[FloatArray] | Mapping[Any, FloatArray]

_Layout: TypeAlias = tuple[tuple[int, ...], np.dtype[Any]]

_N_SLOTS = {name: n_slots for name, (n_slots, _) in _core.rules().items()}


class Optimizer:
    """The base of all update rules.

    Parameters
    ----------
    learning_rate : float, Schedule, callable or "auto"
        Step size: positive, or a function of the step number; "auto" for one that
        `fallline.Trainer` finds, of the rules that say so.

    Raises
    ------
    ValueError
        If it is "auto" of a rule that finds none.
    """

    # What finds the learning rate; empty where nothing does.
    _finder: ClassVar[str] = ""

    # Whether a step may leave out the weights whose gradient is zero, as it does on sparse rows.
    takes_sparse: ClassVar[bool] = True

    weight_decay: float

    def __init__(self, learning_rate: FoundRate) -> None:
        self._schedule, self._finds_rate = rate_and_whether_found(learning_rate)
        if self._finds_rate and not self._finder:
            message = (
                f"learning_rate must be a number, a schedule or a function with "
                f"{type(self).__name__}, got 'auto'; SGD, Adam and AdamW can find theirs"
            )
            raise ValueError(message)
        self._steps = 0
        self._slots: dict[object, list[FloatArray]] = {}
        self._layout: dict[object, _Layout] = {}

    @property
    def learning_rate(self) -> Schedule:
        """The schedule in force; a number or a function may be assigned.

        With "auto" it multiplies what is found, and is 1.
        """
        return self._schedule

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        self._schedule, self._finds_rate = as_schedule(value), False

    @property
    def steps(self) -> int:
        """Number of steps made."""
        return self._steps

    @property
    def finds_rate(self) -> bool:
        """Whether the learning rate is found on the way."""
        return self._finds_rate

    @property
    def rate_rule(self) -> str:
        """Name of what finds the learning rate in the core; empty where it is given."""
        return self._finder if self._finds_rate else ""

    @property
    def rule(self) -> str:
        """Name of the rule in the core."""
        raise NotImplementedError

    @property
    def rule_parameters(self) -> list[float]:
        """The rule's own numbers, in the order the core wants them."""
        raise NotImplementedError

    @property
    def coupled_decay(self) -> float:
        """Weight decay that goes through the gradient."""
        return 0.0

    @property
    def decoupled_decay(self) -> float:
        """Weight decay that multiplies the weights."""
        return 0.0

    def step(self, params: Arrays, grads: Arrays) -> None:
        """Make one step, in place.

        Parameters
        ----------
        params : ndarray, or list, tuple or dict of ndarray
            Weights of any shape, float32 or float64, C-contiguous and writeable. They are changed.
        grads : like ``params``
            Gradients of the same structure, shapes and dtypes. They are left as they are.

        Raises
        ------
        TypeError
            If something is not a float32 or float64 array, or the structures differ.
        ValueError
            If shapes or dtypes differ, or an array is read-only or not contiguous, or ``params``
            are not those of the steps before, or the learning rate is "auto". Nothing has been
            changed then.

        Notes
        -----
        The first call allocates the rule's state, zeros of the shape of each array. States belong
        to the place of an array in the list or its key in the dict, not to the array itself.
        """
        if self._finds_rate:
            message = (
                "learning_rate must be a number, a schedule or a function to step arrays, got "
                "'auto', which fallline.Trainer finds for linear models; 1e-3 is usual with Adam"
            )
            raise ValueError(message)
        pairs = _pairs(params, grads)
        layout = {key: (w.shape, w.dtype) for key, (w, _) in pairs.items()}
        if self._steps and layout != self._layout:
            _raise_changed(layout, self._layout)
        rate = self._schedule(self._steps)
        self._layout = layout
        n_slots = _N_SLOTS[self.rule]
        for key, (w, g) in pairs.items():
            if key not in self._slots:
                self._slots[key] = [np.zeros(w.size, w.dtype) for _ in range(n_slots)]
            _core.step(
                self.rule,
                _flat(w),
                _flat(g),
                self._slots[key],
                self.rule_parameters,
                self._steps + 1,
                rate,
                l2=self.coupled_decay,
                weight_decay=self.decoupled_decay,
            )
        self._steps += 1


def _flat(array: FloatArray) -> FloatArray:
    """Return a 1-dimensional view; ``reshape`` would leave a numpy.matrix 2-dimensional."""
    return cast("FloatArray", np.ravel(array))


def _raise_changed(layout: dict[object, _Layout], before: dict[object, _Layout]) -> None:
    remedy = "use a new optimizer for new parameters"
    if layout.keys() != before.keys():
        message = f"params must keep their places {list(before)}, got {list(layout)}; {remedy}"
        raise ValueError(message)
    key = next(key for key in layout if layout[key] != before[key])
    (shape, dtype), (old_shape, old_dtype) = layout[key], before[key]
    message = (
        f"params{_at(key)} must keep its shape and dtype between steps, {old_shape} {old_dtype}; "
        f"got {shape} {dtype}; {remedy}"
    )
    raise ValueError(message)


def _described(arrays: Arrays) -> str:
    if isinstance(arrays, np.ndarray):
        return "an array"
    if isinstance(arrays, Mapping):
        return f"a dict of {list(arrays)}"
    return f"a {type(arrays).__name__} of {len(arrays)}"


def _at(key: object) -> str:
    return "" if key is None else f"[{key!r}]"


def _items(arrays: Arrays, name: str) -> dict[object, FloatArray]:
    if isinstance(arrays, np.ndarray):
        return {None: arrays}
    if isinstance(arrays, Mapping):
        return dict(arrays)
    if isinstance(arrays, list | tuple):
        return dict(enumerate(arrays))
    message = f"{name} must be an array or a list, tuple or dict of arrays, got {type(arrays)!r}"
    raise TypeError(message)


def _pairs(params: Arrays, grads: Arrays) -> dict[object, tuple[FloatArray, FloatArray]]:
    weights, gradients = _items(params, "params"), _items(grads, "grads")
    if weights.keys() != gradients.keys():
        message = (
            f"grads must have the structure of params, {_described(params)}; "
            f"got {_described(grads)}"
        )
        raise TypeError(message)
    for key, w in weights.items():
        _check("params", key, w)
        g = gradients[key]
        _check("grads", key, g)
        if g.shape != w.shape or g.dtype != w.dtype:
            message = (
                f"grads{_at(key)} must have the shape and dtype of params{_at(key)}, "
                f"{w.shape} {w.dtype}; got {g.shape} {g.dtype}"
            )
            raise ValueError(message)
        if not w.flags.writeable:
            message = f"params{_at(key)} must be writeable, got a read-only array; pass a copy"
            raise ValueError(message)
    return {key: (w, gradients[key]) for key, w in weights.items()}


def _check(name: str, key: object, array: object) -> None:
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        message = f"{name}{_at(key)} must be a float32 or float64 NumPy array, got {got}"
        raise TypeError(message)
    if hasattr(array, "mask"):  # importing numpy.ma only to ask costs 5 ms
        message = f"{name}{_at(key)} must not be masked, got a MaskedArray; pass its .data"
        raise TypeError(message)
    if not array.flags.aligned:
        message = f"{name}{_at(key)} must be aligned, got a view of bytes; pass a copy"
        raise ValueError(message)
    if not array.flags.c_contiguous:
        message = (
            f"{name}{_at(key)} must be C-contiguous, got strides {array.strides}; "
            "use numpy.ascontiguousarray"
        )
        raise ValueError(message)
