"""Five methods on four landscapes, each with its best learning rate."""

from typing import TYPE_CHECKING

from .landscapes import LANDSCAPES
from .methods import METHODS, STEPS, best_descent
from .style import COLORS, LABEL, new_figure, relief, start_and_minima

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Where in each picture there is room for the numbers of steps.
_ROOM = ((0.97, 0.03, "right"), (0.72, 0.76, "right"), (0.97, 0.76, "right"), (0.97, 0.03, "right"))


def draw() -> "Figure":
    """Draw a grid of four landscapes."""
    figure = new_figure(9.6, 8.8)
    for index, axes in enumerate(figure.subplots(2, 2).flat):
        draw_landscape(axes, index)
    figure.suptitle("Steps until a path stays at the minimum, with the best learning rate each")
    return figure


def draw_landscape(axes: "Axes", index: int) -> None:
    """Draw the paths over one landscape, and in how many steps they arrive."""
    landscape = LANDSCAPES[index]
    relief(axes, landscape.height, landscape.box, landscape.name)
    across, up, side = _ROOM[index]
    for order, method in enumerate(METHODS):
        descent = best_descent(method, index)
        color = COLORS[method]
        # Each finer than the one before, which can be seen below it.
        width = 2.6 - 0.4 * order
        axes.plot(*descent.path.T, ".-", color=color, linewidth=width, markersize=2.5 * width)
        steps = f"> {STEPS:,}" if descent.arrival is None else f"{descent.arrival}"
        axes.text(
            across,
            up + 0.045 * (len(METHODS) - 1 - order),
            f"{method}: {steps}",
            color=color,
            ha=side,
            fontsize=LABEL,
            fontweight="bold",
            transform=axes.transAxes,
        )
    start_and_minima(axes, landscape)
