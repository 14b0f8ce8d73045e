"""Gradient descent with the derivatives of its weights by what it was given."""

from typing import NamedTuple, cast

import numpy as np

from fallline import _core
from fallline._descent import optimizer_of
from fallline._run import total_weight
from fallline._validation import Data
from fallline.optim import SGD
from fallline.trainer import Trainer
from fallline.typing import DenseMatrix, Float64Array, IntArray


class Path(NamedTuple):
    """Where the steps have led.

    Attributes
    ----------
    w : ndarray of shape (n_features + 1,)
        Weights, and the intercept behind them.
    by : ndarray of shape (n_features + 1, n_features + 1)
        Their derivatives by the logarithms of the features' alphas and, in the last column, of the
        learning rate.
    """

    w: Float64Array
    by: Float64Array


def descend_with_sensitivities(trainer: Trainer, data: Data) -> Path:
    """Make the steps of a trainer with `SGD`, in float64."""
    sgd = optimizer_of(trainer)
    assert isinstance(sgd, SGD)
    n_samples, n_features = data.X.shape
    alpha = np.append(np.full(n_features, trainer.penalty.l2 if trainer.penalty else 0.0), 0.0)
    decay = np.append(np.full(n_features, sgd.weight_decay), 0.0)
    size = n_features + 1
    state = np.zeros((size, size + 1))  # the weights, and their derivatives next to them
    velocity = np.zeros_like(state)
    rows_per_step = n_samples if trainer.batch_size is None else trainer.batch_size
    step = 0
    for epoch in range(trainer.epochs):
        order = np.arange(n_samples)
        if trainer.shuffle:
            order = _core.epoch_order(trainer.shuffle, n_samples, n_features, trainer.seed, epoch)
        for begin in range(0, n_samples, rows_per_step):
            rate = sgd.learning_rate(step)
            gradient = _gradient(trainer, data, order[begin : begin + rows_per_step], state)
            gradient += (alpha + decay)[:, np.newaxis] * state
            gradient[:, 1:-1] += np.diag(alpha * state[:, 0])[:, :-1]
            velocity = sgd.momentum * velocity + (1.0 - sgd.dampening * (step > 0)) * gradient
            way = gradient + sgd.momentum * velocity if sgd.nesterov else velocity
            state[:, -1] -= rate * way[:, 0]
            state -= rate * way
            step += 1
    return Path(state[:, 0].copy(), state[:, 1:].copy())


def _gradient(trainer: Trainer, data: Data, rows: IntArray, state: Float64Array) -> Float64Array:
    """Return the gradient of a mini-batch, and its derivatives next to it."""
    n_samples, loss, y = data.X.shape[0], trainer.loss, data.y[rows].astype(np.float64)
    X = np.append(matrix_of(data)[rows].astype(np.float64), np.ones((len(rows), 1)), axis=1)
    # Not X @ state: a BLAS adds in an order that depends on processor and thread count.
    margins = np.einsum("ij,jk->ik", X, state)
    at = loss.name, margins[:, 0].copy(), y, loss.parameters
    residuals = margins * _core.loss_curvatures(*at)[:, np.newaxis]
    residuals[:, 0] = _core.loss_derivatives(*at)
    scale = n_samples / (total_weight(data) * len(rows))
    residuals *= scale if data.sample_weight is None else scale * data.sample_weight[rows, None]
    gradient: Float64Array = np.einsum("ij,ik->jk", X, residuals)
    if not trainer.fit_intercept:
        gradient[-1] = 0.0
    return gradient


def matrix_of(data: Data) -> DenseMatrix:
    """Return the rows, which are dense."""
    return cast("DenseMatrix", data.X)
