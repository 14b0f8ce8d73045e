"""What a long narrow valley costs, and what a change of units does about it.

On a bowl with curvatures from 1 to k, the best rate of gradient descent, 2 / (1 + k), shortens the
way that is left by no more than (k - 1) / (k + 1) a step: k times as narrow is k times as long.
"""

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import fallline as fl

from .landscapes import bowl
from .methods import STEPS, arrival, descend
from .style import COLORS, LABEL, SHADES, new_figure, plain, relief, start_and_minima

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONDITIONS = (1.0, 10.0, 100.0)
CLOSE = 0.05  # of the least loss
PASSES = 20_000


def steps_needed(condition: float) -> tuple[Any, int]:
    """Return the path with the best rate, and the number of steps to the minimum."""
    landscape = bowl(condition)
    path = descend(landscape, fl.optim.SGD(2.0 / (1.0 + condition)), STEPS)
    steps = arrival(landscape, path)
    if steps is None:
        message = f"{STEPS} steps were not enough for condition {condition}"
        raise RuntimeError(message)
    return path[: steps + 1], steps


def draw_bowls() -> "Figure":
    """Draw the paths over three bowls."""
    figure = new_figure(9.6, 2.9)
    for axes, condition in zip(figure.subplots(1, 3, sharey=True), CONDITIONS, strict=True):
        landscape = bowl(condition)
        path, steps = steps_needed(condition)
        many = f"{steps} steps" if steps > 1 else "one step"
        relief(axes, landscape.height, landscape.box, f"condition {condition:g}: {many}")
        axes.plot(*path.T, ".-", color=COLORS["gradient descent"], linewidth=1.5, markersize=5)
        start_and_minima(axes, landscape)
        axes.set_aspect("equal")
        axes.label_outer()
    return figure


@cache
def houses() -> tuple[Any, Any]:
    """Return areas in square metres and numbers of rooms of made-up houses, and their prices."""
    rng = np.random.default_rng(0)
    area = rng.normal(120.0, 35.0, 1000)
    rooms = np.round(area / 28.0 + rng.normal(0.0, 0.8, 1000))
    price = 2.5 * area + 20.0 * rooms + rng.normal(0.0, 30.0, 1000)  # thousands
    return np.column_stack([area, rooms]), price


def least_loss() -> fl.Fit:
    """Return the model of `optimizer="auto"`, which goes to the optimum of raw columns."""
    return fl.Trainer(fl.losses.Squared()).fit(*houses())


def train(standardize: bool, passes: int = PASSES) -> Any:
    """Return F - F* before each step with a rate just below the largest stable one."""
    X, y = houses()
    columns = (X - X.mean(axis=0)) / X.std(axis=0) if standardize else X
    columns = np.column_stack([columns, np.ones(len(X))])  # the intercept's
    rate = 1.9 / (np.linalg.norm(columns, 2) ** 2 / len(X))
    trainer = fl.Trainer(
        fl.losses.Squared(),
        optimizer=fl.optim.SGD(rate),
        batch_size=None,
        epochs=passes,
        standardize=standardize,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.ConvergenceWarning)
        fit = trainer.fit(X, y)
    return np.array(fit.history["running_loss"]) - least_loss().report["value"]


def passes_needed(excess: Any) -> int:
    """Return how many passes bring the loss close to the least one."""
    return int(np.argmax(excess <= CLOSE * least_loss().report["value"]))


def draw_standardization() -> "Figure":
    """Draw the loss on raw and on standardized columns, and the optimum of one pass."""
    figure = new_figure(8.4, 4.4)
    axes = figure.subplots()
    for name, excess, color in (
        ("raw columns", train(False), SHADES[3]),
        ("standardize=True", train(True, 200), SHADES[1]),
    ):
        passes = np.arange(1, len(excess) + 1)
        axes.plot(passes, excess, color=color, linewidth=2.5, label=f"gradient descent, {name}")
    auto = least_loss()
    axes.plot(
        auto.report["passes"],
        auto.gap,
        "*",
        color="black",
        markersize=14,
        label='optimizer="auto", raw columns',
    )
    plain(
        axes,
        "Square metres and rooms, as they are and standardized",
        xscale="log",
        yscale="log",
        ylim=(1e-13, 1e7),
        xlabel="passes over the data",
        ylabel="loss above its minimum",
    )
    axes.legend(frameon=False, fontsize=LABEL)
    return figure
