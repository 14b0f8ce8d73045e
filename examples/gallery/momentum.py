"""Momentum on a bowl a hundred times as steep across as along: paths and heights."""

from typing import TYPE_CHECKING

from .landscapes import LANDSCAPES
from .methods import best_descent
from .style import COLORS, LABEL, new_figure, plain, relief, start_and_minima

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOWL = 0
_SHOWN = ("gradient descent", "momentum", "Nesterov")


def draw() -> "Figure":
    """Draw the paths over the bowl, and beside them how fast they go down."""
    figure = new_figure(9.6, 4.4)
    landscape = LANDSCAPES[BOWL]
    left, right = figure.subplots(1, 2)
    relief(left, landscape.height, landscape.box, landscape.name)
    for method in _SHOWN:
        descent = best_descent(method, BOWL)
        color, path = COLORS[method], descent.path[:301]
        left.plot(*path.T, ".-", color=color, linewidth=1.5, markersize=4, label=method)
        right.plot(landscape.height(*path.T), color=color, linewidth=2)
    start_and_minima(left, landscape)
    left.legend(loc="lower right", fontsize=LABEL)
    plain(
        right,
        "How fast each comes down",
        yscale="log",
        ylim=(1e-8, 1e2),
        xlim=(0, 300),
        xlabel="steps",
        ylabel="height above the minimum",
    )
    return figure
