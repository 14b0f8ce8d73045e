"""Differentiable hyperparameter search: an alpha for each feature, found along its gradient.

Ridge and logistic regression with five features that count and fifty-five that are a nuisance. A
search over one alpha for all of them, 20 points of a grid, is held against `fl.tune`, which follows
the derivatives of the validation loss V with respect to the logarithm of each feature's alpha,

    dV / d log alpha_j = -q_j alpha_j w_j,    H q = grad V    (Bengio 2000),

at the optimum w of a fit, H being the Hessian there: they cost one solution of equations whose
factor the fit has left. Through the steps of gradient descent `fl.hypergradient` also returns the
derivative by the logarithm of the learning rate.

Run it with ``python examples/hyperparameter_search.py``; it prints the losses and draws
hyperparameter_search.png.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import fallline as fl

GRID = np.logspace(-4, 2, 20)
N_FEATURES, N_USEFUL = 60, 5
MODELS: dict[str, fl.losses.Loss] = {
    "ridge": fl.losses.Squared(),
    "logistic": fl.losses.Logistic(),
}


class Rows(NamedTuple):
    """Features and targets."""

    X: Any
    y: Any


class Race(NamedTuple):
    """Losses of the grid and of the search, on validation rows and on 10,000 others."""

    grid_values: list[float]
    grid_test: float
    tuned: fl.Tuned
    tuned_test: float
    seconds: float


def made_rows(model: str, seed: int = 0) -> list[Rows]:
    """Return 200 rows to train on, 200 to validate and 10,000 to judge by."""
    rng = np.random.default_rng(seed)
    coef = np.zeros(N_FEATURES)
    coef[:N_USEFUL] = rng.standard_normal(N_USEFUL)
    rows = []
    for n in (200, 200, 10_000):
        X = rng.standard_normal((n, N_FEATURES))
        if model == "logistic":
            rows.append(Rows(X, X @ coef + rng.logistic(size=n) > 0.0))
        else:
            rows.append(Rows(X, X @ coef + rng.standard_normal(n)))
    return rows


def mean_loss(fit: fl.Fit, rows: Rows) -> float:
    """Return the mean loss of a model on rows, which its history has after a fit otherwise."""
    margins = fit.decision_function(rows.X)
    if fit.loss.name == "logistic":
        return float(np.logaddexp(0.0, np.where(rows.y, -margins, margins)).mean())
    return float(0.5 * np.square(margins - rows.y).mean())


def race(model: str, seed: int = 0) -> Race:
    """Search the grid, and along the gradient."""
    train, validation, judged = made_rows(model, seed)
    loss = MODELS[model]
    fits = [fl.Trainer(loss, penalty=fl.penalties.L2(alpha)).fit(*train) for alpha in GRID]
    values = [mean_loss(fit, validation) for fit in fits]
    best = fits[int(np.argmin(values))]
    started = time.perf_counter()
    trainer = fl.Trainer(loss, penalty=fl.penalties.L2(0.1))
    tuned = fl.tune(trainer, *train, validation=validation)
    seconds = time.perf_counter() - started
    return Race(values, mean_loss(best, judged), tuned, mean_loss(tuned.fit, judged), seconds)


def difference(value: Callable[[float], float], step: float = 1e-4) -> float:
    """Return the central difference of a function at 0."""
    return (value(step) - value(-step)) / (2.0 * step)


def largest_error(model: str) -> float:
    """Return how far the derivatives at an optimum are from differences of fits, at most."""
    train, validation, _ = made_rows(model)
    loss, alphas = MODELS[model], np.full(N_FEATURES, 0.1)

    def at(log_alpha: Any) -> fl.Hypergradient:
        penalty = fl.penalties.WeightedL2(alphas * np.exp(log_alpha))
        return fl.hypergradient(fl.Trainer(loss, penalty=penalty), *train, validation=validation)

    units = np.eye(N_FEATURES)
    differences = [difference(lambda h, u=unit: at(h * u).value) for unit in units]  # type: ignore[misc]
    return float(np.abs(at(0.0 * units[0]).log_alpha - differences).max())


def along_learning_rates(rates: Any) -> list[fl.Hypergradient]:
    """Return V and its derivatives after five epochs of gradient descent at each rate."""
    train, validation, _ = made_rows("logistic")
    found = []
    for rate in rates:
        trainer = fl.Trainer(
            fl.losses.Logistic(),
            penalty=fl.penalties.L2(0.01),
            optimizer=fl.optim.SGD(rate, momentum=0.9),
            batch_size=32,
            epochs=5,
        )
        found.append(fl.hypergradient(trainer, *train, validation=validation))
    return found


def draw(races: dict[str, Race], path: str) -> None:
    """Draw the searches, the alphas they lead to, and V along the learning rate with slopes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    searches, alphas, rates = figure.subplots(1, 3)
    for (model, run), colour in zip(races.items(), ("tab:blue", "tab:orange"), strict=True):
        n_fits = np.arange(1, len(run.tuned.values) + 1)
        searches.plot(
            n_fits, np.minimum.accumulate(run.tuned.values), "o-", c=colour, label=f"{model}, tune"
        )
        searches.axhline(
            min(run.grid_values), c=colour, ls="--", label=f"{model}, best of 20 alphas"
        )
        alphas.semilogy(run.tuned.alpha, "o", c=colour, ms=4, label=model)
    searches.set(xlabel="fits", ylabel="validation loss, lowest so far")
    searches.legend(fontsize=8)
    alphas.axvspan(-1.0, N_USEFUL - 0.5, color="0.9", zorder=0)
    alphas.set(xlabel="feature (the first five count)", ylabel="alpha")
    alphas.legend(fontsize=8)
    tried = np.geomspace(3e-4, 0.1, 12)
    found = along_learning_rates(tried)
    rates.semilogx(tried, [at.value for at in found], "o", c="tab:green")
    for rate, at in zip(tried, found, strict=True):
        ends = np.array([-0.25, 0.25])
        rates.plot(rate * np.exp(ends), at.value + at.log_learning_rate * ends, c="tab:green")
    rates.set(xlabel="learning rate", ylabel="validation loss after 5 epochs")
    rates.set_title("hypergradients as tangents", fontsize=9)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run both searches, check the derivatives and draw."""
    races = {model: race(model) for model in MODELS}
    for model, run in races.items():
        print(
            f"{model:9} best of {len(GRID)} alphas: {min(run.grid_values):.4f} on validation rows, "
            f"{run.grid_test:.4f} on others"
        )
        print(
            f"{'':9} an alpha each:      {run.tuned.value:.4f}, {run.tuned_test:.4f} after "
            f"{len(run.tuned.values)} fits, {1e3 * run.seconds:.0f} ms"
        )
        print(f"{'':9} derivatives and differences of fits: within {largest_error(model):.0e}")
    draw(races, "hyperparameter_search.png")
    print("Picture: hyperparameter_search.png")


if __name__ == "__main__":
    main()
