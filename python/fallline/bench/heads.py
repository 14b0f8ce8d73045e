"""Models of several heads to measure: the core's loop and the NumPy loop that does the same."""

import math

import numpy as np

from fallline import _core
from fallline._validation import as_dtype
from fallline.bench.agreement import check_agreement, epoch_tolerance
from fallline.bench.contests import Contest
from fallline.bench.core_loop import CHUNK
from fallline.bench.problems import longest_row
from fallline.typing import Float64Array, FloatArray


class CoreHeads:
    """Gradient descent of several heads over the rows in stored order, in the C++ core.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, C-contiguous, float32 or float64.
    y : ndarray of shape (n_samples,)
        Targets, of the dtype of `X`: class numbers for softmax, else those of all heads.
    loss : {"logistic", "softmax"}
        Loss of one row.
    learning_rates : ndarray of shape (n_heads,)
        Step sizes, positive, the same at every step; of softmax all equal.
    batch_size : int
        Rows per step. A shorter last batch is a step of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.heads import CoreHeads
    >>> X, y = np.array([[1.0], [2.0]]), np.array([1.0, 1.0])
    >>> loop = CoreHeads(X, y, loss="logistic", learning_rates=np.array([1.0, 2.0]), batch_size=2)
    >>> loop.epoch()
    >>> loop.coef, loop.intercept
    (array([[0.75, 1.5 ]]), array([0.5, 1. ]))
    """

    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        loss: str,
        learning_rates: Float64Array,
        batch_size: int,
    ) -> None:
        kind = _core.HeadsLoopFloat32 if X.dtype == np.float32 else _core.HeadsLoopFloat64
        n_heads = len(learning_rates)
        self._loop = kind(
            X,
            y,
            None,
            targets="classes" if loss == "softmax" else "shared",
            n_heads=n_heads,
            loss=loss,
            rule="sgd",
            parameters=[],
            l2=[0.0] * n_heads,
            l1=[0.0] * n_heads,
            weight_decay=[0.0] * n_heads,
            batch_size=batch_size,
            shuffle="none",
            seed=0,
            fit_intercept=True,
        )
        steps = min(CHUNK, self._loop.steps_per_epoch)
        own = learning_rates[:1] if loss == "softmax" else learning_rates
        self._rates = np.tile(own, (steps, 1))
        if loss == "softmax":
            self._rates = self._rates[:, 0].copy()

    @property
    def coef(self) -> FloatArray:
        """Weights, a copy of shape (n_features, n_heads)."""
        return self._loop.coef

    @property
    def intercept(self) -> Float64Array:
        """Intercepts, a copy."""
        return self._loop.intercept

    def epoch(self) -> None:
        """Make one pass over the rows."""
        steps = self._loop.steps_per_epoch
        for start in range(0, steps, CHUNK):
            self._loop.run(self._rates[: steps - start])


