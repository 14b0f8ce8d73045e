"""One-example logistic regression against scikit-learn, as ratios of one interleaved run.

Run by hand: ``python benchmarks/peers_sgd.py [megabytes]``; needs scikit-learn. Both on one thread,
make a step per row, rows in stored order, with and without an L2 penalty.
"""

import sys
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import SGDClassifier

from fallline import _core
from fallline.bench.problems import make_problem
from fallline.bench.timing import best_times, threads
from fallline.typing import FloatArray

RATE, ROUNDS = 0.001, 7


def fallline_epoch(X: FloatArray, y: FloatArray, alpha: float) -> Callable[[], object]:
    """One epoch of the core's loop."""
    kind = _core.LoopFloat32 if X.dtype == np.float32 else _core.LoopFloat64
    loop = kind(
        X,
        y,
        None,
        loss="logistic",
        rule="sgd",
        parameters=[],
        l2=alpha,
        l1=0.0,
        weight_decay=0.0,
        batch_size=1,
        shuffle="none",
        seed=0,
        fit_intercept=True,
    )
    rates = np.full(len(y), RATE)
    return lambda: loop.run(rates)


def sklearn_epoch(X: FloatArray, y: FloatArray, alpha: float) -> Callable[[], object]:
    """One epoch of SGDClassifier."""
    model = SGDClassifier(
        loss="log_loss",
        penalty="l2" if alpha else None,
        alpha=alpha,
        shuffle=False,
        learning_rate="constant",
        eta0=RATE,
    )
    return lambda: model.partial_fit(X, y, classes=[-1.0, 1.0])


def main() -> None:
    """Print nanoseconds per row, and the ratio to scikit-learn."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    for dtype in ("float32", "float64"):
        for d in (30, 100, 784):
            n = (megabytes << 20) // (d * np.dtype(dtype).itemsize)
            X, y = make_problem("logistic", n, d, dtype)
            for alpha in (0.0, 1e-4):
                epochs = (fallline_epoch(X, y, alpha), sklearn_epoch(X, y, alpha))
                with threads(1):
                    ours, theirs = best_times(*epochs, rounds=ROUNDS)
                sys.stdout.write(
                    f"{dtype} d={d:3} alpha={alpha:6} {ours / n * 1e9:6.1f} ns per row  "
                    f"scikit-learn / this = {theirs / ours:5.2f}\n"
                )


if __name__ == "__main__":
    main()
