"""How far the learning rates get that named optimizers find: passes to gaps of 1e-3 and 1e-6.

Run by hand: ``python benchmarks/found_rates.py [data set ...]``. Columns are standardised
beforehand, SGD and Adam make mini-batches of 64, SAGA and SVRG go row by row, and everybody has
`MOST` passes. Losses with kinks are for SGD and Adam alone.
"""

import contextlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from data_sets import problems, sets
from passes_grid import GOALS, KINKED, Arrivals, Problem, say, shown
from scipy import sparse

import fallline as fl

MOST = 100
METHODS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: fl.optim.SGD("auto"),
    "Adam": lambda: fl.optim.Adam("auto"),
    "SAGA": fl.optim.SAGA,
    "SVRG": fl.optim.SVRG,
}


def passes(problem: Problem, method: Callable[[], Any]) -> list[float]:
    """Return the passes to each goal."""
    arrivals = Arrivals(problem, patience=MOST)
    trainer = problem.trainer(optimizer=method(), epochs=MOST, callbacks=[arrivals])
    with contextlib.suppress(fl.DivergenceError):
        trainer.fit(problem.X, problem.y)
    return arrivals.passes


def main() -> None:
    """Print a line for each problem, and how many each method has solved."""
    warnings.simplefilter("ignore")  # of budgets too small, which the dash says
    found: dict[str, list[list[float]]] = {name: [] for name in METHODS}
    for name, rows, y, task in sets(say):
        if (sys.argv[1:] and name not in sys.argv[1:]) or sparse.issparse(rows):
            continue
        if rows.shape[1] > 1500 or rows.size > 3_000_000:  # which take long, row by row
            continue
        for loss, targets in problems(y, task):
            if loss.coupled:
                continue
            t = np.where(targets, 1.0, -1.0) if loss.classifies else targets
            problem = Problem(np.array(rows, np.float64), t, loss).standardized()
            if not problem.is_known:
                continue
            line = f"{name:14} {loss.name:14}"
            for kind, method in METHODS.items():
                if kind in {"SGD", "Adam"} or loss.name not in KINKED:
                    found[kind].append(passes(problem, method))
                    line += f" {kind} {shown(found[kind][-1])} "
            say(line)
    for kind, several in found.items():
        for k, goal in enumerate(GOALS):
            reached = [of_goals[k] for of_goals in several if np.isfinite(of_goals[k])]
            median = f", in a median of {np.median(reached):.0f} passes" if reached else ""
            say(f"{kind} to {goal:.0e}: {len(reached)} of {len(several)}{median}")


if __name__ == "__main__":
    main()
