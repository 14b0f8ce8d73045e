"""Arrays with settings of their own: an optimizer for each group."""

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from fallline import _core
from fallline.optim._arrays import Key, Pair
from fallline.optim._options import PLAIN
from fallline.optim._state import State

if TYPE_CHECKING:
    from fallline.optim._optimizer import Optimizer

_RULES = _core.array_rules()

OptimizerT = TypeVar("OptimizerT", bound="Optimizer")


def members(optimizer: OptimizerT) -> list[OptimizerT]:
    """Return an optimizer for each group: itself for arrays that no group names."""
    if not optimizer.groups:
        return [optimizer]
    if shared := sorted({name for group in optimizer.groups for name in group if name in PLAIN}):
        message = f"groups must share {', '.join(PLAIN)}, got {shared[0]!r} in one"
        raise ValueError(message)
    names = [name for name in inspect.signature(type(optimizer)).parameters if name != "options"]
    settings = {name: getattr(optimizer, name) for name in names}
    found = [optimizer]
    for group in optimizer.groups:
        own = {name: value for name, value in group.items() if name != "params"}
        member = type(optimizer)(**settings | own)
        if member.rule != optimizer.rule:
            message = (
                f"groups must keep the rule {optimizer.rule!r}, got {member.rule!r} of {group}"
            )
            raise ValueError(message)
        found.append(member)
    return found


def members_at(optimizer: OptimizerT, places: Iterable[Key]) -> dict[Key, OptimizerT]:
    """Return the optimizer of the group that has each place."""
    of_groups, group_of = members(optimizer), _numbers(optimizer)
    return {key: of_groups[group_of.get(key, 0)] for key in places}


def _numbers(optimizer: "Optimizer") -> dict[Key, int]:
    """Return the number of the group of each place that one names; the others have 0."""
    return {key: k for k, group in enumerate(optimizer.groups, 1) for key in group["params"]}


def admitted(
    optimizer: "Optimizer", arrays: Mapping[Key, Pair], *, clears: bool
) -> tuple[State, list[Any]]:
    """Return the state with room for arrays, and both as the core wants them, by group."""
    group_of = _numbers(optimizer)
    if missing := [key for key in group_of if key not in arrays]:
        message = f"groups must name places of params, {list(arrays)}, got {missing[0]!r}"
        raise ValueError(message)
    of_groups = members(optimizer)
    n_slots, _, n_memory = _RULES[optimizer.rule]
    kept = optimizer.rule, optimizer.state_dtype
    state = optimizer._state or State(kept)
    if state.kept != kept:
        message = (
            f"rule and state_dtype must stay between steps, {state.kept}; got {kept}; use a new "
            "optimizer"
        )
        raise ValueError(message)
    state.admit(arrays, n_slots, optimizer.state_dtype, averages=optimizer.ema is not None)
    for member in of_groups[len(state.memory) :]:
        state.memory.append(member._first_memory(n_memory))
    averages = {} if optimizer.ema is None else state.averages
    found: list[Any] = []
    for k, member in enumerate(of_groups):
        of_group = [
            (
                w.array,
                g.array if rows is None else rows,
                state.slots[key],
                averages.get(key),
                clears and rows is None,
            )
            for key, (w, g, rows) in arrays.items()
            if group_of.get(key, 0) == k
        ]
        decays = member.coupled_decay, member.decoupled_decay
        found.append((of_group, member.rule_parameters, state.memory[k], *decays))
    optimizer._state, optimizer._others = state, of_groups[1:]
    return state, found
