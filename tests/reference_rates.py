"""Mini-batch descent with learning rates that are found, in NumPy and float64: obvious."""

from typing import NamedTuple

import numpy as np

import reference
from fallline.typing import Float64Array


class Trained(NamedTuple):
    coef: Float64Array  # the mean of the weights
    intercept: float
    rate: float  # of the last step


class DoWG:
    """Khaled, Mishchenko & Jin (2023), algorithm 1; u is the weights and the intercept."""

    def __init__(self, start: Float64Array) -> None:
        self.start, self.sum = start, 0.0
        self.distance = 1e-4 * (1.0 + float(np.linalg.norm(start)))

    def find(self, u: Float64Array, g: Float64Array) -> float:
        self.distance = max(self.distance, float(np.linalg.norm(u - self.start)))
        self.sum += self.distance**2 * float(g @ g)
        return self.distance**2 / float(np.sqrt(self.sum))


class Prodigy:
    """The estimate of Mishchenko & Defazio (2024), algorithm 4, with a beta2 of 0.999."""

    def __init__(self, start: Float64Array) -> None:
        self.start, self.r, self.s, self.d = start, 0.0, np.zeros_like(start), 1e-6

    def find(self, u: Float64Array, g: Float64Array) -> float:
        d, keep = self.d, np.sqrt(0.999)
        self.r = keep * self.r + (1.0 - keep) * d**2 * float(g @ (self.start - u))
        self.s = keep * self.s + (1.0 - keep) * d**2 * g
        self.d = max(d, self.r / float(np.abs(self.s).sum()))
        return d


FINDERS: dict[str, type[DoWG | Prodigy]] = {"sgd": DoWG, "adam": Prodigy}
PARAMETERS: dict[str, tuple[float, ...]] = {"sgd": (), "adam": (0.9, 0.999, 1e-8)}


def train(
    X: Float64Array,
    y: Float64Array,
    s: Float64Array,
    *,
    rule: str,
    loss: str,
    batches: list[list[int]],
    l2: float,
    start: Float64Array,
) -> Trained:
    u, mean, rate = start.copy(), np.zeros_like(start), 0.0
    finder = FINDERS[rule](start)
    slots = [np.zeros_like(start) for _ in range(2)]
    for t, rows in enumerate(batches, start=1):
        w, b = u[:-1], float(u[-1])
        gradients = reference.LOSSES[loss].derivative(X[rows] @ w + b, y[rows]) * s[rows]
        g = np.append(X[rows].T @ gradients, gradients.sum()) * len(X) / (s.sum() * len(rows))
        g[:-1] += l2 * w
        rate = finder.find(u, g)
        u = reference.step(rule, u, g, slots, PARAMETERS[rule], t, rate)
        mean = mean + 9.0 / (t + 8.0) * (u - mean)
    return Trained(mean[:-1], float(mean[-1]), rate)
