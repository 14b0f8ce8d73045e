"""Estimators solved to the optimum against scikit-learn's, on the raw columns of real data.

Run by hand: ``python benchmarks/peers_newton.py [data set ...]``; the sets lie in the directory
FALLLINE_TEST_DATA, by default beside the checkout. Every time is the best of interleaved rounds of
CPU time, on one thread; behind it how far the objective is above the smallest one found.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1"))

import numpy as np
from sklearn import linear_model

import fallline as fl
from fallline.bench.timing import best_times

DIRECTORY = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ["heart_scale", "higgs_lgb", "covtype20k", "ohlsson", "nslkdd"]
ROUNDS = 5


def load(name: str) -> tuple[Any, Any]:
    directory = Path(os.environ.get("FALLLINE_TEST_DATA", DIRECTORY))
    with np.load(directory / f"{name}.npz", allow_pickle=False) as file:
        X, y = file["X"].astype(np.float64), file["y"]
    return X, y == np.unique(y)[-1 if len(np.unique(y)) == 2 else 0]


def objective(model: Any, X: Any, y: Any) -> float:
    margins = np.where(y, 1.0, -1.0) * (X @ model.coef_[0] + model.intercept_)
    return float(np.logaddexp(0.0, -margins).mean() + 0.5 * np.sum(model.coef_**2) / len(y))


def contest(name: str) -> Iterator[str]:
    X, y = load(name)
    models: dict[str, Any] = {"fallline": fl.LogisticRegression()}
    for solver in ("newton-cholesky", "lbfgs"):
        models[solver] = linear_model.LogisticRegression(solver=solver, max_iter=1000)
    fits: list[Callable[[], object]] = [lambda m=m: m.fit(X, y) for m in models.values()]
    times = best_times(*fits, rounds=ROUNDS)
    values = [objective(model, X, y) for model in models.values()]
    yield f"{name} {X.shape}: {models['fallline'].status_}"
    for kind, seconds, value in zip(models, times, values, strict=True):
        ratio, gap = seconds / times[0], value / min(values) - 1
        yield f"  {kind:16} {1e3 * seconds:9.2f} ms  {ratio:6.1f} times as long  gap {gap:.0e}"


def main() -> None:
    warnings.filterwarnings("ignore")  # lbfgs does not arrive on raw columns, which the gap shows
    for name in sys.argv[1:] or SETS:
        for line in contest(name):
            sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
