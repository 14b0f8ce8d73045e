"""The picture of a schedule."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fallline._arguments import integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fallline.schedules._schedule import Schedule

WARMUP = "warm-up"


class Part(NamedTuple):
    """A stretch of a schedule that has a name of its own."""

    begin: int
    name: str


def draw(schedule: "Schedule", steps: int | None, ax: object) -> "Axes":
    """Draw the learning rates of the first steps, each part in its colour; `Schedule.plot`."""
    try:
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
    except ImportError as error:
        message = "pictures need matplotlib; pip install 'fallline[plot]'"
        raise ImportError(message) from error
    count = _count(schedule, steps)
    if ax is None:
        figure = Figure(figsize=(6.4, 3.6), layout="constrained", facecolor="white")
        axes: Axes = figure.subplots()
    elif isinstance(ax, Axes):
        axes = ax
    else:
        message = f"ax must be a matplotlib Axes or None, got {ax!r}"
        raise TypeError(message)
    parts = [part for part in schedule._parts() if part.begin < count]
    rates = schedule.values(0, count)
    for part, end in zip(parts, [*(part.begin for part in parts[1:]), count], strict=True):
        # A rate holds for the whole of its step, from its number to the next.
        height = np.append(rates[part.begin : end], rates[end - 1])
        place = np.arange(part.begin, end + 1)
        (line,) = axes.plot(place, height, drawstyle="steps-post", linewidth=2, label=part.name)
        if part.name == WARMUP:
            axes.axvspan(part.begin, end, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set(xlabel="step", ylabel="learning rate")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if len(parts) > 1:
        axes.legend(frameon=False)
    return axes


def _count(schedule: "Schedule", steps: int | None) -> int:
    if steps is not None:
        return integer("steps", steps, minimum=1)
    if schedule.length is None:
        message = (
            "steps must be a positive integer for a schedule without an end, got None; say how "
            f"many of {schedule!r} to draw"
        )
        raise ValueError(message)
    return schedule.length + 1 + schedule.length // 10  # and some of the last value
