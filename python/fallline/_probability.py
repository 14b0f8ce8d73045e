"""Probabilities of two classes from margins."""

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
