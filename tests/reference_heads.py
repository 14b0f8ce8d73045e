"""Models of several heads, in NumPy and float64, on top of `reference`.

Heads that do not know of each other are what `reference.train` makes of their own targets, rates,
penalties and weights: no more is said about them here. Classes of softmax are trained together.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import reference
from fallline.typing import Float64Array


class CoupledLoss(NamedTuple):
    """Functions of margins (n_samples, n_heads) and class numbers (n_samples,)."""

    value: Callable[[Float64Array, Float64Array], Float64Array]  # (n_samples,)
    derivative: Callable[[Float64Array, Float64Array], Float64Array]  # (n_samples, n_heads)


def one_hot(y: Float64Array, n_heads: int) -> Float64Array:
    return np.asarray(y[:, np.newaxis] == np.arange(n_heads), np.float64)


def softmax_value(z: Float64Array, y: Float64Array) -> Float64Array:
    highest = z.max(axis=1, keepdims=True)
    log_sum = highest[:, 0] + np.log(np.exp(z - highest).sum(axis=1))
    return np.asarray(log_sum - (z * one_hot(y, z.shape[1])).sum(axis=1))


def softmax_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True) - one_hot(y, z.shape[1]))


COUPLED = {"softmax": CoupledLoss(softmax_value, softmax_derivative)}


def targets_of_heads(targets: str, y: Float64Array, n_heads: int) -> Float64Array:
    """What each row says to each head, (n_samples, n_heads)."""
    if targets == "shared":
        return np.repeat(y[:, np.newaxis], n_heads, axis=1)
    return y if targets == "per_head" else np.asarray(2 * one_hot(y, n_heads) - 1)


def weights_of_heads(
    sample_weight: Float64Array, folds: Any, fold_of_heads: Sequence[int], n_heads: int
) -> Float64Array:
    """How much each row counts for each head: rows of a head's own fold count nothing."""
    s = np.repeat(sample_weight[:, np.newaxis], n_heads, axis=1)
    return s if folds is None else np.where(folds[:, np.newaxis] == fold_of_heads, 0.0, s)


class Trained(NamedTuple):
    coef: Float64Array  # (n_features, n_heads)
    intercept: Float64Array  # (n_heads,)
    losses: Float64Array  # (n_heads,), or (1,) of a coupled loss: the sums of all steps


def train(
    X: Float64Array,
    y: Float64Array,
    *,
    targets: str,
    loss: str,
    learning_rates: Float64Array,  # (n_steps, n_heads)
    l2: Float64Array,  # (n_heads,), like the next two
    l1: Float64Array,
    weight_decay: Float64Array,
    sample_weight: Float64Array,
    folds: Any = None,
    fold_of_heads: Sequence[int] = (),
    **options: Any,
) -> Trained:
    """Train as `reference.train` does, every head for itself if the loss lets it."""
    n_heads = learning_rates.shape[1]
    if loss in COUPLED:
        rates, decays = learning_rates[:, 0], (l2[0], l1[0], weight_decay[0])
        del options["loss_parameters"]  # none
        return train_coupled(X, y, n_heads, loss, rates, *decays, sample_weight, **options)
    own_targets = targets_of_heads(targets, y, n_heads)
    weights = weights_of_heads(sample_weight, folds, fold_of_heads, n_heads)
    heads = [
        reference.train(
            X,
            own_targets[:, k],
            loss=loss,
            learning_rates=learning_rates[:, k],
            l2=l2[k],
            l1=l1[k],
            weight_decay=weight_decay[k],
            sample_weight=weights[:, k],
            **options,
        )
        for k in range(n_heads)
    ]
    return Trained(
        np.stack([head.coef for head in heads], axis=1),
        np.array([head.intercept for head in heads]),
        np.array([head.running_losses.sum() for head in heads]),
    )


def train_coupled(
    X: Float64Array,
    y: Float64Array,
    n_heads: int,
    loss: str,
    learning_rates: Float64Array,
    l2: float,
    l1: float,
    weight_decay: float,
    s: Float64Array,
    *,
    rule: str,
    parameters: Sequence[float],
    batch_size: int,
    fit_intercept: bool,
) -> Trained:
    """Train one model of all heads."""
    n_samples, n_features = X.shape
    starts = range(0, n_samples, batch_size)
    w, b = np.zeros((n_features, n_heads)), np.zeros(n_heads)
    w_slots = [np.zeros_like(w) for _ in range(reference.RULES[rule].n_slots)]
    b_slots = [np.zeros_like(b) for _ in range(reference.RULES[rule].n_slots)]
    total = 0.0
    b_parameters = reference.without_penalties(rule, parameters)
    for k, lr in enumerate(learning_rates):
        start = starts[k % len(starts)]
        rows = slice(start, start + batch_size)
        z = X[rows] @ w + b
        total += float(np.sum(s[rows] * COUPLED[loss].value(z, y[rows])))
        scale = n_samples / (np.sum(s) * len(z))
        residuals = scale * s[rows, np.newaxis] * COUPLED[loss].derivative(z, y[rows])
        decays = {"l2": l2, "l1": l1, "weight_decay": weight_decay}
        g = X[rows].T @ residuals
        w = reference.step(rule, w, g, w_slots, parameters, k + 1, lr, **decays)
        if fit_intercept:
            b = reference.step(rule, b, residuals.sum(axis=0), b_slots, b_parameters, k + 1, lr)
    return Trained(w, b, np.array([total]))
