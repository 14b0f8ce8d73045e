"""The NumPy reference: the vectorised loop that a competent user writes.

Buffers are allocated once and every operation writes in place; with temporaries it would take about
1.1 times as long. It spares itself the running loss, which fallline computes. Give NumPy one BLAS
thread for it: mini-batches are too small to share.
"""

import numpy as np

from fallline.typing import Float64Array, FloatArray


class NumpyLoop:
    """Gradient descent over the rows in stored order, in NumPy.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, C-contiguous, float32 or float64.
    y : ndarray of shape (n_samples,)
        Targets, of the dtype of `X`; -1 or +1 for the logistic loss.
    loss : {"squared", "logistic"}
        Loss of one row.
    learning_rate : float
        Step size, positive, the same at every step.
    batch_size : int or None, default=None
        Rows per step; None takes all. A shorter last batch is a step of its own.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Weights, of the dtype of `X`; zeros before the first epoch.
    intercept : float
        Intercept; zero before the first epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.numpy_loop import NumpyLoop
    >>> X, y = np.array([[1.0], [2.0]]), np.array([1.0, 2.0])
    >>> loop = NumpyLoop(X, y, loss="squared", learning_rate=0.5)
    >>> loop.epoch()
    >>> loop.coef, loop.intercept
    (array([1.25]), 0.75)
    """

    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        loss: str,
        learning_rate: float,
        batch_size: int | None = None,
    ) -> None:
        self._X, self._y = X, y
        self._descend = _descend_logistic if loss == "logistic" else _descend_squared
        self._learning_rate = learning_rate
        self._batch_size = len(X) if batch_size is None else min(batch_size, len(X))
        self._margins = np.empty(self._batch_size, X.dtype)
        self._change = np.empty(X.shape[1], X.dtype)
        self.coef = np.zeros(X.shape[1], X.dtype)
        self.intercept = 0.0

    def epoch(self) -> None:
        """Make one pass over the rows, updating `coef` in place, and `intercept`."""
        coef, change, size = self.coef, self._change, self._batch_size
        with np.errstate(over="ignore"):  # where exp overflows, 1 / (1 + inf) is the 0 we want
            for start in range(0, len(self._X), size):
                rows, targets = self._X[start : start + size], self._y[start : start + size]
                step = self._margins[: len(targets)]
                np.dot(rows, coef, out=step)
                step += self.intercept
                self._descend(step, targets)
                step *= self._learning_rate / len(targets)
                np.dot(step, rows, out=change)
                coef += change
                self.intercept += float(step.sum())


def loss_gradient(
    X: FloatArray, y: FloatArray, coef: FloatArray, intercept: float, *, loss: str
) -> tuple[float, Float64Array, float]:
    """Return the sums over all rows of the loss and of its gradient.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, C-contiguous, float32 or float64.
    y : ndarray of shape (n_samples,)
        Targets, of the dtype of `X`; -1 or +1 for the logistic loss.
    coef : ndarray of shape (n_features,)
        Weights, of the dtype of `X`.
    intercept : float
        Intercept.
    loss : {"squared", "logistic"}
        Loss of one row.

    Returns
    -------
    loss_sum : float
        Sum of the losses.
    coef_gradient : ndarray of shape (n_features,)
        Sum of the gradients in the weights, in the dtype of `X`.
    intercept_gradient : float
        Sum of the derivatives in the intercept.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.numpy_loop import loss_gradient
    >>> X, y = np.array([[1.0], [2.0]]), np.array([1.0, 2.0])
    >>> loss_gradient(X, y, np.zeros(1), 0.0, loss="squared")
    (2.5, array([-5.]), -3.0)
    """
    margins = np.dot(X, coef)
    margins += intercept
    if loss == "logistic":
        loss_sum = float(np.logaddexp(0.0, -y * margins).sum())
        with np.errstate(over="ignore"):
            _descend_logistic(margins, y)
    else:
        loss_sum = 0.5 * float(np.square(margins - y).sum())
        _descend_squared(margins, y)
    np.negative(margins, out=margins)
    return loss_sum, np.dot(margins, X), float(margins.sum())


def _descend_logistic(margins: FloatArray, targets: FloatArray) -> None:
    """Turn margins into minus the derivatives of the losses."""
    margins *= targets
    np.exp(margins, out=margins)
    margins += 1.0
    np.divide(targets, margins, out=margins)


def _descend_squared(margins: FloatArray, targets: FloatArray) -> None:
    """Turn margins into minus the derivatives of the losses."""
    np.subtract(targets, margins, out=margins)
