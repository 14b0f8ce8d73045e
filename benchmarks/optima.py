"""Untuned optima of every data set, on raw columns: losses that suit the targets, and the ends.

Run by hand: ``python benchmarks/optima.py [data set ...]``; see data_sets.py for where they come
from. The tolerance is a gap of a millionth of F; penalties are 1 / n for labels, and 1e-6 for
numbers. Of labels the accuracy is compared as well, on a quarter of the rows after a fit to the
others, with that of the exact optimum: a fit to a millionth of the tolerance.
"""

import sys
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np
from data_sets import penalty_for, problems, sets

import fallline as fl

EXACT = 1e-12


def contest(X: Any, y: Any, loss: fl.losses.Loss) -> tuple[str, str]:
    """Fit once, and return the status and what to print."""
    began = time.perf_counter()
    try:
        fit = fl.Trainer(loss, penalty=penalty_for(loss, X.shape[0]), epochs=2000).fit(X, y)
    except ValueError as error:
        return "refused", str(error)
    seconds = time.perf_counter() - began
    share = fit.gap / max(fit.report["value"], 1e-3 * fit.report["null_value"])
    shown = f"{fit.report['passes']:7.1f} passes {1e3 * seconds:9.2f} ms  gap {share:.0e}"
    return fit.status, f"{shown}  {fit.report['method']}"


def lost_accuracy(X: Any, y: Any, loss: fl.losses.Loss) -> float:
    """Return the points by which the test accuracy is below that of the exact optimum."""
    order = np.random.default_rng(0).permutation(len(y))
    train, test = np.split(order, [3 * len(y) // 4])
    points = []
    for tol in (1e-6, EXACT):
        trainer = fl.Trainer(loss, penalty=penalty_for(loss, len(train)), epochs=2000, tol=tol)
        found = trainer.fit(X[train], y[train]).predict(X[test])
        points.append(100.0 * float(np.mean(found == y[test])))
    return points[1] - points[0]


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Fit every problem, and count how they end."""
    warnings.simplefilter("ignore", fl.ConvergenceWarning)  # which the status says
    ends: Counter[str] = Counter()
    lost: list[tuple[float, str]] = []
    for name, X, y, task in sets(say):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        for loss, targets in problems(y, task):
            status, shown = contest(X, targets, loss)
            small = min(X.shape[0], X.shape[1] * (len(np.unique(y)) if loss.coupled else 1)) <= 1500
            ends[f"{status}, {'up to' if small else 'beyond'} 1,500"] += 1
            kind = type(loss).__name__
            if loss.classifies and status == "certified":
                lost.append((lost_accuracy(X, targets, loss), f"{name} {kind}"))
                shown += f"  accuracy lost {lost[-1][0]:.2f} points"
            say(f"{name:14} {X.shape!s:15} {kind:13} {status:10} {shown}")
    for end, count in sorted(ends.items()):
        say(f"{count:4} {end}")
    if lost:
        say(f"most accuracy lost: {max(lost)[0]:.2f} points, {max(lost)[1]}")


if __name__ == "__main__":
    main()
