"""The same loop as `fallline.bench.numpy_loop`, run by the core, with the same face."""

import numpy as np

from fallline import _core
from fallline.typing import DenseMatrix, FloatArray

CHUNK = 4096  # steps between two returns to Python, so that the learning rates stay in cache


class CoreLoop:
    """Gradient descent over the rows, in stored order unless told otherwise, in the C++ core.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, of any elements and strides that the core reads.
    y : ndarray of shape (n_samples,)
        Targets, of the dtype that `X` is computed in; -1 or +1 for the logistic loss.
    loss : {"squared", "logistic", "hinge"}
        Loss of one row.
    learning_rate : float
        Step size, positive, the same at every step.
    batch_size : int or None, default=None
        Rows per step; None takes all. A shorter last batch is a step of its own.
    shuffle : {"none", "blocks", "rows"}, default="none"
        Order of the rows, as `Trainer` has it.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.core_loop import CoreLoop
    >>> X, y = np.array([[1.0], [2.0]]), np.array([1.0, 2.0])
    >>> loop = CoreLoop(X, y, loss="squared", learning_rate=0.5)
    >>> loop.epoch()
    >>> loop.coef, loop.intercept
    (array([1.25]), 0.75)
    """

    def __init__(
        self,
        X: DenseMatrix,
        y: FloatArray,
        *,
        loss: str,
        learning_rate: float,
        batch_size: int | None = None,
        shuffle: str = "none",
    ) -> None:
        kind = _core.LoopFloat32 if y.dtype == np.float32 else _core.LoopFloat64
        size = len(y) if batch_size is None else batch_size
        self._loop = kind(
            X,
            y,
            None,
            loss=loss,
            rule="sgd",
            parameters=[],
            l2=0.0,
            l1=0.0,
            weight_decay=0.0,
            batch_size=size,
            shuffle=shuffle,
            seed=0,
            fit_intercept=True,
        )
        self._rates = np.full(min(CHUNK, self._loop.steps_per_epoch), learning_rate)

    @property
    def coef(self) -> FloatArray:
        """Weights, a copy of shape (n_features,)."""
        return self._loop.coef

    @property
    def intercept(self) -> float:
        """Intercept."""
        return self._loop.intercept

    def epoch(self) -> None:
        """Make one pass over the rows."""
        steps = self._loop.steps_per_epoch
        for start in range(0, steps, CHUNK):
            self._loop.run(self._rates[: steps - start])
