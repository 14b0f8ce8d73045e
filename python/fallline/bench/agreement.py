"""How closely two computations of the same thing must agree: as rounding allows."""

import math

import numpy as np

from fallline import _core
from fallline.bench.problems import longest_row
from fallline.typing import FloatArray


def epoch_tolerance(
    X: FloatArray,
    y: FloatArray,
    coef: FloatArray,
    *,
    loss: str,
    learning_rate: float,
    batch_size: int,
    steps: int,
) -> float:
    """Return how far the weights of two correct loops may lie apart after `steps` steps from zero.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Targets.
    coef : ndarray of shape (n_features,)
        Weights of one of the loops at the end.
    loss : {"squared", "logistic"}
        Loss of one row.
    learning_rate : float
        Step size of both loops.
    batch_size : int
        Rows per step.
    steps : int
        Number of steps.

    Returns
    -------
    tolerance : float
        Bound on the Euclidean distance of the weights.

    Notes
    -----
    With u the unit roundoff, x the longest row, H the smoothness of the loss, R the largest
    residual and m the batch size, one step errs by u |w| where it stores the weights, by
    u sqrt(d) lr H x^2 |w| through the rounding of the margins and by u (sqrt(m) + 4) lr x R through
    that of the residuals and their sum over the batch. A step that is no longer than 2 / L does not
    enlarge a difference, so the errors of k steps add up; being of random sign they grow as
    sqrt(k), as the terms of one sum do as sqrt(n). The factor of 6 makes an excess improbable
    (3 in 1e8), and two loops have twice u = eps.

    References
    ----------
    N. J. Higham, T. Mary, "A new approach to probabilistic rounding error analysis", SIAM Journal
    on Scientific Computing 41(5), 2019, theorem 2.4.

    Examples
    --------
    >>> from fallline.bench.agreement import epoch_tolerance
    >>> from fallline.bench.problems import make_problem
    >>> X, y = make_problem("squared", 8, 3, "float64")
    >>> epoch_tolerance(
    ...     X, y, X[0], loss="squared", learning_rate=0.1, batch_size=4, steps=2
    ... ) < 1e-13
    True
    """
    longest = longest_row(X)
    residual = float(np.max(np.abs(y)))
    norm = float(np.linalg.norm(coef))
    margins = (
        math.sqrt(X.shape[1]) * learning_rate * _core.loss_smoothness(loss) * longest**2 * norm
    )
    residuals = (math.sqrt(batch_size) + 4.0) * learning_rate * longest * residual
    eps = float(np.finfo(X.dtype).eps)
    return 6.0 * eps * math.sqrt(steps) * (norm + margins + residuals)


def gradient_tolerance(
    X: FloatArray, y: FloatArray, coef: FloatArray, gradient: FloatArray, *, loss: str
) -> float:
    """Return how far two correct sums of the gradient may lie apart.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Targets.
    coef : ndarray of shape (n_features,)
        Weights at which the gradient is taken.
    gradient : ndarray of shape (n_features,)
        One of the sums.
    loss : {"squared", "logistic"}
        Loss of one row.

    Returns
    -------
    tolerance : float
        Bound on the Euclidean distance of the gradients.

    Notes
    -----
    In the letters of `epoch_tolerance`: the n residuals err by u (sqrt(d) H x |w| + 4 R) each,
    times x. The sum over n rows grows to at most |g| + sqrt(n) R x and is rounded n times.

    Examples
    --------
    >>> from fallline.bench.agreement import gradient_tolerance
    >>> from fallline.bench.problems import make_problem
    >>> X, y = make_problem("squared", 8, 3, "float64")
    >>> gradient_tolerance(X, y, X[0], X[1], loss="squared") < 1e-12
    True
    """
    n_samples, n_features = len(X), X.shape[1]
    longest = longest_row(X)
    norm = float(np.linalg.norm(coef))
    residual = float(np.max(np.abs(y))) + (longest * norm if loss == "squared" else 0.0)
    rows = longest * (
        math.sqrt(n_features) * _core.loss_smoothness(loss) * longest * norm + 4.0 * residual
    )
    sums = float(np.linalg.norm(gradient)) + math.sqrt(n_samples) * residual * longest
    eps = float(np.finfo(X.dtype).eps)
    return 6.0 * eps * math.sqrt(n_samples) * (rows + sums)


def step_tolerance(w: FloatArray, g: FloatArray, *, learning_rate: float, steps: int) -> float:
    """Return how far two correct update rules may lie apart after `steps` steps.

    Parameters
    ----------
    w : ndarray of shape (n,)
        Weights at the end, from one of them.
    g : ndarray of shape (n,)
        Gradient, the same at every step.
    learning_rate : float
        Step size.
    steps : int
        Number of steps.

    Returns
    -------
    tolerance : float
        Bound on the Euclidean distance of the weights.

    Notes
    -----
    With the same gradient at every step no rule goes further in one step than lr k max(1, |g|): k
    times the gradient for momentum, 1 for Adam. That is computed in fewer than 16 operations, and
    so is the weight.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.agreement import step_tolerance
    >>> step_tolerance(np.ones(4), np.ones(4), learning_rate=0.1, steps=2) < 1e-13
    True
    """
    change = learning_rate * steps * max(1.0, float(np.max(np.abs(g))))
    size = float(np.max(np.abs(w))) + 16.0 * change
    return float(np.finfo(w.dtype).eps) * steps * size * math.sqrt(len(w))


def check_agreement(what: str, ours: FloatArray, reference: FloatArray, tolerance: float) -> None:
    """Raise unless two results agree.

    Parameters
    ----------
    what : str
        Name of what is compared, for the message.
    ours, reference : ndarray of shape (n,)
        The two results.
    tolerance : float
        Bound on their Euclidean distance.

    Raises
    ------
    RuntimeError
        If they are further apart, or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.agreement import check_agreement
    >>> check_agreement("sgd", np.ones(2), np.zeros(2), 1.0)
    Traceback (most recent call last):
    RuntimeError: sgd: fallline and NumPy lie 1.4e+00 apart, more than the 1.0e+00 of rounding
    """
    distance = float(np.linalg.norm(ours.astype(np.float64) - reference))
    if not distance <= tolerance:
        message = (
            f"{what}: fallline and NumPy lie {distance:.1e} apart, "
            f"more than the {tolerance:.1e} of rounding"
        )
        raise RuntimeError(message)
