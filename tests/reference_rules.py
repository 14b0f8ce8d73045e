"""Update rules in NumPy and float64: torch's formulas where torch has the rule, or the paper's.

A rule turns a gradient into the direction d of the step w - learning_rate * d, and renews its
slots, the state arrays of the shape of w. Some need the weights and the rate for that: they return
the move m of the step w - m.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fallline.typing import Float64Array


class Rule(NamedTuple):
    n_slots: int
    n_parameters: int
    # (g, slots, t, *parameters), where t counts from 1; and w and learning_rate if it moves.
    direction: Callable[..., Float64Array]
    moves: bool = False


def soft_threshold(w: Float64Array, threshold: float) -> Float64Array:
    """argmin_u 1/2 |u - w|^2 + threshold |u|_1: the proximal step of the l1 term."""
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0.0)


def sgd(g: Float64Array, slots: list[Float64Array], t: int) -> Float64Array:
    del slots, t
    return g


def momentum(g: Float64Array, slots: list[Float64Array], t: int, mu: float) -> Float64Array:
    del t
    slots[0] = mu * slots[0] + g
    return slots[0]


def damped_momentum(
    g: Float64Array, slots: list[Float64Array], t: int, mu: float, dampening: float
) -> Float64Array:
    slots[0] = g if t == 1 else mu * slots[0] + (1 - dampening) * g
    return slots[0]


def nesterov(g: Float64Array, slots: list[Float64Array], t: int, mu: float) -> Float64Array:
    del t
    slots[0] = mu * slots[0] + g
    return g + mu * slots[0]


# Adam's family.


def moments(
    g: Float64Array, slots: list[Float64Array], beta1: float, beta2: float
) -> tuple[Float64Array, Float64Array]:
    slots[0] = beta1 * slots[0] + (1 - beta1) * g
    slots[1] = beta2 * slots[1] + (1 - beta2) * g**2
    return slots[0], slots[1]


def adam(
    g: Float64Array, slots: list[Float64Array], t: int, beta1: float, beta2: float, eps: float
) -> Float64Array:
    m, v = moments(g, slots, beta1, beta2)
    denominator = np.sqrt(v) / math.sqrt(1 - math.pow(beta2, t)) + eps
    return m / (1 - math.pow(beta1, t)) / denominator


def amsgrad(
    g: Float64Array, slots: list[Float64Array], t: int, beta1: float, beta2: float, eps: float
) -> Float64Array:
    m, v = moments(g, slots, beta1, beta2)
    slots[2] = np.maximum(slots[2], v)
    denominator = np.sqrt(slots[2]) / math.sqrt(1 - math.pow(beta2, t)) + eps
    return m / (1 - math.pow(beta1, t)) / denominator


def nadam(
    g: Float64Array,
    slots: list[Float64Array],
    t: int,
    beta1: float,
    beta2: float,
    eps: float,
    q: float,
    before: float,
) -> Float64Array:
    mu = [beta1 * (1 - 0.5 * math.pow(q, k)) for k in range(1, t + 2)]
    m, v = moments(g, slots, beta1, beta2)
    product = before * mu[-2] if before else math.prod(mu[:-1])
    ahead = (1 - mu[-2]) * g / (1 - product) + mu[-1] * m / (1 - product * mu[-1])
    return ahead / (np.sqrt(v / (1 - math.pow(beta2, t))) + eps)


def radam(
    g: Float64Array, slots: list[Float64Array], t: int, beta1: float, beta2: float, eps: float
) -> Float64Array:
    m, v = moments(g, slots, beta1, beta2)
    m = m / (1 - math.pow(beta1, t))
    # 2 / (1 - beta2) - 1 - 2 t beta2^t / (1 - beta2^t) is this mean, without cancellation.
    terms = [math.pow(beta2, k) for k in range(t)]
    length = 2 * sum((k + 1) * term for k, term in enumerate(terms)) / sum(terms) - 1
    longest = 2 / (1 - beta2) - 1
    if length <= 5:
        return m
    certainty = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return math.sqrt(certainty * (1 - math.pow(beta2, t))) * m / (np.sqrt(v) + eps)


def adamax(
    g: Float64Array, slots: list[Float64Array], t: int, beta1: float, beta2: float, eps: float
) -> Float64Array:
    slots[0] = beta1 * slots[0] + (1 - beta1) * g
    slots[1] = np.maximum(beta2 * slots[1], np.abs(g) + eps)
    return slots[0] / (1 - math.pow(beta1, t)) / slots[1]


def lion(
    g: Float64Array, slots: list[Float64Array], t: int, beta1: float, beta2: float
) -> Float64Array:
    del t
    direction = np.sign(beta1 * slots[0] + (1 - beta1) * g)
    slots[0] = beta2 * slots[0] + (1 - beta2) * g
    return direction


# Those that divide by sizes of gradients alone.


def adagrad(
    g: Float64Array, slots: list[Float64Array], t: int, eps: float, initial: float
) -> Float64Array:
    del t
    slots[0] = slots[0] + g**2
    return g / (np.sqrt(initial + slots[0]) + eps)


def adadelta(
    g: Float64Array, slots: list[Float64Array], t: int, rho: float, eps: float
) -> Float64Array:
    del t
    slots[0] = rho * slots[0] + (1 - rho) * g**2
    direction = np.sqrt(slots[1] + eps) / np.sqrt(slots[0] + eps) * g
    slots[1] = rho * slots[1] + (1 - rho) * direction**2
    return direction


def rmsprop(
    g: Float64Array, slots: list[Float64Array], t: int, alpha: float, eps: float
) -> Float64Array:
    del t
    slots[0] = alpha * slots[0] + (1 - alpha) * g**2
    return g / (np.sqrt(slots[0]) + eps)


def centered_rmsprop(
    g: Float64Array, slots: list[Float64Array], t: int, alpha: float, eps: float
) -> Float64Array:
    del t
    slots[0] = alpha * slots[0] + (1 - alpha) * g**2
    slots[1] = alpha * slots[1] + (1 - alpha) * g
    return g / (np.sqrt(np.maximum(slots[0] - slots[1] ** 2, 0.0)) + eps)


def with_momentum(direction: Callable[..., Float64Array]) -> Callable[..., Float64Array]:
    """The rule along a velocity, its last slot, with the momentum as its last parameter."""

    def moving(
        g: Float64Array, slots: list[Float64Array], t: int, *parameters: float
    ) -> Float64Array:
        slots[-1] = parameters[-1] * slots[-1] + direction(g, slots, t, *parameters[:-1])
        return slots[-1]

    return moving


# Those that need the weights and the rate.


def asgd(
    g: Float64Array,
    slots: list[Float64Array],
    t: int,
    lambd: float,
    alpha: float,
    t0: float,
    decay: float,
    *,
    w: Float64Array,
    learning_rate: float,
) -> Float64Array:
    eta = learning_rate / math.pow(1 + lambd * learning_rate * (t - 1), alpha)
    move = decay * eta * w + eta * g
    slots[0] = slots[0] + (w - move - slots[0]) / max(1.0, t - 1 - t0)
    return move


def rprop(
    g: Float64Array,
    slots: list[Float64Array],
    t: int,
    shrinks: float,
    grows: float,
    shortest: float,
    longest: float,
    *,
    w: Float64Array,
    learning_rate: float,
) -> Float64Array:
    del w
    turn = np.sign(g) * np.sign(slots[0])
    length = np.full_like(g, learning_rate) if t == 1 else slots[1]
    length = length * np.where(turn < 0, shrinks, np.where(turn > 0, grows, 1.0))
    slots[0], slots[1] = np.where(turn < 0, 0.0, g), np.clip(length, shortest, longest)
    return np.sign(slots[0]) * slots[1]


def ftrl(
    g: Float64Array,
    slots: list[Float64Array],
    t: int,
    beta: float,
    l1: float,
    l2: float,
    *,
    w: Float64Array,
    learning_rate: float,
) -> Float64Array:
    """Of algorithm 1, whose z is the first slot less the value that w stands for."""
    del t
    z = slots[0] - ((beta + np.sqrt(slots[1])) / learning_rate + l2) * w
    sigma = (np.sqrt(slots[1] + g**2) - np.sqrt(slots[1])) / learning_rate
    z, slots[1] = z + g - sigma * w, slots[1] + g**2
    curvature = (beta + np.sqrt(slots[1])) / learning_rate + l2
    new = -soft_threshold(z, l1) / curvature
    slots[0] = z + curvature * new
    return w - new


RULES = {
    "sgd": Rule(0, 0, sgd),
    "momentum": Rule(1, 1, momentum),
    "damped_momentum": Rule(1, 2, damped_momentum),
    "nesterov": Rule(1, 1, nesterov),
    "adam": Rule(2, 3, adam),
    "amsgrad": Rule(3, 3, amsgrad),
    "nadam": Rule(2, 5, nadam),
    "radam": Rule(2, 3, radam),
    "adamax": Rule(2, 3, adamax),
    "adagrad": Rule(1, 2, adagrad),
    "adadelta": Rule(2, 2, adadelta),
    "rmsprop": Rule(1, 2, rmsprop),
    "rmsprop_momentum": Rule(2, 3, with_momentum(rmsprop)),
    "centered_rmsprop": Rule(2, 2, centered_rmsprop),
    "centered_rmsprop_momentum": Rule(3, 3, with_momentum(centered_rmsprop)),
    "asgd": Rule(1, 4, asgd, moves=True),
    "rprop": Rule(2, 4, rprop, moves=True),
    "lion": Rule(1, 2, lion),
    "ftrl": Rule(2, 3, ftrl, moves=True),
}


def step(
    rule: str,
    w: Float64Array,
    g: Float64Array,
    slots: list[Float64Array],
    parameters: Sequence[float],
    t: int,
    learning_rate: float,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    weight_decay: float = 0.0,
) -> Float64Array:
    """Return the weights after step t; ``weight_decay`` is the decoupled one of AdamW."""
    g = g + l2 * w
    w = w * (1 - learning_rate * weight_decay)
    direction = RULES[rule].direction
    if RULES[rule].moves:
        w = w - direction(g, slots, t, *parameters, w=w, learning_rate=learning_rate)
    else:
        w = w - learning_rate * direction(g, slots, t, *parameters)
    return soft_threshold(w, learning_rate * l1)


def without_penalties(rule: str, parameters: Sequence[float]) -> Sequence[float]:
    """The parameters of the intercept's rule."""
    if rule == "asgd":
        return (*parameters[:3], 0.0)
    return (parameters[0], 0.0, 0.0) if rule == "ftrl" else parameters
