"""What fallline computes, in NumPy and float64: obvious, and never optimised.

The objective, with sample weights s, S = sum_i s_i and an intercept b that is never penalised:

    F(w, b) = 1/S sum_i s_i loss(x_i.w + b, y_i) + alpha ((1 - l1_ratio)/2 |w|^2 + l1_ratio |w|_1)

The registries `RULES`, in reference_rules.py, and `LOSSES`, in reference_losses.py, bear the names
of the compiled code.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fallline.typing import Float64Array
from reference_losses import LOSSES as LOSSES
from reference_losses import logistic_derivative, logistic_value
from reference_losses import sigmoid as sigmoid
from reference_rules import RULES as RULES
from reference_rules import soft_threshold as soft_threshold
from reference_rules import step as step
from reference_rules import without_penalties as without_penalties

UInt32Array = np.ndarray[Any, np.dtype[np.uint32]]


# The objective.


def weights_or_ones(sample_weight: Float64Array | None, n_samples: int) -> Float64Array:
    return np.ones(n_samples) if sample_weight is None else sample_weight


def objective(
    X: Float64Array,
    y: Float64Array,
    w: Float64Array,
    b: float,
    *,
    loss: str,
    loss_parameters: Sequence[float] = (),
    alpha: float = 0.0,
    l1_ratio: float = 0.0,
    sample_weight: Float64Array | None = None,
) -> float:
    """F(w, b)."""
    s = weights_or_ones(sample_weight, len(y))
    losses = LOSSES[loss].value(X @ w + b, y, *loss_parameters)
    penalty = 0.5 * (1 - l1_ratio) * np.sum(w**2) + l1_ratio * np.sum(np.abs(w))
    return float(np.sum(s * losses) / np.sum(s) + alpha * penalty)


def gradient(
    X: Float64Array,
    y: Float64Array,
    w: Float64Array,
    b: float,
    *,
    loss: str,
    loss_parameters: Sequence[float] = (),
    alpha: float = 0.0,
    l1_ratio: float = 0.0,
    sample_weight: Float64Array | None = None,
) -> tuple[Float64Array, float]:
    """Gradient of F in w and in b, without the l1 term, which the proximal step takes care of."""
    s = weights_or_ones(sample_weight, len(y))
    residuals = s * LOSSES[loss].derivative(X @ w + b, y, *loss_parameters) / np.sum(s)
    return X.T @ residuals + alpha * (1 - l1_ratio) * w, float(np.sum(residuals))


# Training.


class Trained(NamedTuple):
    coef: Float64Array
    intercept: float
    running_losses: Float64Array  # of each step, before it: sum of s_i loss_i over its mini-batch


def train(
    X: Float64Array,
    y: Float64Array,
    *,
    loss: str,
    loss_parameters: Sequence[float] = (),
    rule: str,
    learning_rates: Sequence[float] | Float64Array,
    parameters: Sequence[float] = (),
    batch_size: int | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    weight_decay: float = 0.0,
    sample_weight: Float64Array | None = None,
    fit_intercept: bool = True,
    coef: Float64Array | None = None,
    intercept: float = 0.0,
) -> Trained:
    """One step per learning rate, mini-batches in stored order, epoch after epoch.

    The mini-batch gradient n/(S m) sum_batch s_i grad loss_i is unbiased for that of F; a short
    last batch has its own m. The intercept has slots of its own, no penalty and no decay.
    """
    n_samples, n_features = X.shape
    s = weights_or_ones(sample_weight, n_samples)
    size = n_samples if batch_size is None else batch_size
    starts = range(0, n_samples, size)
    w = np.zeros(n_features) if coef is None else coef.astype(np.float64)
    b = np.array([intercept], np.float64)
    w_slots = [np.zeros(n_features) for _ in range(RULES[rule].n_slots)]
    b_slots = [np.zeros(1) for _ in range(RULES[rule].n_slots)]
    b_parameters = without_penalties(rule, parameters)
    running_losses = []
    for k, lr in enumerate(learning_rates):
        start = starts[k % len(starts)]
        rows = slice(start, start + size)
        z = X[rows] @ w + b
        running_losses.append(np.sum(s[rows] * LOSSES[loss].value(z, y[rows], *loss_parameters)))

        scale = n_samples / (np.sum(s) * len(z))
        residuals = scale * s[rows] * LOSSES[loss].derivative(z, y[rows], *loss_parameters)
        g = X[rows].T @ residuals
        w = step(
            rule, w, g, w_slots, parameters, k + 1, lr, l2=l2, l1=l1, weight_decay=weight_decay
        )
        if fit_intercept:
            b = step(rule, b, np.sum(residuals, keepdims=True), b_slots, b_parameters, k + 1, lr)
    return Trained(w, float(b[0]), np.array(running_losses, np.float64))


# A second-order solver, for the optimum itself.


class Optimum(NamedTuple):
    coef: Float64Array
    intercept: float
    objective: float


def newton_logistic(
    X: Float64Array,
    y: Float64Array,
    alpha: float,
    *,
    sample_weight: Float64Array | None = None,
    fit_intercept: bool = True,
    max_iter: int = 100,
) -> Optimum:
    """Minimise F with the logistic loss and an l2 penalty by Newton's method, damped by halving.

    Stops after the step that promised a relative decrease below 1e-12. Convergence is quadratic, so
    the objective is then exact to rounding and the gradient is of the order of 1e-12. Raises
    ArithmeticError where the minimum does not exist or is not unique.
    """
    n_features = X.shape[1]
    s = weights_or_ones(sample_weight, len(y)) / np.sum(weights_or_ones(sample_weight, len(y)))
    A = np.column_stack([X, np.ones(len(y))]) if fit_intercept else X
    penalty = np.where(np.arange(A.shape[1]) < n_features, alpha, 0.0)

    def value(v: Float64Array) -> float:
        return float(np.sum(s * logistic_value(A @ v, y)) + 0.5 * np.sum(penalty * v**2))

    v = np.zeros(A.shape[1])
    for _ in range(max_iter):
        curvature = s * sigmoid(A @ v) * sigmoid(-(A @ v))  # second derivatives of the losses
        g = A.T @ (s * logistic_derivative(A @ v, y)) + penalty * v
        H = A.T @ (curvature[:, np.newaxis] * A) + np.diag(penalty)
        try:
            direction = -np.linalg.solve(H, g)
        except np.linalg.LinAlgError:
            break
        decrease = float(-g @ direction)  # twice what the quadratic model promises
        if decrease <= 1e-12 * value(v):
            v = v + direction
            return Optimum(v[:n_features], float(v[n_features]) if fit_intercept else 0.0, value(v))
        size = 1.0
        while value(v + size * direction) > value(v) - 0.25 * size * decrease:
            size /= 2
        v = v + size * direction
    message = "no unique minimum found; separable data and collinear columns need alpha > 0"
    raise ArithmeticError(message)


# Random numbers: Philox4x32-10, Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as
# easy as 1, 2, 3", section 3.3.

# (counter, key, result): the known answers published with the authors' Random123 (kat_vectors).
PHILOX_VECTORS = [
    (
        (0x00000000, 0x00000000, 0x00000000, 0x00000000),
        (0x00000000, 0x00000000),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def philox4x32(counters: UInt32Array, key: tuple[int, int]) -> UInt32Array:
    """Four random words for each row of ``counters``, shape (n, 4), after ten rounds."""
    word = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = counters.astype(np.uint64).T
    k0, k1 = key
    for _ in range(10):
        product0 = np.uint64(0xD2511F53) * c0
        product1 = np.uint64(0xCD9E8D57) * c2
        high0, low0 = product0 >> np.uint64(32), product0 & word
        high1, low1 = product1 >> np.uint64(32), product1 & word
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), low1, high0 ^ c3 ^ np.uint64(k1), low0
        k0 = (k0 + 0x9E3779B9) % 2**32
        k1 = (k1 + 0xBB67AE85) % 2**32
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)
