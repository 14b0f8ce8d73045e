"""Losses and derivatives of rows whose classes softmax couples, from their margins."""

from typing import cast

import numpy as np

from fallline import _core
from fallline.typing import Float64Array, IntArray


def losses_and_residuals(
    margins: Float64Array, classes: IntArray
) -> tuple[Float64Array, Float64Array]:
    """Return the loss of every row and its derivatives in the margins.

    Parameters
    ----------
    margins : ndarray of shape (n_classes, n_samples)
        Of each class.
    classes : ndarray of shape (n_samples,)
        The number of each row's own class.

    Returns
    -------
    losses : ndarray of shape (n_samples,)
        ``log sum_k exp(z_k) - z_own``, with all digits where it is small.
    residuals : ndarray of shape (n_classes, n_samples)
        Probabilities, less 1 for the own class: there what the others add up to, as 1 - p would
        have no digits left where p is nearly 1.
    """
    rows = np.arange(margins.shape[1])
    highest = margins.argmax(axis=0)
    largest = margins[highest, rows]
    powers = _exponentials(margins - largest)
    powers[highest, rows] = 0.0
    others = cast("Float64Array", powers.sum(axis=0))
    powers[highest, rows] = 1.0
    own = margins[classes, rows]
    losses = _core.evaluate("log1p_far", others).astype(np.float64, copy=False) + (largest - own)
    powers[classes, rows] = 0.0
    missing = powers.sum(axis=0)
    powers[classes, rows] = -missing
    return losses, powers / (1.0 + others)


def log_shares(margins: Float64Array) -> Float64Array:
    """Return the logarithms of the probabilities, finite also where these underflow."""
    shifted = margins - margins.max(axis=0)
    total = _exponentials(shifted).sum(axis=0)
    logarithms = _core.evaluate("log", total).astype(np.float64, copy=False)
    return np.asarray(shifted - logarithms)


def _exponentials(shifted: Float64Array) -> Float64Array:
    powers = _core.evaluate("exp_or_zero", shifted.reshape(-1))
    return powers.astype(np.float64, copy=False).reshape(shifted.shape)
