"""The five methods side by side on their way down Beale's landscape, as a moving picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .landscapes import LANDSCAPES
from .methods import METHODS, best_descent
from .style import COLORS, new_figure, relief, save_frames, start_and_minima

_BEALE = 2
_STEPS, _STRIDE = 240, 2


def write(path: Path) -> None:
    """Write the GIF: a frame for every other step."""
    landscape = LANDSCAPES[_BEALE]
    figure = new_figure(7.2, 5.4)
    axes = figure.subplots()
    relief(axes, landscape.height, landscape.box, f"Five ways down {landscape.name}")
    start_and_minima(axes, landscape)
    lines, heads = [], []
    for method, color in COLORS.items():
        lines += axes.plot([], [], color=color, linewidth=1.8, animated=True)
        heads += axes.plot([], [], "o", color=color, markersize=8, label=method)
    axes.legend(loc="upper right", fontsize=11)
    for head in heads:
        head.set_animated(True)
    counter = axes.text(0.03, 0.04, "", fontsize=14, transform=axes.transAxes, animated=True)

    def frames() -> Iterator[list[Any]]:
        for step in range(0, _STEPS + 1, _STRIDE):
            counter.set_text(f"step {step}")
            for line, head, method in zip(lines, heads, METHODS, strict=True):
                points = best_descent(method, _BEALE).path[: step + 1]
                line.set_data(*points.T)
                head.set_data(*points[-1:].T)
            yield [*lines, *heads, counter]

    save_frames(figure, frames(), path)