class NumpyHeads:
    """The same in NumPy, two matrix products a step.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, C-contiguous, float32 or float64.
    y : ndarray of shape (n_samples,)
        Targets, of the dtype of `X`: class numbers for softmax, else those of all heads.
    loss : {"logistic", "softmax"}
        Loss of one row.
    learning_rates : ndarray of shape (n_heads,)
        Step sizes, positive, the same at every step.
    batch_size : int
        Rows per step. A shorter last batch is a step of its own.

    Attributes
    ----------
    coef : ndarray of shape (n_features, n_heads)
        Weights, of the dtype of `X`; zeros before the first epoch.
    intercept : ndarray of shape (n_heads,)
        Intercepts; zeros before the first epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.heads import NumpyHeads
    >>> X, y = np.array([[1.0], [2.0]]), np.array([1.0, 1.0])
    >>> loop = NumpyHeads(X, y, loss="logistic", learning_rates=np.array([1.0, 2.0]), batch_size=2)
    >>> loop.epoch()
    >>> loop.coef, loop.intercept
    (array([[0.75, 1.5 ]]), array([0.5, 1. ]))
    """

    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        loss: str,
        learning_rates: Float64Array,
        batch_size: int,
    ) -> None:
        self._X, self._y, self._softmax = X, y, loss == "softmax"
        self._rates = as_dtype(learning_rates, X.dtype)
        self._batch_size = batch_size
        self._margins = np.empty((batch_size, len(learning_rates)), X.dtype)
        self._change = np.empty((X.shape[1], len(learning_rates)), X.dtype)
        self._numbers = np.arange(batch_size)
        self.coef = np.zeros_like(self._change)
        self.intercept = np.zeros(len(learning_rates))

    def epoch(self) -> None:
        """Make one pass over the rows, updating `coef` and `intercept` in place."""
        size = self._batch_size
        for start in range(0, len(self._X), size):
            rows, targets = self._X[start : start + size], self._y[start : start + size]
            step = self._margins[: len(targets)]
            np.dot(rows, self.coef, out=step)
            step += self.intercept
            if self._softmax:
                step -= step.max(axis=1, keepdims=True)
                np.exp(step, out=step)
                step /= step.sum(axis=1, keepdims=True)
                step[self._numbers[: len(targets)], targets.astype(np.intp)] -= 1
            else:
                step *= targets[:, np.newaxis]
                np.exp(step, out=step)
                step += 1
                np.divide(-targets[:, np.newaxis], step, out=step)
            step *= self._rates / len(targets)
            np.dot(rows.T, step, out=self._change)
            self.coef -= self._change
            self.intercept -= step.sum(axis=0)


def heads_contest(
    X: FloatArray,
    y: FloatArray,
    *,
    loss: str,
    n_heads: int,
    batch_size: int,
    numpy_steps: int,
) -> Contest:
    """Pair the two loops over the rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Targets: class numbers for softmax, -1 and +1 for logistic.
    loss : {"logistic", "softmax"}
        Loss of one row. Heads of the first are candidates, whose learning rates go down to a
        hundredth.
    n_heads : int
        Classes or candidates.
    batch_size : int
        Rows per step.
    numpy_steps : int
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

    Notes
    -----
    The curvature of softmax in its margins is below that of two logistic losses, 1/2, and its
    residuals are below 1 in each head.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.heads import heads_contest
    >>> X = np.random.default_rng(0).standard_normal((90, 3))
    >>> y = X.argmax(axis=1).astype(float)
    >>> contest = heads_contest(X, y, loss="softmax", n_heads=3, batch_size=8, numpy_steps=5)
    >>> contest.n, contest.numpy_n
    (90, 40)
    """
    n = min(len(y), numpy_steps * batch_size)
    smoothness = 0.5 if loss == "softmax" else 0.25
    rate = 1.0 / (smoothness * longest_row(X) ** 2)
    lowest = rate if loss == "softmax" else rate / 100
    rates = np.geomspace(rate, lowest, n_heads)
    loops = (
        kind(X[:n], y[:n], loss=loss, learning_rates=rates, batch_size=min(batch_size, n))
        for kind in (CoreHeads, NumpyHeads)
    )
    ours, theirs = loops
    ours.epoch()
    theirs.epoch()
    tolerance = epoch_tolerance(
        X[:n],
        np.sign(y[:n] + 1),  # residuals of at most 1
        theirs.coef.reshape(-1),
        loss="squared" if loss == "softmax" else "logistic",
        learning_rate=rate,
        batch_size=batch_size,
        steps=-(-n // batch_size),
    )
    check_agreement(
        "weights", ours.coef.reshape(-1), theirs.coef.reshape(-1), math.sqrt(n_heads) * tolerance
    )
    whole = CoreHeads(X, y, loss=loss, learning_rates=rates, batch_size=min(batch_size, len(y)))
    return Contest(whole.epoch, theirs.epoch, len(y), n, X.nbytes)
