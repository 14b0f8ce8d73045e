"""What the pictures have in common: a colour for each method, and how a landscape is drawn."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .landscapes import Landscape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's, which colour-blind people tell apart.
COLORS = {
    "gradient descent": "#D55E00",
    "momentum": "#005FA8",
    "Nesterov": "#4CB1EA",
    "RMSprop": "#CC79A7",
    "Adam": "#009E73",
}
# Where all is gradient descent, its orange from light to dark tells the runs apart.
SHADES = ("#F2A33A", "#E0600F", "#A63603", "#4A1B04")
DPI = 100
LABEL = 10.5


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of so many inches that belongs to no window."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")


def plain(axes: "Axes", title: str, **labels: Any) -> None:
    """Give axes a title, their labels and a quiet grid."""
    axes.set(**labels)
    axes.set_title(title, loc="left", fontsize=12)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def relief(axes: "Axes", height: Any, box: tuple[float, float, float, float], title: str) -> None:
    """Draw a landscape in greys, the low ground dark."""
    left, right, bottom, top = box
    across, up = np.meshgrid(np.linspace(left, right, 240), np.linspace(bottom, top, 240))
    values = height(across, up)
    # Even steps of the fourth root: levels that are dense in the valleys.
    depth = (values - values.min()) ** 0.25
    levels = np.linspace(depth.min(), depth.max(), 15)
    axes.contourf(across, up, depth, levels=levels, cmap="Greys_r", alpha=0.45)
    axes.contour(across, up, depth, levels=levels, colors="white", linewidths=0.7)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="first weight", ylabel="second weight")
    axes.set_title(title, loc="left", fontsize=12)
    axes.spines[:].set_visible(False)


def start_and_minima(axes: "Axes", landscape: Landscape) -> None:
    """Mark the start by a dot and the minima by stars."""
    axes.plot(*landscape.start, "o", color="black", markersize=6, zorder=5)
    axes.plot(*landscape.minima.T, "*", color="black", markersize=12, zorder=5)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG of 128 colours, which is a third as large as one of millions."""
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(128).save(path, optimize=True)


def save_frames(figure: Figure, frames: Iterable[Sequence[Artist]], path: Path) -> None:
    """Write a GIF of the figure with the artists of each frame, which move, on top."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    images: list[Image.Image] = []
    for artists in frames:
        canvas.restore_region(still)
        for artist in artists:
            figure.draw_artist(artist)
        images.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    # One palette for all frames, and no dithering: what stands still then costs no bytes.
    palette = images[-1].quantize(64)
    small = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    times = [60] * (len(small) - 1) + [3000]  # milliseconds
    small[0].save(path, save_all=True, append_images=small[1:], duration=times, loop=0)
