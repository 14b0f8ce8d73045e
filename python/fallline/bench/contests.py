"""Pairs of functions to time: fallline and NumPy at the same task, their answers compared first."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fallline import _core, optim
from fallline.bench.agreement import (
    check_agreement,
    epoch_tolerance,
    gradient_tolerance,
    step_tolerance,
)
from fallline.bench.core_loop import CoreLoop
from fallline.bench.numpy_loop import NumpyLoop, loss_gradient
from fallline.bench.numpy_step import NumpyStep
from fallline.bench.problems import stable_learning_rate
from fallline.typing import FloatArray


@dataclass(frozen=True)
class Contest:
    """Two functions that do the same work.

    Parameters
    ----------
    fallline, numpy : callable
        The contestants, called without arguments.
    n, numpy_n : int
        Rows or weights each works through in one call.
    n_bytes : int
        Bytes that must pass between memory and processor in one call of `fallline`.
    """

    fallline: Callable[[], object]
    numpy: Callable[[], object]
    n: int
    numpy_n: int
    n_bytes: int


# Rules of every number of slots, among them the most used: the optimizer that has one, the name
# and constants of its NumPy twin, its decoupled weight decay.
LEARNING_RATE = 1e-3
RULES: dict[str, tuple[Callable[[], optim.Optimizer], str, list[float], float]] = {
    "sgd": (lambda: optim.SGD(LEARNING_RATE), "sgd", [], 0.0),
    "momentum": (lambda: optim.SGD(LEARNING_RATE, momentum=0.9), "momentum", [0.9], 0.0),
    "nesterov": (
        lambda: optim.SGD(LEARNING_RATE, momentum=0.9, nesterov=True),
        "nesterov",
        [0.9],
        0.0,
    ),
    "adam": (lambda: optim.Adam(LEARNING_RATE), "adam", [0.9, 0.999, 1e-8], 0.0),
    "amsgrad": (
        lambda: optim.Adam(LEARNING_RATE, amsgrad=True),
        "amsgrad",
        [0.9, 0.999, 1e-8],
        0.0,
    ),
    "adagrad": (lambda: optim.Adagrad(LEARNING_RATE), "adagrad", [1e-10], 0.0),
    "lion": (lambda: optim.Lion(LEARNING_RATE), "lion", [0.9, 0.99], 0.0),
    "ftrl": (lambda: optim.FTRL(LEARNING_RATE, l1=0.1, l2=0.1), "ftrl", [1.0, 0.1, 0.1], 0.0),
    "adamw": (lambda: optim.AdamW(LEARNING_RATE), "adam", [0.9, 0.999, 1e-8], 0.01),
}


def epoch_contest(
    X: FloatArray,
    y: FloatArray,
    *,
    loss: str,
    batch_size: int | None,
    numpy_steps: int | None = None,
) -> Contest:
    """Pair the two loops over the rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Targets.
    loss : {"squared", "logistic"}
        Loss of one row.
    batch_size : int or None
        Rows per step; None takes all.
    numpy_steps : int or None, default=None
        Most steps of the NumPy loop; with small batches it gets the first rows only. The answers
        are compared on the same rows.

    Returns
    -------
    contest : Contest
        One epoch each.

    Raises
    ------
    RuntimeError
        If the weights after one epoch from zero do not agree.

    Examples
    --------
    >>> from fallline.bench.contests import epoch_contest
    >>> from fallline.bench.problems import make_problem
    >>> contest = epoch_contest(
    ...     *make_problem("squared", 100, 3), loss="squared", batch_size=8, numpy_steps=5
    ... )
    >>> contest.n, contest.numpy_n
    (100, 40)
    """
    size = len(y) if batch_size is None else min(batch_size, len(y))
    n = len(y) if numpy_steps is None else min(len(y), numpy_steps * size)
    rate = stable_learning_rate(X, loss)
    ours = CoreLoop(X[:n], y[:n], loss=loss, learning_rate=rate, batch_size=size)
    theirs = NumpyLoop(X[:n], y[:n], loss=loss, learning_rate=rate, batch_size=size)
    ours.epoch()
    theirs.epoch()
    tolerance = epoch_tolerance(
        X[:n],
        y[:n],
        theirs.coef,
        loss=loss,
        learning_rate=rate,
        batch_size=size,
        steps=-(-n // size),
    )
    check_agreement(
        f"one epoch of {loss} with batches of {size}",
        np.append(ours.coef, ours.intercept),
        np.append(theirs.coef, theirs.intercept),
        tolerance,
    )
    if n < len(y):
        ours = CoreLoop(X, y, loss=loss, learning_rate=rate, batch_size=size)
    return Contest(ours.epoch, theirs.epoch, len(y), n, X.nbytes)


def gradient_contest(X: FloatArray, y: FloatArray, *, loss: str) -> Contest:
    """Pair the two full-batch gradients.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Targets.
    loss : {"squared", "logistic"}
        Loss of one row.

    Returns
    -------
    contest : Contest
        One loss and gradient over all rows each.

    Raises
    ------
    RuntimeError
        If the gradients do not agree.

    Examples
    --------
    >>> from fallline.bench.contests import gradient_contest
    >>> from fallline.bench.problems import make_problem
    >>> gradient_contest(*make_problem("squared", 100, 3), loss="squared").n
    100
    """
    n_features = X.shape[1]
    coef = (np.random.default_rng(1).standard_normal(n_features) / n_features).astype(X.dtype)

    def ours() -> tuple[float, FloatArray, float]:
        return _core.loss_gradient(X, y, None, loss, coef, 0.1)

    def theirs() -> tuple[float, FloatArray, float]:
        return loss_gradient(X, y, coef, 0.1, loss=loss)

    reference = theirs()[1]
    tolerance = gradient_tolerance(X, y, coef, reference, loss=loss)
    check_agreement(f"full-batch gradient of {loss}", ours()[1], reference, tolerance)
    return Contest(ours, theirs, len(y), len(y), X.nbytes)


def step_contest(rule: str, n: int, dtype: str = "float32") -> Contest:
    """Pair the two update rules.

    Parameters
    ----------
    rule : str
        A key of `RULES`.
    n : int
        Number of weights.
    dtype : {"float32", "float64"}, default="float32"
        Type of the weights.

    Returns
    -------
    contest : Contest
        One step each. Bytes: weights and slots are read and written, the gradient is read.

    Raises
    ------
    RuntimeError
        If the weights after three steps do not agree.

    Examples
    --------
    >>> from fallline.bench.contests import step_contest
    >>> step_contest("adam", 100).n_bytes
    2800
    """
    make, name, parameters, weight_decay = RULES[rule]
    rng, kind = np.random.default_rng(0), np.dtype(dtype).type
    w, g = rng.standard_normal(n, kind), rng.standard_normal(n, kind)
    theirs_w = w.copy()
    optimizer = make()
    theirs = NumpyStep(
        name, theirs_w, g, parameters, learning_rate=LEARNING_RATE, weight_decay=weight_decay
    )

    def ours() -> None:
        optimizer.step(w, g)

    for _ in range(3):
        ours()
        theirs()
    tolerance = step_tolerance(theirs_w, g, learning_rate=LEARNING_RATE, steps=3)
    check_agreement(f"three steps of {rule}", w, theirs_w, tolerance)
    return Contest(ours, theirs, n, n, (3 + 2 * len(theirs.slots)) * w.nbytes)
