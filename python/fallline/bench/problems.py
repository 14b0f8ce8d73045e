"""Made-up data to measure on."""

import math

import numpy as np

from fallline import _core
from fallline.typing import FloatArray


def make_problem(
    loss: str, n_samples: int, n_features: int, dtype: str = "float32", seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Draw independent normal rows and targets of a linear model with noise.

    Parameters
    ----------
    loss : {"squared", "logistic"}
        What the targets are for: the margin plus noise, or its sign.
    n_samples : int
        Number of rows.
    n_features : int
        Number of columns.
    dtype : {"float32", "float64"}, default="float32"
        Type of both arrays.
    seed : int, default=0
        Seed of the generator.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Rows, standard normal.
    y : ndarray of shape (n_samples,)
        Targets of about unit scale, or -1 and +1.

    Examples
    --------
    >>> from fallline.bench.problems import make_problem
    >>> X, y = make_problem("logistic", 4, 3)
    >>> X.shape, y.dtype, set(abs(y).tolist())
    ((4, 3), dtype('float32'), {1.0})
    """
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    X = rng.standard_normal((n_samples, n_features), kind.type)
    coef = (rng.standard_normal(n_features) / math.sqrt(n_features)).astype(kind)
    y = X.dot(coef)
    y += kind.type(0.5) * rng.standard_normal(n_samples, kind.type) + kind.type(0.3)
    if loss == "logistic":
        np.copysign(kind.type(1), y, y)
    return X, y


def stable_learning_rate(X: FloatArray, loss: str) -> float:
    """Return the step size at which a step on any batch brings two runs no further apart.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    loss : {"squared", "logistic"}
        Loss of one row.

    Returns
    -------
    learning_rate : float
        One over the smoothness of the loss of the longest row, the intercept counted as a feature.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.problems import stable_learning_rate
    >>> stable_learning_rate(np.array([[0.0, 0.0], [2.0, 2.0]]), "logistic")
    0.4444444444444444
    """
    return 1.0 / (_core.loss_smoothness(loss) * longest_row(X) ** 2)


def longest_row(X: FloatArray) -> float:
    """Return the largest Euclidean norm of a row, the intercept counted as a feature of ones.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.

    Returns
    -------
    norm : float
        The norm.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.problems import longest_row
    >>> longest_row(np.array([[1.0, 1.0], [2.0, 2.0]]))
    3.0
    """
    return math.sqrt(1.0 + float(np.einsum("ij,ij->i", X, X).max()))
