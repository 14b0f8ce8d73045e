"""The five methods, the paths they take and the learning rates they take them with."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import fallline as fl

from .landscapes import LANDSCAPES, Landscape

STEPS = 1000  # that a method may take
ARRIVED = 0.05  # distance to a minimum
RATES = [float(f"{digit}e{power}") for power in range(-4, 1) for digit in (1, 1.6, 2.5, 4, 6.3)]

METHODS: dict[str, Callable[[float], fl.optim.Optimizer]] = {
    "gradient descent": fl.optim.SGD,
    "momentum": lambda rate: fl.optim.SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: fl.optim.SGD(rate, momentum=0.9, nesterov=True),
    "RMSprop": lambda rate: fl.optim.RMSprop(rate, alpha=0.9),
    "Adam": fl.optim.Adam,
}


class Descent(NamedTuple):
    """The path of one method from the start, a point a step, and when it was there for good."""

    rate: float
    path: Any  # (steps + 1, 2)
    arrival: int | None  # the step from which on it stays within ARRIVED of a minimum


def descend(landscape: Landscape, optimizer: fl.optim.Optimizer, steps: int = STEPS) -> Any:
    """Return the points of so many steps, or of fewer if these lead up and away."""
    weights, gradient = np.array(landscape.start), np.zeros(2)
    bound = optimizer.bind(weights, gradient)
    path, limit = [weights.copy()], 10.0 * landscape.height(*weights)
    for _ in range(steps):
        gradient[:] = landscape.gradient(weights)
        bound.step()
        path.append(weights.copy())
        if not landscape.height(*weights) < limit:
            break
    return np.array(path)


def arrival(landscape: Landscape, path: Any) -> int | None:
    """Return the step from which on a path stays close to a minimum."""
    far = np.flatnonzero(~(landscape.distance(path) < ARRIVED))
    first = int(far[-1]) + 1 if far.size else 0
    return first if first < len(path) else None


@cache
def best_descent(method: str, landscape_index: int) -> Descent:
    """Return the descent with the rate of the grid that arrives first, or else gets lowest."""
    landscape = LANDSCAPES[landscape_index]
    descents = []
    for rate in RATES:
        path = descend(landscape, METHODS[method](rate))
        if len(path) == STEPS + 1:
            descents.append(Descent(rate, path, arrival(landscape, path)))

    def merit(descent: Descent) -> tuple[float, float]:
        last = float(landscape.height(*descent.path[-1]))
        return (STEPS if descent.arrival is None else descent.arrival), last

    return min(descents, key=merit)
