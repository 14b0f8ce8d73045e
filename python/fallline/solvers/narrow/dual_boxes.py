"""Losses made of parabolas and lines: the largest ``d z - q d^2 / 2 - c d`` of a d in a box."""

from typing import Final, NamedTuple

import numpy as np

from fallline.losses import (
    EpsilonInsensitive,
    Hinge,
    Huber,
    Loss,
    ModifiedHuber,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredHinge,
)
from fallline.typing import BoolArray, Float64Array, IntArray

# Newton steps to a dual on the central path; of a mu of ``q w^2 / 2`` or more, in boxes w to either
# side of their middle, no more are needed.
_CENTRAL_STEPS: Final = 6


class DualBoxes(NamedTuple):
    """The dual variables of each row: of a loss with two arms there are two, whose terms add up.

    Attributes
    ----------
    q : float
        Curvature of the conjugate: one over that of the loss between its bends, 0 of a line.
    c : ndarray of shape (n_arms, n_samples)
        Slope of the conjugate at zero: the margin from which an arm rises.
    lower, upper : ndarray of shape (n_arms, n_samples)
        The box, open at infinity.
    """

    q: float
    c: Float64Array
    lower: Float64Array
    upper: Float64Array

    @property
    def has_lower(self) -> BoolArray:
        """Whether there is a wall below."""
        return np.isfinite(self.lower)

    @property
    def has_upper(self) -> BoolArray:
        """Whether there is a wall above."""
        return np.isfinite(self.upper)

    @property
    def are_bounded(self) -> bool:
        """Whether there are walls on both sides: no slope of the loss is beyond them."""
        return bool(self.has_lower.all() and self.has_upper.all())

    def centre(self) -> Float64Array:
        """Return the middle of each box; of a half-line a point at distance 1 from its end."""
        lower = np.where(self.has_lower, self.lower, self.upper - 2.0)
        upper = np.where(self.has_upper, self.upper, self.lower + 2.0)
        return 0.5 * (lower + upper)

    def distances(self, d: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return how far the walls are below and above; 1 of those that are not there."""
        below = np.where(self.has_lower, d - self.lower, 1.0)
        return below, np.where(self.has_upper, self.upper - d, 1.0)

    def central(
        self, z: Float64Array, mu: float
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Return the duals of margins z on the central path, and how far the walls are.

        They are where ``z - q d - c = mu / (u - d) - mu / (d - l)``, of boxes [l, u] with walls on
        both sides: with t from -1 to 1 in place of d, an increasing function with t for its sign.
        """
        middle, half = 0.5 * (self.lower + self.upper), 0.5 * (self.upper - self.lower)
        way = z - self.c - self.q * middle
        pull, slope = np.abs(way), self.q * half
        ratio = pull * half / mu
        root = np.sqrt(1.0 + ratio * ratio)
        t, left = ratio / (1.0 + root), (1.0 + 1.0 / (root + ratio)) / (1.0 + root)  # left: 1 - t
        if self.q > 0.0:
            # Newton's method from above, where the function is convex.
            t = np.minimum(t, pull / slope)
            left = np.maximum(left, 1.0 - t)
            for _ in range(_CENTRAL_STEPS):
                t = np.minimum(1.0 - left, 1.0)
                product = left * (1.0 + t)
                excess = slope * t + 2.0 * mu / half * t / product - pull
                rise = slope + 2.0 * mu / half * (1.0 + t * t) / product**2
                left = np.minimum(left + np.maximum(excess / rise, 0.0), 1.0)
            t = 1.0 - left
        d = middle + half * np.copysign(t, way)
        near, far = half * left, half * (1.0 + t)
        return d, np.where(way > 0.0, far, near), np.where(way > 0.0, near, far)

    def slopes(self, z: Float64Array) -> Float64Array:
        """Return the duals that the margins z belong to: the slopes of the arms."""
        if self.q == 0.0:
            return np.where(z < self.c, self.lower, self.upper)
        return np.clip((z - self.c) / self.q, self.lower, self.upper)

    def losses(self, z: Float64Array) -> Float64Array:
        """Return the losses of margins z."""
        d = self.slopes(z)
        return np.asarray((d * (z - self.c - 0.5 * self.q * d)).sum(axis=0))

    def depths(self, z: Float64Array) -> Float64Array:
        """Return how far each margin is from the nearest bend; negative on a parabola."""
        lower = np.where(self.has_lower, self.lower, 0.0)
        upper = np.where(self.has_upper, self.upper, 0.0)
        below = np.where(self.has_lower, self.c + self.q * lower - z, -np.inf)
        above = np.where(self.has_upper, z - self.c - self.q * upper, -np.inf)
        return np.asarray(np.maximum(below, above).min(axis=0))

    def lines(self, z: Float64Array) -> IntArray:
        """Return numbers that are the same for rows with the same box and side of each bend."""
        sides = np.where(z > self.c, 2, 1) * 3 ** np.arange(len(self.c))[:, np.newaxis]
        # Of two classes the boxes are on either side of zero.
        return np.asarray(sides.sum(axis=0) * np.where(self.lower[0] < 0.0, 1, -1))

    def of(self, rows: IntArray) -> "DualBoxes":
        """Return those of some rows."""
        return DualBoxes(self.q, self.c[:, rows], self.lower[:, rows], self.upper[:, rows])


def dual_boxes(loss: Loss, y: Float64Array) -> DualBoxes:
    """Return the boxes of a loss.

    Parameters
    ----------
    loss : Loss
        One made of parabolas and lines, `Squared` and `Perceptron` excepted.
    y : ndarray of shape (n_samples,)
        Targets.
    """
    one = np.ones_like(y)
    if isinstance(loss, Huber):
        (delta,) = loss.parameters
        return _of_rows(1.0, y, -delta * one, delta * one)
    if isinstance(loss, Quantile):
        (quantile,) = loss.parameters
        return _of_rows(0.0, y, -quantile * one, (1.0 - quantile) * one)
    if isinstance(loss, EpsilonInsensitive):
        return _two_arms(0.0, y, loss.parameters[0], 1.0)
    if isinstance(loss, SquaredEpsilonInsensitive):
        return _two_arms(0.5, y, loss.parameters[0], np.inf)
    q, largest = _CLASSIFIERS[type(loss)]  # d = -y v with v from 0 to the largest slope
    return _of_rows(q, y, np.where(y > 0, -largest, 0.0), np.where(y > 0, 0.0, largest))


_CLASSIFIERS: Final[dict[type[Loss], tuple[float, float]]] = {
    Hinge: (0.0, 1.0),
    SquaredHinge: (0.5, np.inf),
    ModifiedHuber: (0.5, 4.0),
}


def _of_rows(q: float, c: Float64Array, lower: Float64Array, upper: Float64Array) -> DualBoxes:
    return DualBoxes(q, c[np.newaxis], lower[np.newaxis], upper[np.newaxis])


def _two_arms(q: float, y: Float64Array, epsilon: float, largest: float) -> DualBoxes:
    zero, most = np.zeros_like(y), np.full_like(y, largest)
    return DualBoxes(
        q,
        np.stack([y + epsilon, y - epsilon]),
        np.stack([zero, -most]),
        np.stack([most, zero]),
    )
