"""What every optimizer can do."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from fallline._arguments import boolean, one_of
from fallline.optim._arrays import Array, Arrays, Key, Pair, View, items, like, pairs, view
from fallline.optim._bound import Bound
from fallline.optim._groups import members
from fallline.optim._objects import are_same, objects_of, stay_put
from fallline.optim._options import (
    checked_dtype,
    checked_groups,
    checked_norm,
    checked_share,
)
from fallline.optim._rate import rate_and_whether_found
from fallline.optim._row_gradient import check_may_skip
from fallline.optim._state import State
from fallline.schedules import Constant, Schedule, as_schedule
from fallline.typing import Float64Array, FoundRate, LearningRate

_Self = TypeVar("_Self", bound="Optimizer")


class Optimizer:
    """The base of all update rules.

    Parameters
    ----------
    learning_rate : float, Schedule, callable or "auto"
        Step size: positive, or a function of the step number; "auto" for one that
        `fallline.Trainer` finds, of the rules that say so.
    clip_norm : float or None, default=None
        Gradients are scaled down to this Euclidean norm, of all arrays together, where it is
        larger; in the units of the gradient.
    ema : float or None, default=None
        Share of an exponential moving average of the weights that each step keeps, in (0, 1). The
        average begins with the weights after the first step; `averaged` returns it.
    skip_nonfinite : bool, default=False
        Whether to leave out a step, state and all, whose gradient has a NaN or an infinity; they
        are counted in `skipped`.
    maximize : bool, default=False
        Whether to go up the gradient instead of down.
    state_dtype : "bfloat16" or None, default=None
        Of the state arrays. None is float64 for float64 arrays and float32 for all others. bfloat16
        takes half the memory, next to all but float64 arrays and not of rules that keep weights in
        their state; it is rounded up or down by chance, so that small changes count on average.
    sparse : "lazy" or "exact", default="lazy"
        What becomes of the rows that a `RowGradient` does not name: nothing, weight decay included,
        or what a gradient of zero does to them, the moments' fading and weight decay included.
    groups : list of dict, default=()
        Other settings for some of the arrays: ``{"params": [places], "weight_decay": 0.0}``, the
        places being keys of a dict or numbers in a list. The norm is still that of all arrays.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If one is out of its range, or the learning rate is "auto" of a rule that finds none.

    Notes
    -----
    All but the learning rate are for `step` and `bind`; `fallline.Trainer` takes none of them.
    """

    # What finds the learning rate; empty where nothing does.
    _finder: ClassVar[str] = ""

    # Whether a step may leave out weights whose gradient is zero, as it does on sparse rows of a
    # model and next to rows of a gradient.
    takes_sparse: ClassVar[bool] = True

    # Whether the rule has averages of its own.
    _has_means: ClassVar[bool] = False

    # Whether its state has weights in it, whose small differences would be lost in 16 bits.
    _keeps_weights: ClassVar[bool] = False

    # Whether the rule is one for models of rows as well.
    takes_rows: ClassVar[bool] = True

    weight_decay: float

    def __init__(
        self,
        learning_rate: FoundRate,
        *,
        clip_norm: float | None = None,
        ema: float | None = None,
        skip_nonfinite: bool = False,
        maximize: bool = False,
        state_dtype: str | None = None,
        sparse: str = "lazy",
        groups: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._version = 0
        schedule, self._finds_rate = rate_and_whether_found(learning_rate)
        self._follow(schedule)
        if self._finds_rate and not self._finder:
            message = (
                f"learning_rate must be a number, a schedule or a function with "
                f"{type(self).__name__}, got 'auto'; SGD, Adam and AdamW can find theirs"
            )
            raise ValueError(message)
        self.clip_norm, self.ema = checked_norm(clip_norm), checked_share(ema)
        if self._has_means and self.ema is not None:
            message = (
                f"ema must be None with {type(self).__name__}, which keeps means of its own, got "
                f"{ema}; averaged() returns them"
            )
            raise ValueError(message)
        self.skip_nonfinite = boolean("skip_nonfinite", skip_nonfinite)
        self.maximize = boolean("maximize", maximize)
        self.state_dtype, self.groups = checked_dtype(state_dtype), checked_groups(groups)
        if self._keeps_weights and self.state_dtype:
            message = (
                f"state_dtype must be None with {type(self).__name__}, whose state has weights in "
                f"it, got {self.state_dtype!r}; AdamW and its like may have it"
            )
            raise ValueError(message)
        self.sparse = one_of("sparse", sparse, ("lazy", "exact"))
        self._state: State | None = None
        self._others: list[Optimizer] = []
        self._last: tuple[list[Array], Bound] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        """Note that a setting has changed, for arrays that have been bound before."""
        object.__setattr__(self, name, value)
        # The rate is asked for at each step, but groups have taken theirs over.
        if not name.startswith("_") and (name != "learning_rate" or self.groups):
            object.__setattr__(self, "_version", self._version + 1)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but what is bound to memory, for copies and pickles."""
        return vars(self) | {"_last": None, "_others": []}

    @property
    def learning_rate(self) -> Schedule:
        """The schedule in force; a number or a function may be assigned.

        With "auto" it multiplies what is found, and is 1.
        """
        return self._schedule

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        self._follow(as_schedule(value))
        self._finds_rate = False

    @property
    def steps(self) -> int:
        """Number of steps made."""
        return self._state.steps if self._state else 0

    @property
    def skipped(self) -> int:
        """Number of steps left out, as a gradient was not finite."""
        return self._state.skipped if self._state else 0

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

    def step(self, params: Arrays, grads: Arrays, *, zero_grads: bool = False) -> None:
        """Make one step, in place.

        Parameters
        ----------
        params : array, or list, tuple or dict of arrays
            Weights of any shape: float16, bfloat16, float32 or float64, C-contiguous and writeable,
            of NumPy or of anything that exports its memory by DLPack or the buffer protocol. They
            are changed.
        grads : like ``params``
            Gradients of the same structure, shapes and dtypes, or a `RowGradient` in the place of
            any.
        zero_grads : bool, default=False
            Whether the gradients become zero; otherwise they are left as they are.

        Raises
        ------
        TypeError
            If something is no array of such a dtype, or the structures differ.
        ValueError
            If shapes or dtypes differ, or an array is read-only or not contiguous, or ``params``
            are not those of the steps before, or the learning rate is "auto", or a `RowGradient`
            has rows that are not there or needs ``sparse="exact"``. Nothing has been changed then.

        Notes
        -----
        The first call allocates the rule's state, zeros of the shape of each array. States belong
        to the place of an array in the list or its key in the dict, not to the array itself. All
        arithmetic is in float64 for float64 arrays and in float32 for all others.
        """
        objects = objects_of(params, grads, clears=zero_grads) if self._last else []
        if self._last and are_same(objects, self._last[0]):
            self._last[1]._step_for(self)
            return
        arrays = self._checked(params, grads, clears=zero_grads)
        bound = Bound(self, arrays, clears=zero_grads)
        of_rows = [pair for pair in arrays.values() if pair.rows is not None]
        if not of_rows:
            objects = objects or objects_of(params, grads, clears=zero_grads)
            self._last = (objects, bound) if stay_put(objects) else None
        bound._step_for(self)
        for pair in of_rows:
            if zero_grads:
                pair.g.array[:] = 0

    def bind(self, params: Arrays, grads: Arrays, *, zero_grads: bool = False) -> Bound:
        """Check arrays once, for steps that cost little more than their arithmetic.

        Parameters
        ----------
        params : array, or list, tuple or dict of arrays
            Weights, as of `step`.
        grads : like ``params``
            Gradients; each step looks at what they are by then. No `RowGradient`, whose rows are
            those of one step.
        zero_grads : bool, default=False
            Whether the gradients become zero at each step.

        Returns
        -------
        Bound
            Whose ``step()`` makes one step.

        Raises
        ------
        TypeError
            As of `step`.
        ValueError
            As of `step`.
        """
        arrays = self._checked(params, grads, clears=zero_grads)
        if any(pair.rows is not None for pair in arrays.values()):
            message = "grads must be arrays to be bound, got a RowGradient; use step"
            raise TypeError(message)
        return Bound(self, arrays, clears=zero_grads)

    def averaged(self, params: Arrays) -> Any:
        """Return averages of the weights.

        Parameters
        ----------
        params : array, or list, tuple or dict of arrays
            The weights that are stepped.

        Returns
        -------
        ndarray, or list, tuple or dict of ndarray
            New arrays in the structure of ``params``, float64 of float64 ones and float32 of all
            others.

        Raises
        ------
        ValueError
            If no average is kept, or there has been no step yet.
        """
        state = self._state
        if state is None or not state.steps:
            message = "averages begin with the first step, got none yet; call step first"
            raise ValueError(message)
        weights = {k: view("params", w, writes=False) for k, w in items(params, "params").items()}
        averages = self._averages(state, weights)
        if averages is None:
            message = (
                "ema must be a number in (0, 1) before a step for averages to be there, got "
                f"{self.ema}; try ema=0.999"
            )
            raise ValueError(message)
        shapes = {key: shape for key, (shape, _) in state.layout.items()}
        return like(params, {key: x.reshape(shapes[key]) for key, x in averages.items()})

    def _averages(self, state: State, weights: Mapping[Key, View]) -> dict[Key, Any] | None:
        """Return the averages of the weights by place, flat; None if none are kept."""
        if self.ema is None or not state.averages:
            return None
        return {key: state.averages[key].copy() for key in weights}

    def state_dict(self) -> dict[str, Any]:
        """Return what goes on with the same bits, in `load_state_dict` of another optimizer.

        Returns
        -------
        dict
            Counters, the rule's state arrays and averages of the weights by place, as copies. The
            settings are not in it, but what a schedule remembers is.
        """
        state = self._state.as_dict() if self._state else {}
        schedules = [member._schedule.state_dict() for member in members(self)]
        return {"rule": self.rule, "schedules": schedules, **state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another optimizer has been.

        Parameters
        ----------
        state : dict
            Of `state_dict`. It is copied.

        Raises
        ------
        ValueError
            If it is that of another rule, or something is missing. Nothing has been changed then.
        """
        if state.get("rule") != self.rule:
            message = (
                f"state must be that of the rule {self.rule!r}, got {state.get('rule')!r}; make "
                "the optimizer with the settings of the one before"
            )
            raise ValueError(message)
        of_groups = members(self)
        try:
            schedules = list(state["schedules"])
            found = State.of_dict(state) if "steps" in state else None
        except KeyError as error:
            message = f"state must have {error}, as that of state_dict, got {list(state)}"
            raise ValueError(message) from None
        if len(schedules) != len(of_groups):
            message = (
                f"state must be of {len(of_groups) - 1} groups, got {len(schedules) - 1}; make the "
                "optimizer with the groups of the one before"
            )
            raise ValueError(message)
        for member, schedule in zip(of_groups, schedules, strict=True):
            member._schedule.load_state_dict(schedule)
        self._state, self._last = found, None
        self._version += 1

    def _checked(self, params: Arrays, grads: Arrays, *, clears: bool) -> dict[Key, Pair]:
        """Return weights and gradients that may be stepped, or raise."""
        if self._finds_rate:
            message = (
                "learning_rate must be a number, a schedule or a function to step arrays, got "
                "'auto', which fallline.Trainer finds for linear models; 1e-3 is usual with Adam"
            )
            raise ValueError(message)
        arrays = pairs(params, grads, clears=clears)
        if self.sparse == "lazy" and any(pair.rows is not None for pair in arrays.values()):
            check_may_skip(self)
        return arrays

    def _follow(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._constant = schedule.learning_rate if isinstance(schedule, Constant) else None

    def _numbers(self, state: State) -> tuple[list[int], list[float]]:
        """Return the number and the learning rate of the next step, of each group."""
        rates = [member._schedule(state.steps) for member in (self, *self._others)]
        return [state.steps + 1] * len(rates), rates

    def _first_memory(self, n_memory: int) -> Float64Array:
        return np.zeros(n_memory)
