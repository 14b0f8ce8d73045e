"""Probabilities of classes from margins."""

from typing import cast

import numpy as np

from fallline import _core
from fallline.typing import FloatArray


def probabilities(margins: FloatArray) -> FloatArray:
    """Return the probabilities of both classes, shape (n_samples, 2).

    Each is a sigmoid of its own: 1 - p would lose the digits of a small probability.
    """
    pair = [_core.evaluate("sigmoid", sign * margins) for sign in (-1, 1)]
    return cast("FloatArray", np.stack(pair, axis=1))


def clipped_probabilities(margins: FloatArray) -> FloatArray:
    """Return the probabilities that the modified Huber loss stands for: (z + 1) / 2 in [0, 1]."""
    pair = [np.clip(0.5 + 0.5 * sign * margins, 0, 1) for sign in (-1, 1)]
    return cast("FloatArray", np.stack(pair, axis=1))


def log_probabilities(margins: FloatArray) -> FloatArray:
    """Return the logarithms of both, finite also where a probability is too small for its dtype."""
    # The negative logistic loss of the margin against that class.
    ones = np.ones_like(margins)
    pair = [-_core.loss_values("logistic", margins, sign * ones) for sign in (-1, 1)]
    return cast("FloatArray", np.stack(pair, axis=1))


def softmax(margins: FloatArray) -> FloatArray:
    """Return exp(z) of each class over their sum, shape (n_samples, n_classes)."""
    shifted = margins - margins.max(axis=1, keepdims=True)
    powers = _core.evaluate("exp", shifted.reshape(-1)).reshape(margins.shape)
    return cast("FloatArray", powers / powers.sum(axis=1, keepdims=True))


def log_softmax(margins: FloatArray) -> FloatArray:
    """Return the logarithms of `softmax`, finite also where that underflows."""
    shifted = margins - margins.max(axis=1, keepdims=True)
    powers = _core.evaluate("exp", shifted.reshape(-1)).reshape(margins.shape)
    total = _core.evaluate("log", powers.sum(axis=1))
    return cast("FloatArray", shifted - total[:, np.newaxis])


def one_against_rest(margins: FloatArray, *, clipped: bool) -> FloatArray:
    """Return the probability of each class against the rest, as share of their sum.

    They are those of the modified Huber loss, ``clipped``, or of the logistic one. Where all are 0,
    all classes have equal shares.
    """
    both = (clipped_probabilities if clipped else probabilities)(margins.reshape(-1))
    shares = both[:, 1].reshape(margins.shape)
    total = shares.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, shares, 1)
    return cast("FloatArray", shares / np.where(total > 0, total, shares.shape[1]))
