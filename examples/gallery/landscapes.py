"""Landscapes over two weights, with their gradients: a bowl, and three known to be hard."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

CONDITION = 100.0  # of the bowl: how many times as steep it is across as along


class Landscape(NamedTuple):
    """A function of two numbers that is zero at its minima."""

    name: str
    height: Callable[[Any, Any], Any]  # of arrays too
    gradient: Callable[[Any], Any]  # of a point
    start: tuple[float, float]
    minima: Any  # a row each
    box: tuple[float, float, float, float]  # what a picture shows: left, right, bottom, top

    def distance(self, path: Any) -> Any:
        """Return how far each point of a path is from the nearest minimum."""
        ways = np.asarray(path)[:, np.newaxis] - self.minima
        return np.linalg.norm(ways, axis=-1).min(axis=1)


def bowl(condition: float, degrees: float = 25.0) -> Landscape:
    """Return x' A x / 2 with curvatures of 1 and ``condition``, the gentle one at an angle."""
    turn = np.deg2rad(degrees)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    A = axes * [1.0, condition] @ axes.T

    def height(x: Any, y: Any) -> Any:
        return 0.5 * (A[0, 0] * x * x + 2.0 * A[0, 1] * x * y + A[1, 1] * y * y)

    start = axes @ [-2.0, 0.6]
    box = (-2.5, 1.0, -1.7, 0.9)
    name = f"Bowl of condition {condition:g}"
    return Landscape(name, height, lambda w: A @ w, tuple(start), np.zeros((1, 2)), box)


def _rosenbrock() -> Landscape:
    """Rosenbrock (1960): a bent valley with a nearly flat floor."""

    def gradient(w: Any) -> Any:
        off = w[1] - w[0] ** 2
        return np.array([-400.0 * w[0] * off - 2.0 * (1.0 - w[0]), 200.0 * off])

    return Landscape(
        "Rosenbrock's valley",
        lambda x, y: 100.0 * (y - x**2) ** 2 + (1.0 - x) ** 2,
        gradient,
        (-1.2, 1.0),
        np.array([[1.0, 1.0]]),
        (-1.7, 1.7, -0.6, 2.4),
    )


def _beale() -> Landscape:
    """Beale (1958): plateaus between steep walls."""
    targets, powers = np.array([1.5, 2.25, 2.625]), np.array([1.0, 2.0, 3.0])

    def height(x: Any, y: Any) -> Any:
        return sum((t - x * (1.0 - y**p)) ** 2 for t, p in zip(targets, powers, strict=True))

    def gradient(w: Any) -> Any:
        factors = 1.0 - w[1] ** powers
        misfits = targets - w[0] * factors
        slopes = w[0] * powers * w[1] ** (powers - 1.0)
        return 2.0 * np.array([-(misfits @ factors), misfits @ slopes])

    minima = np.array([[3.0, 0.5]])
    return Landscape(
        "Beale's plateau", height, gradient, (1.0, 1.5), minima, (-0.6, 4.4, -1.7, 1.9)
    )


def _himmelblau() -> Landscape:
    """Himmelblau (1972): four minima of the same height."""

    def gradient(w: Any) -> Any:
        p, q = w[0] ** 2 + w[1] - 11.0, w[0] + w[1] ** 2 - 7.0
        return np.array([4.0 * w[0] * p + 2.0 * q, 2.0 * p + 4.0 * w[1] * q])

    return Landscape(
        "Himmelblau's four minima",
        lambda x, y: (x**2 + y - 11.0) ** 2 + (x + y**2 - 7.0) ** 2,
        gradient,
        (-0.3, -0.6),
        np.array(
            [
                [3.0, 2.0],
                [-2.805118086952745, 3.131312518250573],
                [-3.779310253377747, -3.283185991286170],
                [3.584428340330492, -1.848126526964404],
            ]
        ),
        (-5.5, 5.5, -5.2, 5.0),
    )


LANDSCAPES = (bowl(CONDITION), _rosenbrock(), _beale(), _himmelblau())
