"""Untuned optima of every data set, on raw columns: losses that suit the targets, and the ends.

Run by hand: ``python benchmarks/optima.py [data set ...]``; the sets lie in the directory
FALLLINE_TEST_DATA, by default beside the checkout, and scikit-learn's own are added. The tolerance
is a gap of a millionth of F; penalties are 1 / n for labels, and 1e-6 for numbers.
"""

import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets

import fallline as fl

DIRECTORY = Path(__file__).resolve().parents[2] / "shared" / "data"
BUNDLED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}
TWO_CLASSES = [fl.losses.Logistic(), fl.losses.SquaredHinge(), fl.losses.Hinge()]
NUMBERS = [fl.losses.Squared(), fl.losses.Huber(), fl.losses.Quantile()]


def stored(directory: Path) -> Iterator[tuple[str, Any, Any, str]]:
    for path in sorted(directory.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            parts = dict(file)
        if "indptr" in parts:
            from scipy.sparse import csr_array

            rows = (parts["data"].astype(np.float64), parts["indices"], parts["indptr"])
            X: Any = csr_array(rows, shape=tuple(parts["shape"]))
        else:
            X = parts["X"]
        yield path.stem, X, parts["y"], str(parts["task"])


def sets() -> Iterator[tuple[str, Any, Any, str]]:
    yield from stored(Path(os.environ.get("FALLLINE_TEST_DATA", DIRECTORY)))
    for name, load in BUNDLED.items():
        X, y = load(return_X_y=True)
        kinds = len(np.unique(y))
        yield name, X, y, "regression" if kinds > 50 else "binary" if kinds == 2 else "multiclass"


def problems(y: Any, task: str) -> Iterator[tuple[fl.losses.Loss, Any]]:
    if task == "regression":
        yield from ((loss, y.astype(np.float64)) for loss in NUMBERS)
    elif task == "poisson":
        yield fl.losses.Poisson(), y.astype(np.float64)
    else:
        yield from ((loss, y if task == "binary" else y == 0) for loss in TWO_CLASSES)
        if task == "multiclass":
            yield fl.losses.Softmax(), y


def contest(X: Any, y: Any, loss: fl.losses.Loss) -> tuple[str, str]:
    """Fit once, and return the status and what to print."""
    penalty = fl.penalties.L2(1.0 / X.shape[0] if loss.classifies else 1e-6)
    began = time.perf_counter()
    try:
        fit = fl.Trainer(loss, penalty=penalty, epochs=2000).fit(X, y)
    except ValueError as error:
        return "refused", str(error)
    seconds = time.perf_counter() - began
    share = fit.gap / max(fit.report["value"], 1e-3 * fit.report["null_value"])
    shown = f"{fit.report['passes']:7.1f} passes {1e3 * seconds:9.2f} ms  gap {share:.0e}"
    return fit.status, f"{shown}  {fit.report['method']}"


def main() -> None:
    warnings.simplefilter("ignore", fl.ConvergenceWarning)  # which the status says
    ends: Counter[str] = Counter()
    for name, X, y, task in sets():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        for loss, targets in problems(y, task):
            status, shown = contest(X, targets, loss)
            small = min(X.shape[0], X.shape[1] * (len(np.unique(y)) if loss.coupled else 1)) <= 1500
            ends[f"{status}, {'up to' if small else 'beyond'} 1,500"] += 1
            kind = type(loss).__name__
            sys.stdout.write(f"{name:14} {X.shape!s:15} {kind:13} {status:10} {shown}\n")
            sys.stdout.flush()
    for end, count in sorted(ends.items()):
        sys.stdout.write(f"{count:4} {end}\n")


if __name__ == "__main__":
    main()
