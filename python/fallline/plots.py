"""The picture of the demo: what a learning rate does, and the way down a landscape of loss."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import fallline as fl
from fallline._run import Run
from fallline.typing import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people tell apart.
_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"
_TITLE: dict[str, Any] = {"loc": "left", "fontsize": 14, "pad": 12}


def save_picture(path: Path) -> None:
    """Draw the picture and write it to a file.

    Parameters
    ----------
    path : Path
        File to write; its ending chooses the format.

    Raises
    ------
    ImportError
        If matplotlib is absent, naming the extra that brings it.
    """
    draw().savefig(path, dpi=150)


def draw() -> "Figure":
    """Train on small problems and draw how that went.

    Returns
    -------
    Figure
        Left the loss for three learning rates, right the path of the weights. It belongs to no
        window and no global state.

    Raises
    ------
    ImportError
        If matplotlib is absent, naming the extra that brings it.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = "pictures need matplotlib; pip install 'fallline[plot]'"
        raise ImportError(message) from error
    figure = Figure(figsize=(12.5, 5.4), layout="constrained", facecolor="white")
    curves, landscape = figure.subplots(1, 2)
    _draw_learning_rates(curves)
    _draw_landscape(landscape)
    return figure


class _Path(fl.callbacks.Callback):
    """Note the weights after every step of batch gradient descent."""

    def __init__(self) -> None:
        self.points: list[Float64Array] = []

    def on_fit_begin(self, run: Run) -> None:
        self.points.append(np.asarray(run.weights[0], np.float64))

    def on_epoch_end(self, run: Run) -> None:
        self.points.append(np.asarray(run.weights[0], np.float64))


def _descend(
    X: Float64Array,
    y: Float64Array,
    optimizer: fl.optim.Optimizer,
    steps: int,
    start: Float64Array | None = None,
) -> tuple[fl.Fit, Float64Array]:
    """Make batch steps, also when the loss grows; return the fit and the path of its weights."""
    path = _Path()
    trainer = fl.Trainer(
        fl.losses.Squared(),
        optimizer=optimizer,
        batch_size=None,
        epochs=steps,
        fit_intercept=False,
        callbacks=[path],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.ConvergenceWarning)  # stopping early is the point here
        try:
            fit = trainer.fit(X, y, coef=start)
        except fl.DivergenceError as error:
            fit = error.fit
    return fit, np.array(path.points)


def _largest_curvature(X: Float64Array) -> float:
    return float(np.linalg.norm(X, 2) ** 2 / len(X))


def _draw_learning_rates(axes: "Axes") -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((500, 20)) * np.geomspace(1.0, 0.3, 20)
    y = X @ rng.standard_normal(20) + 0.1 * rng.standard_normal(500)
    limit = 2.0 / _largest_curvature(X)  # from here on steps overshoot by more than they gain
    steps = 80
    for rate, color, remark in (
        (0.01 * limit, _BLUE, "too small"),
        (0.6 * limit, _GREEN, "right"),
        (1.1 * limit, _ORANGE, "too large"),
    ):
        fit, _ = _descend(X, y, fl.optim.SGD(rate), steps)
        loss = fit.history["running_loss"]
        diverged = fit.status == "diverged"
        axes.plot(loss, color=color, linewidth=2.5)
        axes.plot(len(loss) - 1, loss[-1], "X" if diverged else "o", color=color, markersize=9)
        axes.annotate(
            f"{remark}: {rate:.3g}" + ("\nDivergenceError" if diverged else ""),
            (len(loss) - 1, loss[-1]),
            (14, 2) if diverged else (0, 12),
            textcoords="offset points",
            ha="left" if diverged else "right",
            va="center" if diverged else "bottom",
            color=color,
            fontsize=12,
            fontweight="bold",
        )
    axes.set(yscale="log", ylim=(2e-3, 60.0), xlabel="steps of gradient descent", ylabel="loss")
    axes.set_title("One learning rate crawls, one arrives, one blows up", **_TITLE)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_landscape(axes: "Axes") -> None:
    rng = np.random.default_rng(0)
    turn = np.deg2rad(25.0)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    X = (
        rng.standard_normal((300, 2)) * [0.22, 1.0] @ rotation
    )  # curvatures differ by a factor of 20
    y = X @ np.array([1.0, -0.5]) + 0.1 * rng.standard_normal(300)
    start = np.array([-2.3, -1.05])
    rate = 1.85 / _largest_curvature(X)

    across, up = np.meshgrid(np.linspace(-3.0, 2.4, 200), np.linspace(-3.1, 1.4, 200))
    residuals = np.stack([across, up], axis=-1) @ X.T - y
    loss = 0.5 * np.mean(residuals**2, axis=-1)
    levels = np.geomspace(loss.min(), loss.max(), 14)
    axes.contourf(across, up, loss, levels=levels, norm="log", cmap="Blues_r", alpha=0.4)
    axes.contour(across, up, loss, levels=levels, colors="white", linewidths=0.8)
    for optimizer, color, remark, place in (
        (fl.optim.SGD(rate), _ORANGE, "gradient descent\nzigzags across", (-0.95, -2.62)),
        (fl.optim.SGD(0.16 * rate, momentum=0.8), _BLUE, "momentum\nrolls along", (-1.0, -0.6)),
    ):
        _, path = _descend(X, y, optimizer, 40, start)
        axes.plot(*path.T, color=color, linewidth=1.8, marker="o", markersize=4)
        axes.text(*place, remark, color=color, fontsize=12, fontweight="bold")
    axes.plot(*start, "o", color="black", markersize=8)
    axes.annotate("start", tuple(start), (-8, 8), textcoords="offset points", ha="right")
    best = np.linalg.lstsq(X, y, rcond=None)[0]
    axes.plot(*best, "*", color="black", markersize=15)
    axes.annotate("least loss", tuple(best), (8, -16), textcoords="offset points")
    axes.set(xlabel="first weight", ylabel="second weight", aspect="equal")
    axes.set_title("Down the valley of least squares with two weights", **_TITLE)
    axes.spines[:].set_visible(False)
