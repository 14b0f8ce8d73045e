"""Learning rates that are too small, right and too large, and what each costs.

Gradient descent on a quadratic multiplies the error along a curvature c by 1 - rate * c in each
step, so it comes down for rates below 2 / L, with L the largest curvature, and for no others.
"""

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import fallline as fl

from .style import LABEL, SHADES, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARES = {"too small": 0.01, "right": 0.6, "too large": 1.1}  # of the limit 2 / L
CLOSE = 1e-3  # of the loss that there is to lose
_MOST_PASSES = 5000
_SHOWN_PASSES = 80


@cache
def rows() -> tuple[Any, Any, float, float]:
    """Return X and y of 20 columns, the limit 2 / L and the least loss."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((500, 20)) * np.geomspace(1.0, 0.3, 20)
    y = X @ rng.standard_normal(20) + 0.1 * rng.standard_normal(500)
    limit = 2.0 / (np.linalg.norm(X, 2) ** 2 / len(X))
    least = fl.Trainer(fl.losses.Squared(), fit_intercept=False).fit(X, y).report["value"]
    return X, y, float(limit), float(least)


class _Arrival(fl.callbacks.Callback):
    """End the training where the loss is close to the least one."""

    def __init__(self, target: float) -> None:
        self.target = target

    def on_epoch_end(self, run: Any) -> bool:
        return bool(run.running_loss <= self.target)


def train(share: float, passes: int, target: float = 0.0) -> fl.Fit:
    """Take steps along the gradient of all rows with a rate of so much of the limit."""
    X, y, limit, _ = rows()
    trainer = fl.Trainer(
        fl.losses.Squared(),
        optimizer=fl.optim.SGD(share * limit),
        batch_size=None,
        epochs=passes,
        fit_intercept=False,
        callbacks=[_Arrival(target)],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.ConvergenceWarning)  # the slow ones are the point here
        try:
            return trainer.fit(X, y)
        except fl.DivergenceError as error:
            return error.fit


def passes_needed(share: float) -> float:
    """Return how many passes bring the loss close to the least one, infinity if none do."""
    _, y, _, least = rows()
    target = least + CLOSE * (0.5 * float(np.mean(y**2)) - least)
    fit = train(share, _MOST_PASSES, target)
    losses = fit.history["running_loss"]
    return float(len(losses)) if losses[-1] <= target else np.inf


def draw() -> "Figure":
    """Draw the loss for three rates, and the passes that every rate needs."""
    figure = new_figure(9.6, 4.4)
    left, right = figure.subplots(1, 2)
    _draw_losses(left)
    _draw_passes(right)
    return figure


def _draw_losses(axes: "Axes") -> None:
    for (name, share), color in zip(SHARES.items(), SHADES[:3], strict=True):
        fit = train(share, _SHOWN_PASSES)
        loss = fit.history["running_loss"]
        diverged = fit.status == "diverged"
        axes.plot(loss, color=color, linewidth=2.5)
        axes.plot(len(loss) - 1, loss[-1], "X" if diverged else "o", color=color, markersize=8)
        axes.annotate(
            f"{name}: {share * rows()[2]:.2g}" + ("\nDivergenceError" if diverged else ""),
            (len(loss) - 1, loss[-1]),
            (12, 0) if diverged else (0, 10),
            textcoords="offset points",
            ha="left" if diverged else "right",
            va="center" if diverged else "bottom",
            color=color,
            fontsize=LABEL,
            fontweight="bold",
        )
    plain(
        axes,
        "Three learning rates",
        yscale="log",
        ylim=(2e-3, 60.0),
        xlabel="passes",
        ylabel="loss",
    )


def _draw_passes(axes: "Axes") -> None:
    limit = rows()[2]
    shares = np.concatenate([np.geomspace(0.004, 0.8, 24), np.linspace(0.85, 0.99, 8)])
    needed = [passes_needed(share) for share in shares]
    axes.plot(shares * limit, needed, ".-", color="0.25", linewidth=2, markersize=6)
    for name, color in zip(("too small", "right"), SHADES, strict=False):
        share = SHARES[name]
        axes.plot(share * limit, passes_needed(share), "o", color=color, markersize=10)
    axes.axvspan(limit, 2.0 * limit, color=SHADES[2], alpha=0.25, linewidth=0)
    axes.text(1.08 * limit, 400, "diverges", rotation=90, color=SHADES[2], fontsize=LABEL)
    plain(
        axes,
        "Twice the rate, half the passes: up to 2 / L",
        xscale="log",
        yscale="log",
        xlim=(0.003 * limit, 2.0 * limit),
        xlabel="learning rate",
        ylabel="passes to 99.9 % of the way",
    )
