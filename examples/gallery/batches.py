"""The same descent with gradients of 1, 32, 512 and of all rows: what a batch size does.

Least squares with two weights, z = x.w, F(w) = mean of (z - y)^2 / 2, on 2,048 rows. One learning
rate for all, so that what differs is the noise: the gradient of a batch of m rows has a variance of
1/m of that of one row, and a path ends where the noise throws it back as far as it goes on.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import fallline as fl

from .style import LABEL, SHADES, new_figure, plain, relief

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N = 2048
LEARNING_RATE = 0.1
BATCH_SIZES = {1: "1 row", 32: "32 rows", 512: "512 rows", N: "all rows"}
PASSES = {1: 20, 32: 50, 512: 400, N: 400}
START = np.array([-1.1, 1.3])
_SHOWN_PASSES = 8  # by the picture of the paths


@cache
def rows() -> tuple[Any, Any, Any]:
    """Return X, y and the weights of least loss."""
    rng = np.random.default_rng(0)
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    X = rng.standard_normal((N, 2)) * [1.0, 0.5] @ turn
    y = X @ [0.6, -0.3] + 0.5 * rng.standard_normal(N)
    return X, y, np.linalg.lstsq(X, y)[0]


@cache
def path(batch_size: int) -> Any:
    """Return the weights after each step, over rows that every pass shuffles."""
    X, y, _ = rows()
    rng = np.random.default_rng(1)
    weights, gradient = START.copy(), np.zeros(2)
    bound = fl.optim.SGD(LEARNING_RATE).bind(weights, gradient)
    points = [weights.copy()]
    for _ in range(PASSES[batch_size]):
        order = rng.permutation(N)
        for begin in range(0, N, batch_size):
            batch = order[begin : begin + batch_size]
            gradient[:] = X[batch].T @ (X[batch] @ weights - y[batch]) / len(batch)
            bound.step()
            points.append(weights.copy())
    return np.array(points)


def excess(points: Any) -> Any:
    """Return F(w) - F* of each point: half the mean square of what it adds to the residuals."""
    X, _, best = rows()
    hessian = X.T @ X / N
    off = points - best
    return 0.5 * np.einsum("ij,jk,ik->i", off, hessian, off)


def floor(batch_size: int) -> float:
    """Return the mean of F - F* in the second half of the passes."""
    points = path(batch_size)
    return float(excess(points[len(points) // 2 :]).mean())


def draw_paths() -> "Figure":
    """Draw the paths of eight passes in the plane of the weights."""
    best = rows()[2]
    figure = new_figure(9.6, 8.2)

    def height(across: Any, up: Any) -> Any:
        off = np.stack([across, up], axis=-1)
        return excess(off.reshape(-1, 2)).reshape(across.shape)

    for axes, (size, name), color in zip(
        figure.subplots(2, 2, sharex=True, sharey=True).flat,
        BATCH_SIZES.items(),
        SHADES,
        strict=True,
    ):
        steps = _SHOWN_PASSES * N // size
        title = f"{name} a step: {steps:,} steps in {_SHOWN_PASSES} passes"
        relief(axes, height, (-1.5, 1.5, -1.2, 1.7), title)
        points = path(size)[: steps + 1]
        marker, width = ("", 0.5) if size == 1 else (".", 1.3)
        axes.plot(*points.T, color=color, marker=marker, markersize=4, linewidth=width)
        axes.plot(*START, "o", color="black", markersize=6)
        axes.plot(*best, "*", color="black", markersize=12)
        axes.label_outer()
    return figure


def draw_losses() -> "Figure":
    """Draw the loss above its minimum over the rows that have been read."""
    figure = new_figure(8.4, 4.8)
    axes = figure.subplots()
    for (size, name), color in zip(BATCH_SIZES.items(), SHADES, strict=True):
        loss = excess(path(size))
        # The means of stretches whose lengths grow with their distance, as the axis is logarithmic.
        begins = np.unique(np.geomspace(1, len(loss), 40).astype(int))[:-1]
        means = np.add.reduceat(loss, begins) / np.diff([*begins, len(loss)])
        read = size * np.sqrt(begins * np.array([*begins[1:], len(loss)]))
        axes.plot(read, means, ".-", color=color, linewidth=2, label=f"{name} a step")
    axes.axvline(N, color="0.6", linestyle=":")
    axes.annotate(
        "one pass",
        (N, 0.03),
        (-4, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=LABEL,
        color="0.4",
    )
    plain(
        axes,
        "Small batches are soon near the minimum, large ones come closer",
        xscale="log",
        yscale="log",
        ylim=(1e-8, 2.0),
        xlabel="rows read",
        ylabel="loss above its minimum",
    )
    axes.legend(loc="lower left", frameon=False, fontsize=LABEL)
    return figure
