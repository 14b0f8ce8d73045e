"""Rules that sum up over all arrays, or remember numbers, in NumPy and float64: obvious."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fallline.typing import Float64Array


class Gradients(NamedTuple):
    """Of several steps, of one array after the other."""

    rates: Sequence[float]
    steps: Sequence[Sequence[Float64Array]]


def prodigy(
    weights: Sequence[Float64Array],
    gradients: Gradients,
    betas: tuple[float, float],
    eps: float,
    distance: float,
    weight_decay: float = 0.0,
) -> list[Float64Array]:
    """Algorithm 4 of the paper, with AdamW's decay."""
    x0, x = [w.copy() for w in weights], [w.copy() for w in weights]
    m, v, s = ([np.zeros_like(w) for w in weights] for _ in range(3))
    (beta1, beta2), root, r = betas, math.sqrt(betas[1]), 0.0
    for rate, step in zip(gradients.rates, gradients.steps, strict=True):
        along = 0.0
        for k, g in enumerate(step):
            m[k] = beta1 * m[k] + (1 - beta1) * distance * g
            v[k] = beta2 * v[k] + (1 - beta2) * distance**2 * g**2
            s[k] = root * s[k] + (1 - root) * rate * distance**2 * g
            along += float(np.sum(g * (x0[k] - x[k])))
        r = root * r + (1 - root) * rate * distance**2 * along
        found = r / sum(float(np.abs(of).sum()) for of in s)
        for k in range(len(x)):
            x[k] = x[k] * (1 - rate * distance * weight_decay)
            x[k] = x[k] - rate * distance * m[k] / (np.sqrt(v[k]) + distance * eps)
        distance = max(distance, found)
    return x


def dowg(
    weights: Sequence[Float64Array], gradients: Gradients, distance: float
) -> list[Float64Array]:
    """Algorithm 1 of the paper."""
    x0, x, v = [w.copy() for w in weights], [w.copy() for w in weights], 0.0
    for rate, step in zip(gradients.rates, gradients.steps, strict=True):
        gone = sum(float(np.sum((a - b) ** 2)) for a, b in zip(x, x0, strict=True))
        distance = max(distance, math.sqrt(gone))
        v += distance**2 * sum(float(np.sum(g**2)) for g in step)
        x = [w - rate * distance**2 / math.sqrt(v) * g for w, g in zip(x, step, strict=True)]
    return x


class Means(NamedTuple):
    """Where gradients belong, and the model."""

    y: list[Float64Array]
    x: list[Float64Array]


def schedule_free(
    weights: Sequence[Float64Array],
    gradients: Gradients,
    momentum: float,
    *,
    adam: tuple[float, float, float] | None = None,
) -> Means:
    """The sequences z, x and y as the paper has them; ``adam`` is beta2, eps and the decay."""
    x, y, z = ([w.copy() for w in weights] for _ in range(3))
    v = [np.zeros_like(w) for w in weights]
    total = 0.0
    for t, (rate, step) in enumerate(zip(gradients.rates, gradients.steps, strict=True), 1):
        if adam:
            rate *= math.sqrt(1 - adam[0] ** t)
        total += rate**2
        share = rate**2 / total if total > 0.0 else 0.0
        for k, g in enumerate(step):
            along = g
            if adam:
                beta2, eps, decay = adam
                v[k] = beta2 * v[k] + (1 - beta2) * g**2
                along = g / (np.sqrt(v[k]) + eps) + decay * y[k]
            z[k] = z[k] - rate * along
            x[k] = (1 - share) * x[k] + share * z[k]
            y[k] = (1 - momentum) * z[k] + momentum * x[k]
    return Means(y, x)
