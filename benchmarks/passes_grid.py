"""Passes over the data to gaps of 1e-3 and 1e-6: untuned on raw columns, against tuned steps.

Run by hand: ``python benchmarks/passes_grid.py [data set ...]``. The tuned methods are SGD (batches
of 64), SAGA and SVRG (of 1) with the best of `RATES` constant steps, one for each goal, on columns
standardised beforehand, and begin with the intercept that is best without features, as "auto" does;
a loss with kinks is for SGD alone.
Each method is held against the smallest F of its own columns. A step gets `PATIENCE` times the
passes of "auto", and at most `MOST`: where none arrives, ratios are upper bounds.

Passes are counted until the weights are there, without the pass that shows it. A pass with the
Hessian of a share of the rows counts as one, and again as 1 + share * d / 15, which is about what
it costs in time.
"""

import contextlib
import math
import sys
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from data_sets import penalty_for, problems, sets
from scipy import sparse

import fallline as fl
from fallline import _core

GOALS = (1e-3, 1e-6)
RATES = 2.0 ** np.arange(-8, 8)  # of one over the curvature along a row of mean length
HESSIAN = 15.0  # columns whose Hessian takes as long as reading the rows
EXACT = 1e-13
# A step that is not there after so many times the passes of "auto" is far behind.
PATIENCE, FEWEST, MOST = 2.0, 12, 100
KINKED = {"hinge", "quantile", "epsilon_insensitive"}


class Problem:
    """Rows, targets and loss, and how far weights are from the smallest F."""

    def __init__(self, X: Any, y: Any, loss: fl.losses.Loss) -> None:
        self.X, self.y, self.loss = X, y, loss
        self.penalty = penalty_for(loss, X.shape[0])
        exact = self.trainer(tol=EXACT).fit(X, y)
        self.is_known = exact.gap <= 0.1 * GOALS[-1] * exact.report["value"]
        self.smallest = self.value(exact.coef, exact.intercept)

    def trainer(self, **options: Any) -> fl.Trainer:
        return fl.Trainer(self.loss, penalty=self.penalty, **options)

    def value(self, coef: Any, intercept: float) -> float:
        losses = _core.loss_values(
            self.loss.name, self.X @ coef + intercept, self.y, self.loss.parameters
        )
        return float(np.mean(losses)) + 0.5 * self.penalty.alpha * float(coef @ coef)

    def gap(self, weights: tuple[Any, float]) -> float:
        """Return F less the smallest F, as a share of that."""
        return self.value(*weights) / self.smallest - 1.0

    def standardized(self) -> "Problem":
        """Return the problem of standardised columns; sparse ones are not centred."""
        if sparse.issparse(self.X):
            squares = np.asarray(self.X.multiply(self.X).mean(axis=0)).ravel()
            inverse = 1.0 / np.sqrt(np.where(squares > 0.0, squares, 1.0))
            return Problem(sparse.csr_array(self.X * inverse), self.y, self.loss)
        deviation = self.X.std(axis=0)
        X = (self.X - self.X.mean(axis=0)) / np.where(deviation > 0.0, deviation, 1.0)
        return Problem(X, self.y, self.loss)


class HessianRows:
    """Counts rows whose Hessians are computed, as shares of all."""

    def __init__(self) -> None:
        self.before = self.shares = 0.0
        self._pass = _core.newton_pass

    def __call__(self, X: Any, *arguments: Any, **options: Any) -> Any:
        self.before = self.shares
        first, last = options.get("hessian_rows") or (0, 0)
        self.shares += (last - first) / X.shape[0]
        return self._pass(X, *arguments, **options)


class Arrivals(fl.callbacks.Callback):
    """Notes the passes at which each goal is first reached."""

    def __init__(self, problem: Problem, patience: float) -> None:
        self.passes = [np.inf] * len(GOALS)
        self._problem, self._patience, self._now = problem, patience, 0.0

    def on_chunk_end(self, run: Any) -> None:
        self._now = run.step / run.steps_per_epoch + run.snapshots
        gap = self._problem.gap(run.weights)
        for k, goal in enumerate(GOALS):
            if gap <= goal and np.isinf(self.passes[k]):
                self.passes[k] = self._now

    def on_epoch_end(self, run: Any) -> bool:  # noqa: ARG002 - part of the interface
        return bool(np.isfinite(self.passes[-1])) or self._now >= self._patience


class Visits(fl.callbacks.Callback):
    """Notes the passes of "auto", and what they are with its Hessians."""

    def __init__(self, problem: Problem, hessians: HessianRows) -> None:
        self.plain = [np.inf] * len(GOALS)
        self.counted = [np.inf] * len(GOALS)
        self._problem, self._hessians = problem, hessians
        n, d = problem.X.shape
        # Of fewer rows than columns it is of a matrix of rows by rows, as much smaller than X.
        width = problem.X.nnz / n if sparse.issparse(problem.X) else min(d, n * n / d)
        self._cost = width / HESSIAN

    def note(self, weights: tuple[Any, float], passes: float, hessians: float) -> None:
        gap = self._problem.gap(weights)
        for k, goal in enumerate(GOALS):
            if gap <= goal and np.isinf(self.plain[k]):
                self.plain[k] = passes
                self.counted[k] = passes + self._cost * hessians

    def on_epoch_end(self, run: Any) -> None:
        # The pass that has shown F was one over all rows.
        self.note(run.weights, run.passes - 1.0, self._hessians.before)


