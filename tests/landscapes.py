"""Functions to be minimised, with their gradients, usual starts and known minima."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fallline.typing import Float64Array


class Landscape(NamedTuple):
    """A function of a sum of squares or powers that is zero at its minima."""

    fun: Callable[[Float64Array], float]
    jac: Callable[[Float64Array], Float64Array]
    start: Float64Array
    minima: Float64Array  # a row each

    def distance(self, x: Float64Array) -> float:
        """Largest difference to the nearest minimum."""
        return float(np.abs(self.minima - x).max(axis=1).min())


def rosenbrock(n: int) -> Landscape:
    """Rosenbrock (1960), in the chained form of scipy.optimize.rosen."""

    def fun(x: Float64Array) -> float:
        return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())

    def jac(x: Float64Array) -> Float64Array:
        gradient, valley = np.zeros_like(x), x[1:] - x[:-1] ** 2
        gradient[:-1] = -400 * x[:-1] * valley - 2 * (1 - x[:-1])
        gradient[1:] += 200 * valley
        return gradient

    # The usual start leads to a second minimum near (-1, 1, 1, ...) where there are more than three
    # variables, so these have the one of SciPy's tutorial.
    start = [-1.2, 1.0] if n == 2 else np.resize([1.3, 0.7, 0.8, 1.9, 1.2], n)
    return Landscape(fun, jac, np.array(start), np.ones((1, n)))


def _beale() -> Landscape:
    targets = np.array([1.5, 2.25, 2.625])

    def misfits(x: Float64Array) -> Float64Array:
        return np.asarray(targets - x[0] * (1 - x[1] ** np.arange(1.0, 4.0)))

    def jac(x: Float64Array) -> Float64Array:
        powers, r = np.arange(1.0, 4.0), misfits(x)
        by_second = x[0] * powers * x[1] ** (powers - 1)
        return 2 * np.array([-(r * (1 - x[1] ** powers)).sum(), (r * by_second).sum()])

    return Landscape(
        lambda x: float((misfits(x) ** 2).sum()), jac, np.array([1.0, 1.0]), np.array([[3.0, 0.5]])
    )


def _himmelblau() -> Landscape:
    def fun(x: Float64Array) -> float:
        return float((x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2)

    def jac(x: Float64Array) -> Float64Array:
        p, q = x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7
        return np.array([4 * x[0] * p + 2 * q, 2 * p + 4 * x[1] * q])

    # Its zeros, of which the last three are known to so many digits: Himmelblau (1972).
    minima = np.array(
        [
            [3.0, 2.0],
            [-2.805118086952745, 3.131312518250573],
            [-3.779310253377747, -3.283185991286170],
            [3.584428340330492, -1.848126526964404],
        ]
    )
    return Landscape(fun, jac, np.zeros(2), minima)


def _powell() -> Landscape:
    """Powell (1962), whose Hessian is singular at the minimum."""

    def fun(x: Float64Array) -> float:
        a, b, c, d = x
        return float((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4)

    def jac(x: Float64Array) -> Float64Array:
        a, b, c, d = x
        p, q, r, s = 2 * (a + 10 * b), 10 * (c - d), 4 * (b - 2 * c) ** 3, 40 * (a - d) ** 3
        return np.array([p + s, 10 * p + r, q - 2 * r, -q - s])

    return Landscape(fun, jac, np.array([3.0, -1.0, 0.0, 1.0]), np.zeros((1, 4)))


def _booth() -> Landscape:
    def fun(x: Float64Array) -> float:
        return float((x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2)

    def jac(x: Float64Array) -> Float64Array:
        p, q = x[0] + 2 * x[1] - 7, 2 * x[0] + x[1] - 5
        return np.array([2 * p + 4 * q, 4 * p + 2 * q])

    return Landscape(fun, jac, np.zeros(2), np.array([[1.0, 3.0]]))


def _matyas() -> Landscape:
    def fun(x: Float64Array) -> float:
        return float(0.26 * (x[0] ** 2 + x[1] ** 2) - 0.48 * x[0] * x[1])

    def jac(x: Float64Array) -> Float64Array:
        return np.asarray(0.52 * x - 0.48 * x[::-1])

    return Landscape(fun, jac, np.array([8.0, -3.0]), np.zeros((1, 2)))


LANDSCAPES = {
    "rosenbrock-2": rosenbrock(2),
    "rosenbrock-10": rosenbrock(10),
    "rosenbrock-100": rosenbrock(100),
    "beale": _beale(),
    "himmelblau": _himmelblau(),
    "powell": _powell(),
    "booth": _booth(),
    "matyas": _matyas(),
}


class Quadratic(NamedTuple):
    """``(x - center)' A (x - center) / 2`` with eigenvalues from 1 to ``condition``."""

    A: Float64Array
    center: Float64Array

    @classmethod
    def random(cls, n: int, condition: float, seed: int) -> "Quadratic":
        rng: Any = np.random.default_rng(seed)
        basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
        A = (basis * np.geomspace(1.0, condition, n)) @ basis.T
        return cls(0.5 * (A + A.T), rng.standard_normal(n))

    def fun(self, x: Float64Array) -> float:
        return float(0.5 * (x - self.center) @ self.jac(x))

    def jac(self, x: Float64Array) -> Float64Array:
        return np.asarray(self.A @ (x - self.center))
