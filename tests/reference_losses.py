"""Losses of the margin z = x.w + b and the target y, in NumPy and float64: obvious.

`LOSSES` bears the names of the compiled code. All functions of a loss take z, y and its parameters.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fallline.typing import Float64Array

INFINITY = float("inf")
Formula = Callable[..., Float64Array]


class Loss(NamedTuple):
    value: Formula
    derivative: Formula  # d value / d z; at a kink, what the compiled code says of it
    curvature: Formula  # its derivative, with that of the flatter side where there are two
    smoothness: float  # the largest curvature; infinite also where the derivative jumps
    targets: str  # "signs", "numbers", "not negative" or "positive"
    kinks: Callable[..., Sequence[Any]] = lambda _y: ()  # margins where it or the derivative jumps
    parameters: tuple[float, ...] = ()  # those to test with; float32 holds them exactly
    conjugate: Formula | None = None  # sup over z of u z - value(z, y), of u instead of z


def sigmoid(t: Float64Array) -> Float64Array:
    """1 / (1 + exp(-t)), with the exponential that cannot overflow."""
    e = np.exp(-np.abs(t))
    return np.where(t >= 0, 1.0, e) / (1.0 + e)


def times_log(x: Float64Array) -> Float64Array:
    """x log x, which is 0 for 0."""
    return np.asarray(x * np.log(np.where(x > 0, x, 1.0)))


def exp_excess(x: Float64Array) -> Float64Array:
    """exp(x) - 1 - x, from its series near 0."""
    near, series = np.clip(x, -0.5, 0.5), np.ones_like(x)
    for k in range(20, 2, -1):
        series = 1 + near / k * series
    return np.where(x == near, 0.5 * near**2 * series, np.expm1(x) - x)


def where_defined(inside: np.ndarray[Any, np.dtype[np.bool_]], value: Float64Array) -> Float64Array:
    return np.where(inside, value, INFINITY)


def no_curvature(z: Float64Array, *_others: object) -> Float64Array:
    return np.zeros_like(z)


# Two classes, y -1 and +1.


def logistic_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.logaddexp(0.0, -y * z)  # log(exp(0) + exp(-yz))


def logistic_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return -y * sigmoid(-y * z)


def logistic_curvature(z: Float64Array, y: Float64Array) -> Float64Array:
    return sigmoid(y * z) * sigmoid(-y * z)


def logistic_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    p = -y * u
    entropy = times_log(np.maximum(p, 0)) + times_log(np.maximum(1 - p, 0))
    return where_defined((p >= 0) & (p <= 1), entropy)


def hinge_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.maximum(0.0, 1.0 - y * z)


def hinge_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(y * z < 1.0, -y, 0.0)  # of the subgradients at the kink, 0


def hinge_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    return where_defined((y * u >= -1) & (y * u <= 0), y * u)


def squared_hinge_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.maximum(0.0, 1.0 - y * z) ** 2


def squared_hinge_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return -2 * y * np.maximum(0.0, 1.0 - y * z)


def squared_hinge_curvature(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(y * z < 1, 2.0, 0.0)


def squared_hinge_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    return where_defined(y * u <= 0, y * u + u**2 / 4)


def perceptron_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.maximum(0.0, -y * z)


def perceptron_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(y * z <= 0, -y, 0.0)  # at the kink that of a mistake


def perceptron_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    return where_defined((y * u >= -1) & (y * u <= 0), np.zeros_like(u))


def modified_huber_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(y * z >= -1, np.maximum(0.0, 1.0 - y * z) ** 2, -4 * y * z)


def modified_huber_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(y * z >= -1, -2 * y * np.maximum(0.0, 1.0 - y * z), -4 * y)


def modified_huber_curvature(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(np.abs(y * z) < 1, 2.0, 0.0)


def modified_huber_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    return where_defined((y * u >= -4) & (y * u <= 0), y * u + u**2 / 4)


# Numbers; r = z - y.


def squared_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return 0.5 * (z - y) ** 2


def squared_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return z - y


def squared_curvature(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.ones_like(z - y)


def squared_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    return u * y + 0.5 * u**2


def huber_value(z: Float64Array, y: Float64Array, delta: float) -> Float64Array:
    r = np.abs(z - y)
    return np.where(r <= delta, 0.5 * r**2, delta * r - 0.5 * delta**2)


def huber_derivative(z: Float64Array, y: Float64Array, delta: float) -> Float64Array:
    return np.clip(z - y, -delta, delta)


def huber_curvature(z: Float64Array, y: Float64Array, delta: float) -> Float64Array:
    return np.where(np.abs(z - y) < delta, 1.0, 0.0)


def huber_conjugate(u: Float64Array, y: Float64Array, delta: float) -> Float64Array:
    return where_defined(np.abs(u) <= delta, u * y + 0.5 * u**2)


def insensitive_value(z: Float64Array, y: Float64Array, epsilon: float) -> Float64Array:
    return np.maximum(0.0, np.abs(z - y) - epsilon)


def insensitive_derivative(z: Float64Array, y: Float64Array, epsilon: float) -> Float64Array:
    return np.where(np.abs(z - y) > epsilon, np.sign(z - y), 0.0)


def insensitive_conjugate(u: Float64Array, y: Float64Array, epsilon: float) -> Float64Array:
    return where_defined(np.abs(u) <= 1, u * y + epsilon * np.abs(u))


def squared_insensitive_value(z: Float64Array, y: Float64Array, epsilon: float) -> Float64Array:
    return insensitive_value(z, y, epsilon) ** 2


def squared_insensitive_derivative(
    z: Float64Array, y: Float64Array, epsilon: float
) -> Float64Array:
    return 2 * np.sign(z - y) * insensitive_value(z, y, epsilon)


def squared_insensitive_curvature(z: Float64Array, y: Float64Array, epsilon: float) -> Float64Array:
    return np.where(np.abs(z - y) > epsilon, 2.0, 0.0)


def squared_insensitive_conjugate(u: Float64Array, y: Float64Array, epsilon: float) -> Float64Array:
    return u * y + epsilon * np.abs(u) + 0.25 * u**2


def quantile_value(z: Float64Array, y: Float64Array, q: float) -> Float64Array:
    return np.where(z < y, q * (y - z), (1 - q) * (z - y))


def quantile_derivative(z: Float64Array, y: Float64Array, q: float) -> Float64Array:
    return np.where(z < y, -q, np.where(z > y, 1 - q, 0.0))


def quantile_conjugate(u: Float64Array, y: Float64Array, q: float) -> Float64Array:
    return where_defined((u >= -q) & (u <= 1 - q), u * y)


# Half unit deviances of the mean exp(z), as functions of d = z - log y where y is not 0.


def positive(y: Float64Array) -> Float64Array:
    return np.where(y > 0, y, 1.0)


def log_target(y: Float64Array) -> Float64Array:
    return np.log(positive(y))


def poisson_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(y > 0, positive(y) * exp_excess(z - log_target(y)), np.exp(z))


def poisson_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.exp(z) - y


def poisson_curvature(z: Float64Array, y: Float64Array) -> Float64Array:
    return np.where(y >= 0, np.exp(z), np.nan)


def poisson_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    mean = u + y
    return where_defined(mean >= 0, times_log(np.maximum(mean, 0)) - times_log(y) - u)


def gamma_value(z: Float64Array, y: Float64Array) -> Float64Array:
    return exp_excess(np.log(y) - z)


def gamma_derivative(z: Float64Array, y: Float64Array) -> Float64Array:
    return 1 - y * np.exp(-z)


def gamma_curvature(z: Float64Array, y: Float64Array) -> Float64Array:
    return y * np.exp(-z)


def gamma_conjugate(u: Float64Array, y: Float64Array) -> Float64Array:
    return where_defined(u <= 1, times_log(np.maximum(1 - u, 0)) + u * np.log(y) + u)


def tweedie_value(z: Float64Array, y: Float64Array, p: float) -> Float64Array:
    d = z - log_target(y)
    excess = exp_excess((1 - p) * d) / (p - 1) + exp_excess((2 - p) * d) / (2 - p)
    return np.where(y > 0, positive(y) ** (2 - p) * excess, np.exp((2 - p) * z) / (2 - p))


def tweedie_derivative(z: Float64Array, y: Float64Array, p: float) -> Float64Array:
    pull = np.where(y > 0, positive(y) * np.exp((1 - p) * z), 0.0)
    return np.exp((2 - p) * z) - pull


def tweedie_curvature(z: Float64Array, y: Float64Array, p: float) -> Float64Array:
    pull = np.where(y > 0, positive(y) * np.exp((1 - p) * z), 0.0)
    return (2 - p) * np.exp((2 - p) * z) + (p - 1) * pull


LOSSES = {
    "squared": Loss(
        squared_value,
        squared_derivative,
        squared_curvature,
        1.0,
        "numbers",
        conjugate=squared_conjugate,
    ),
    "logistic": Loss(
        logistic_value,
        logistic_derivative,
        logistic_curvature,
        0.25,
        "signs",
        conjugate=logistic_conjugate,
    ),
    "hinge": Loss(
        hinge_value,
        hinge_derivative,
        no_curvature,
        INFINITY,
        "signs",
        lambda y: [y],
        conjugate=hinge_conjugate,
    ),
    "squared_hinge": Loss(
        squared_hinge_value,
        squared_hinge_derivative,
        squared_hinge_curvature,
        2.0,
        "signs",
        lambda y: [y],
        conjugate=squared_hinge_conjugate,
    ),
    "perceptron": Loss(
        perceptron_value,
        perceptron_derivative,
        no_curvature,
        INFINITY,
        "signs",
        lambda _y: (0.0,),
        conjugate=perceptron_conjugate,
    ),
    "modified_huber": Loss(
        modified_huber_value,
        modified_huber_derivative,
        modified_huber_curvature,
        2.0,
        "signs",
        lambda _y: (-1.0, 1.0),
        conjugate=modified_huber_conjugate,
    ),
    "huber": Loss(
        huber_value,
        huber_derivative,
        huber_curvature,
        1.0,
        "numbers",
        lambda y, delta: [y - delta, y + delta],
        (1.5,),
        huber_conjugate,
    ),
    "epsilon_insensitive": Loss(
        insensitive_value,
        insensitive_derivative,
        no_curvature,
        INFINITY,
        "numbers",
        lambda y, epsilon: [y - epsilon, y + epsilon],
        (0.5,),
        insensitive_conjugate,
    ),
    "squared_epsilon_insensitive": Loss(
        squared_insensitive_value,
        squared_insensitive_derivative,
        squared_insensitive_curvature,
        2.0,
        "numbers",
        lambda y, epsilon: [y - epsilon, y + epsilon],
        (0.5,),
        squared_insensitive_conjugate,
    ),
    "quantile": Loss(
        quantile_value,
        quantile_derivative,
        no_curvature,
        INFINITY,
        "numbers",
        lambda y, _q: [y],
        (0.25,),
        quantile_conjugate,
    ),
    "poisson": Loss(
        poisson_value,
        poisson_derivative,
        poisson_curvature,
        INFINITY,
        "not negative",
        conjugate=poisson_conjugate,
    ),
    "gamma": Loss(
        gamma_value,
        gamma_derivative,
        gamma_curvature,
        INFINITY,
        "positive",
        conjugate=gamma_conjugate,
    ),
    "tweedie": Loss(
        tweedie_value,
        tweedie_derivative,
        tweedie_curvature,
        INFINITY,
        "not negative",
        lambda _y, _p: (),
        (1.5,),
    ),
}