def automatic(problem: Problem) -> tuple[list[float], list[float]]:
    """Return the passes to each goal, plain and with Hessians counted."""
    hessians = HessianRows()
    visits = Visits(problem, hessians)
    n, d = problem.X.shape
    # Of fewer rows than columns the weights are only known at the end.
    callbacks = [visits] if n > d else []
    with mock.patch.object(_core, "newton_pass", hessians):
        trainer = problem.trainer(tol=1e-9, callbacks=callbacks, epochs=2000)
        fit = trainer.fit(problem.X, problem.y)
    visits.note((fit.coef, fit.intercept), fit.report["passes"], hessians.shares)
    return visits.plain, visits.counted


METHODS: dict[str, Callable[[float], Any]] = {
    "SGD": fl.optim.SGD,
    "SAGA": fl.optim.SAGA,
    "SVRG": fl.optim.SVRG,
}


def curvature(problem: Problem) -> float:
    """Return about the largest curvature along a row of mean length."""
    smoothness = _core.loss_smoothness(problem.loss.name, problem.loss.parameters)
    if not np.isfinite(smoothness) or smoothness == 0.0:
        smoothness = float(np.mean(problem.y)) if problem.loss.name == "poisson" else 1.0
    X = problem.X
    squares = X.multiply(X).sum() if sparse.issparse(X) else np.einsum("ij,ij->", X, X)
    return smoothness * (1.0 + float(squares) / X.shape[0])


def tuned(problem: Problem, method: Callable[[float], Any], patience: float) -> list[float]:
    """Return the fewest passes to each goal of all constant steps."""
    nothing = np.zeros((len(problem.y), 1))
    start = fl.Trainer(problem.loss).fit(nothing, problem.y).intercept
    best = [patience + 1.0] * len(GOALS)
    for rate in RATES / curvature(problem):
        arrivals = Arrivals(problem, patience=max(best))
        trainer = problem.trainer(
            optimizer=method(float(rate)), epochs=math.ceil(max(best)), callbacks=[arrivals]
        )
        with contextlib.suppress(fl.DivergenceError):
            trainer.fit(problem.X, problem.y, intercept=start)
        best = [min(pair) for pair in zip(best, arrivals.passes, strict=True)]
    return [passes if passes <= patience else np.inf for passes in best]


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def shown(passes: list[float]) -> str:
    """Return passes to both goals, with a dash where one is not reached."""
    return "/".join(f"{p:.1f}" if np.isfinite(p) else "-" for p in passes)


def ratios(ours: list[float], best: list[float], patience: float) -> list[float]:
    """Return our passes over the best of the others, or over the patience with them.

    NaN says that the patience was too short to tell.
    """
    found = []
    for mine, other in zip(ours, best, strict=True):
        known = np.isfinite(other) or mine <= patience
        found.append(mine / min(other, patience) if known else np.nan)
    return found


def contest(name: str, problem: Problem) -> tuple[list[float], list[float]]:
    """Print a line; return the ratios to each goal, plain and with Hessians counted."""
    plain, counted = automatic(problem)
    usual = problem.standardized()
    last = max((p for p in counted if np.isfinite(p)), default=0.0)
    patience = float(min(max(FEWEST, math.ceil(PATIENCE * last)), MOST))
    reached = {
        kind: tuned(usual, method, patience)
        for kind, method in METHODS.items()
        if kind == "SGD" or problem.loss.name not in KINKED
    }
    best = [min(of_goal) for of_goal in zip(*reached.values(), strict=True)]
    both = ratios(plain, best, patience), ratios(counted, best, patience)
    others = "  ".join(f"{kind} {shown(passes)}" for kind, passes in reached.items())
    of_best = " and ".join("/".join(f"{ratio:.2f}" for ratio in several) for several in both)
    say(
        f"{name:14} {problem.loss.name:14} auto {shown(plain)} ({shown(counted)} with Hessians)  "
        f"{others}  ratio {of_best}"
    )
    return both


def summary(kind: str, found: list[tuple[list[float], list[float]]]) -> None:
    """Print which share is at most 1.1 times the best, and the median."""
    for which, counting in enumerate(("plain", "Hessians counted")):
        for k, goal in enumerate(GOALS):
            every = np.array([both[which][k] for both in found])
            known = every[~np.isnan(every)]
            say(
                f"{kind}, to {goal:.0e}, {counting}: at most 1.1 times the best on "
                f"{np.count_nonzero(known <= 1.1)} of {len(known)}, median {np.median(known):.2f}; "
                f"on {len(every) - len(known)} more no other is there after {MOST} passes"
            )


def main() -> None:
    """Compare on every problem that Newton's method is for, and sum up."""
    warnings.simplefilter("ignore")  # of budgets too small, which the dash says
    found: dict[str, list[tuple[list[float], list[float]]]] = {"smooth": [], "kinked": []}
    for name, rows, y, task in sets(say):
        if (sys.argv[1:] and name not in sys.argv[1:]) or min(rows.shape) > 1500:
            continue
        X = rows.astype(np.float64) if sparse.issparse(rows) else np.array(rows, np.float64)
        for loss, targets in problems(y, task):
            if loss.coupled:
                continue
            t = np.where(targets, 1.0, -1.0) if loss.classifies else targets
            kind = "kinked" if loss.name in KINKED else "smooth"
            problem = Problem(X, t, loss)
            if problem.is_known:
                found[kind].append(contest(name, problem))
            else:
                say(f"{name:14} {loss.name:14} left out, as the smallest F is not known")
    for kind, several in found.items():
        if several:
            summary(kind, several)


if __name__ == "__main__":
    main()
