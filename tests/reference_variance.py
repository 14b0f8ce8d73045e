"""SAGA and SVRG in NumPy and float64, a row a step: obvious."""

import math
from typing import NamedTuple

import numpy as np

import reference_losses
from fallline.typing import Float64Array


class Method(NamedTuple):
    snapshots: bool  # SVRG: what is remembered is renewed every other epoch, and not on the way
    share: float  # of 1 / L, where the rate is found


SAGA, SVRG = Method(snapshots=False, share=0.7), Method(snapshots=True, share=1.0)


class Problem(NamedTuple):
    X: Float64Array
    y: Float64Array
    s: Float64Array
    loss: reference_losses.Loss
    l2: float
    l1: float
    fit_intercept: bool

    def at(self, i: int, z: float) -> tuple[float, float]:
        """The loss of row i at a margin and its derivative, with weights whose mean is 1."""
        s = self.s[i] / self.s.mean()
        where, y = np.array([z]), self.y[i : i + 1]
        value = self.loss.value(where, y, *self.loss.parameters)[0]
        return s * value, s * self.loss.derivative(where, y, *self.loss.parameters)[0]


class Trained(NamedTuple):
    coef: Float64Array
    intercept: float
    rate: float  # of the last step


def first_curvature(p: Problem, i: int, z: float) -> float:
    s = p.s[i] / p.s.mean()
    if math.isfinite(p.loss.smoothness):
        return float(s * p.loss.smoothness)
    where, y = np.array([z]), p.y[i : i + 1]
    return float(s * p.loss.curvature(where, y, *p.loss.parameters)[0])


def searched(p: Problem, i: int, z: float, smoothness: float) -> float:
    """L of Schmidt, Le Roux & Bach (2017), section 4.6, after row i has been seen."""
    value, slope = p.at(i, z)
    squared = float(p.X[i] @ p.X[i]) + p.fit_intercept
    smoothness = smoothness or first_curvature(p, i, z) * squared
    noise = 1e-12 * (value + abs(slope * z))
    while True:
        allowed = value - slope**2 * squared / (2.0 * smoothness) + noise
        if p.at(i, z - slope * squared / smoothness)[0] <= allowed:
            return smoothness
        smoothness *= 2


def train(
    p: Problem,
    method: Method,
    rate: float | None,
    order: list[list[int]],
    rarity: Float64Array | None = None,
) -> Trained:
    """Train through epochs in that order; without a rate it is found.

    With `rarity` rows move only the weights of columns that are not zero there.
    """
    n, d = p.X.shape
    w, b, smoothness = np.zeros(d), 0.0, 0.0
    remembered, mean, mean_b, eta = np.zeros(n), np.zeros(d), 0.0, 0.0
    for epoch, rows in enumerate(order):
        if method.snapshots and epoch % 2 == 0:
            remembered = np.array([p.at(i, float(p.X[i] @ w) + b)[1] for i in range(n)])
            mean, mean_b = p.X.T @ remembered / n, float(remembered.mean())
        for i in rows:
            z = float(p.X[i] @ w) + b
            slope = p.at(i, z)[1]
            if rate is None:
                smoothness = searched(p, i, z, smoothness)
                eta = method.share / smoothness
                smoothness /= 1.0 + math.log(2.0) / n
            else:
                eta = rate
            change = slope - remembered[i]
            reach = np.full(d, eta) if rarity is None else eta * rarity * (p.X[i] != 0.0)
            w = w - eta * change * p.X[i] - reach * mean
            w = np.sign(w) * np.maximum(np.abs(w) - reach * p.l1, 0.0) / (1.0 + reach * p.l2)
            if p.fit_intercept:
                b -= eta * (change + mean_b)
            if not method.snapshots:
                mean = mean + change * p.X[i] / n
                mean_b += change / n
                remembered[i] = slope
    return Trained(w, b, eta)
