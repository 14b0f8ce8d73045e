"""What every optimizer takes for steps over arrays."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from fallline._arguments import number, positive


class ArrayOptions(TypedDict, total=False):
    """Keywords of every `Optimizer`, which its docstring explains."""

    clip_norm: float | None
    ema: float | None
    skip_nonfinite: bool
    maximize: bool
    state_dtype: str | None
    sparse: str
    groups: Sequence[Mapping[str, Any]]


# Where they do nothing: all that a Trainer has a use for.
PLAIN: Final[ArrayOptions] = {
    "clip_norm": None,
    "ema": None,
    "skip_nonfinite": False,
    "maximize": False,
    "state_dtype": None,
    "sparse": "lazy",
    "groups": (),
}


def checked_norm(clip_norm: object) -> float | None:
    """Return ``clip_norm``, or raise."""
    if clip_norm is None:
        return None
    return positive("clip_norm", clip_norm, "a positive finite number or None")


def checked_share(ema: object) -> float | None:
    """Return ``ema``, or raise."""
    if ema is None:
        return None
    return number("ema", ema, "a number in (0, 1) or None", lambda x: 0 < x < 1)


def checked_dtype(state_dtype: object) -> str | None:
    """Return ``state_dtype``, or raise."""
    if state_dtype is None:
        return None
    if state_dtype == "bfloat16":
        return "bfloat16"
    message = (
        f"state_dtype must be 'bfloat16' or None, got {state_dtype!r}; None is float64 for "
        "float64 parameters and float32 for all others"
    )
    raise ValueError(message)


def checked_groups(groups: object) -> tuple[dict[str, Any], ...]:
    """Return ``groups`` as a tuple of dicts, or raise."""
    if isinstance(groups, Mapping | str) or not isinstance(groups, Sequence):
        message = f"groups must be a list of dicts, got {type(groups).__name__}"
        raise TypeError(message)
    for group in groups:
        if not isinstance(group, Mapping) or "params" not in group:
            message = (
                f"groups must be dicts with 'params', a list of places, got {group!r}; for example "
                "{'params': ['bias'], 'weight_decay': 0.0}"
            )
            raise TypeError(message)
    places = [place for group in groups for place in group["params"]]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        message = f"groups must have each place once, got {twice!r} twice"
        raise ValueError(message)
    return tuple(dict(group) for group in groups)


def check_plain(optimizer: object) -> None:
    """Raise ValueError if an optimizer has settings that are for steps over arrays alone."""
    for option, default in PLAIN.items():
        if (value := getattr(optimizer, option)) != default:
            message = (
                f"optimizer must leave {option} at {default} in a Trainer, got "
                f"{type(optimizer).__name__}({option}={value!r}); it is for steps over arrays"
            )
            raise ValueError(message)
