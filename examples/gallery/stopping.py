"""When to stop: where the validation loss turns, or where nothing is left to gain."""

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import fallline as fl

from .style import COLORS, LABEL, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPOCHS = 300
FEW, N_FEATURES = 150, 60  # rows that are too few for so many columns


@cache
def rows() -> tuple[Any, Any]:
    """Return columns of which five matter, and the signs of their sums with noise."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((FEW + 2000, N_FEATURES)) * np.geomspace(1.0, 0.3, N_FEATURES)
    y = 1.5 * X[:, :5].sum(axis=1) + rng.logistic(size=len(X)) > 0.0
    return X, y


def train(optimizer: fl.optim.Optimizer, few: bool, callbacks: list[Any]) -> fl.Fit:
    """Descend along the gradient of the few rows, or of the others; those not used validate."""
    X, y = rows()
    chosen, held_out = (np.s_[:FEW], np.s_[FEW:]) if few else (np.s_[FEW:], np.s_[:FEW])
    trainer = fl.Trainer(
        fl.losses.Logistic(),
        optimizer=optimizer,
        batch_size=None,
        epochs=EPOCHS,
        callbacks=callbacks,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.ConvergenceWarning)
        return trainer.fit(X[chosen], y[chosen], validation=(X[held_out], y[held_out]))


def overfitted() -> fl.Fit:
    """Train on the few rows to the end."""
    return train(fl.optim.SGD(1.0), True, [])


def stopped() -> fl.Fit:
    """Train on the few rows until the validation loss has not improved five times."""
    return train(fl.optim.SGD(1.0), True, [fl.callbacks.EarlyStopping(patience=5)])


def certified() -> fl.Fit:
    """Go to the optimum of the other rows, and prove it."""
    X, y = rows()
    return fl.Trainer(fl.losses.Logistic()).fit(X[FEW:], y[FEW:])


def draw() -> "Figure":
    """Draw the validation loss that turns, and the certificate that ends a training."""
    figure = new_figure(9.6, 4.4)
    left, right = figure.subplots(1, 2)
    _draw_validation(left)
    _draw_certificate(right)
    return figure


def _draw_validation(axes: "Axes") -> None:
    history = overfitted().history
    epochs, losses = history["epoch"], history["validation_loss"]
    best = int(np.argmin(losses))
    color = COLORS["gradient descent"]
    axes.plot(epochs, history["running_loss"], "--", color=color, label=f"{FEW} rows trained on")
    axes.plot(epochs, losses, color=color, linewidth=2.5, label="2,000 other rows")
    axes.plot(epochs[best], losses[best], "o", color="black", markersize=8)
    axes.annotate(
        f"EarlyStopping keeps\nthe weights of epoch {epochs[best]}",
        (epochs[best], losses[best]),
        (55, 0.32),
        arrowprops={"arrowstyle": "-"},
        fontsize=LABEL,
    )
    plain(axes, "Stop where the validation loss turns", xlabel="epochs", ylabel="mean loss")
    axes.legend(frameon=False, fontsize=LABEL)


def _draw_certificate(axes: "Axes") -> None:
    auto = certified()
    least = auto.report["value"] - 0.5 * auto.gap
    for method, optimizer in (
        ("gradient descent", fl.optim.SGD(4.0)),
        ("momentum", fl.optim.SGD(2.0, momentum=0.8)),
    ):
        loss = np.array(train(optimizer, False, []).history["running_loss"]) - least
        passes = np.arange(1, len(loss) + 1)
        axes.plot(passes, loss, color=COLORS[method], linewidth=2.5, label=method)
    way = [*np.array(auto.history["objective"][:-1]) - least, auto.gap]
    axes.plot(auto.history["passes"], way, "o--", color="black", label='optimizer="auto"')
    axes.plot(auto.report["passes"], auto.gap, "*", color="black", markersize=14)
    axes.annotate(
        f"proven: no more than\n{auto.gap:.0e} is left",
        (auto.report["passes"], auto.gap),
        (0, -14),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=LABEL,
    )
    plain(
        axes,
        "Stop where nothing is left to gain",
        yscale="log",
        xscale="log",
        ylim=(1e-12, 2.0),
        xlabel="passes over the data",
        ylabel="loss above its minimum",
    )
    axes.legend(frameon=False, fontsize=LABEL, loc="upper right")
