"""Nine schedules side by side, each with how close it brings the same training to its optimum."""

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import fallline as fl
from fallline import schedules

from .style import LABEL, SHADES, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPOCHS, BATCH_SIZE, N = 20, 16, 3200
STEPS = EPOCHS * N // BATCH_SIZE
RATE, WARMUP = 0.5, STEPS // 10
SEEDS = range(5)

SCHEDULES: dict[str, schedules.Schedule] = {
    "Constant": schedules.Constant(RATE),
    "Step": schedules.Step(RATE, STEPS // 4, gamma=0.2),
    "Exponential": schedules.Exponential(RATE, 0.01 ** (1.0 / STEPS)),
    "Cosine": schedules.Cosine(RATE, STEPS),
    "OneCycle": schedules.OneCycle(RATE, STEPS),
    "Cosine after a warm-up": schedules.Cosine(RATE, STEPS - WARMUP).warmup(WARMUP),
    "WarmupStableDecay": schedules.WarmupStableDecay(
        RATE, WARMUP, STEPS // 2, STEPS - STEPS // 2 - WARMUP, end_factor=0.01
    ),
    "InverseSqrt after a warm-up": schedules.InverseSqrt(RATE, WARMUP).warmup(WARMUP),
    "ReduceOnPlateau": schedules.ReduceOnPlateau(RATE, factor=0.3, patience=1),
}


@cache
def rows() -> tuple[Any, Any, float]:
    """Return X and y of a logistic model, and the least loss."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 10))
    y = X @ rng.standard_normal(10) + rng.logistic(size=N) > 0.0
    return X, y, float(fl.Trainer(fl.losses.Logistic()).fit(X, y).report["value"])


def train(name: str, seed: int) -> tuple[fl.Fit, float]:
    """Return the model, and how far its loss is above the least one."""
    X, y, least = rows()
    trainer = fl.Trainer(
        fl.losses.Logistic(),
        optimizer=fl.optim.SGD(SCHEDULES[name]),
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        shuffle="rows",
        seed=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.ConvergenceWarning)
        fit = trainer.fit(X, y)
    margins = fit.decision_function(X)
    return fit, float(np.logaddexp(0.0, np.where(y, -margins, margins)).mean()) - least


@cache
def excess(name: str) -> float:
    """Return the mean distance to the least loss over the seeds."""
    return float(np.mean([train(name, seed)[1] for seed in SEEDS]))


def draw() -> "Figure":
    """Draw each schedule, with what it left above the least loss."""
    figure = new_figure(9.6, 7.4)
    figure.suptitle(f"What {EPOCHS} epochs in batches of {BATCH_SIZE} leave above the least loss")
    for axes, (name, schedule) in zip(
        figure.subplots(3, 3, sharex=True, sharey=True).flat, SCHEDULES.items(), strict=True
    ):
        axes.set_prop_cycle(color=SHADES[1:])
        if name == "ReduceOnPlateau":  # what comes next depends on the losses
            history = train(name, SEEDS[0])[0].history
            ends = [0, *history["step"]]
            rates = history["learning_rate"]
            axes.plot(ends, [*rates, rates[-1]], drawstyle="steps-post", linewidth=2)
        else:
            schedule.plot(STEPS, ax=axes)
        if axes.get_legend():
            axes.get_legend().remove()
        plain(axes, name, xlabel="step", ylabel="learning rate", ylim=(0.0, 1.3 * RATE))
        axes.text(
            0.97,
            0.95,
            f"{excess(name):.1e} left",
            ha="right",
            va="top",
            fontsize=LABEL,
            transform=axes.transAxes,
        )
        axes.label_outer()
    return figure
