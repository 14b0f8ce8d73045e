"""Learning rates by NumPy, one obvious formula per schedule, for the first steps of each."""

from typing import Any

import numpy as np

from fallline.typing import Float64Array


def constant(k: Float64Array, learning_rate: float) -> Float64Array:
    return learning_rate * np.ones_like(k)


def step(k: Float64Array, learning_rate: float, steps: int, gamma: float) -> Float64Array:
    return learning_rate * np.power(gamma, np.floor(k / steps))


def multi_step(
    k: Float64Array, learning_rate: float, milestones: tuple[int, ...], gamma: float
) -> Float64Array:
    factors = np.where(k >= np.array(milestones)[:, None], gamma, 1.0)
    return np.asarray(learning_rate * factors.prod(axis=0))


def exponential(k: Float64Array, learning_rate: float, gamma: float) -> Float64Array:
    return learning_rate * np.power(gamma, k)


def _half_cosine(share: Float64Array, high: float, low: float) -> Float64Array:
    """From high to low, by the formula of half an angle."""
    return low + (high - low) * np.cos(np.pi / 2 * share) ** 2


def cosine(k: Float64Array, learning_rate: float, steps: int, eta_min: float) -> Float64Array:
    return _half_cosine(np.minimum(k / steps, 1.0), learning_rate, eta_min)


def cosine_warm_restarts(
    k: Float64Array, learning_rate: float, steps: int, T_mult: int, eta_min: float
) -> Float64Array:
    falls: list[Float64Array] = []
    length = steps
    while sum(fall.size for fall in falls) < k.size:
        falls.append(_half_cosine(np.arange(length) / length, learning_rate, eta_min))
        length *= T_mult
    return np.concatenate(falls)[: k.size]


def one_cycle(
    k: Float64Array,
    learning_rate: float,
    steps: int,
    pct_start: float,
    anneal_strategy: str,
    div_factor: float,
    final_div_factor: float,
    three_phase: bool,
) -> Float64Array:
    first = learning_rate / div_factor
    last = first / final_div_factor
    places, rates = [0.0, pct_start * steps - 1], [first, learning_rate]
    if three_phase:
        places, rates = [*places, 2 * pct_start * steps - 2], [*rates, first]
    places, rates = [*places, steps - 1.0], [*rates, last]
    k, result = np.minimum(k, steps - 1), np.empty_like(k)
    for begin, end, start, stop in reversed(
        list(zip(places, places[1:], rates, rates[1:], strict=False))
    ):
        here = k <= end
        share = (k[here] - begin) / (end - begin) if end > begin else np.ones(here.sum())
        line = start + (stop - start) * share
        result[here] = line if anneal_strategy == "linear" else _half_cosine(share, start, stop)
    return result


def polynomial(k: Float64Array, learning_rate: float, steps: int, power: float) -> Float64Array:
    return learning_rate * np.power(np.maximum(steps - k, 0.0) / steps, power)


def linear(
    k: Float64Array, learning_rate: float, steps: int, start_factor: float, end_factor: float
) -> Float64Array:
    return learning_rate * np.interp(k, [0, steps], [start_factor, end_factor])


def cyclic(
    k: Float64Array,
    learning_rate: float,
    max_learning_rate: float,
    steps_up: int,
    steps_down: int | None,
    mode: str,
    gamma: float,
) -> Float64Array:
    length = steps_up + (steps_down or steps_up)
    triangle = np.interp(k % length, [0, steps_up, length], [0.0, 1.0, 0.0])
    heights = {
        "triangular": np.ones_like(k),
        "triangular2": 0.5 ** np.floor(k / length),
        "exp_range": gamma**k,
    }
    return learning_rate + (max_learning_rate - learning_rate) * triangle * heights[mode]


def inverse_scaling(k: Float64Array, learning_rate: float, power_t: float) -> Float64Array:
    return np.asarray(learning_rate * np.power(k + 1, -power_t))


def inverse_sqrt(k: Float64Array, learning_rate: float, steps: int) -> Float64Array:
    return np.asarray(learning_rate * steps**0.5 * (steps + k) ** -0.5)


def warmup_stable_decay(
    k: Float64Array,
    learning_rate: float,
    warmup_steps: int,
    stable_steps: int,
    decay_steps: int,
    end_factor: float,
) -> Float64Array:
    flat = warmup_steps + stable_steps
    rise = np.interp(k, [0, warmup_steps], [0.0, 1.0])
    fall = np.interp(k, [flat, flat + decay_steps], [0.0, 1.0])
    return np.asarray(learning_rate * rise * np.exp(np.log(end_factor) * fall))


def reduce_on_plateau(
    k: Float64Array, learning_rate: float, **options: float | str
) -> Float64Array:
    """Before it has been told anything."""
    assert options
    return learning_rate * np.ones_like(k)


def plateau_rates(
    metrics: list[float],
    learning_rate: float,
    mode: str,
    factor: float,
    patience: int,
    threshold: float,
    threshold_mode: str,
    cooldown: int,
    min_learning_rate: float,
) -> list[float]:
    """The learning rates of `ReduceOnPlateau` after each metric, from all that came before."""
    sign = 1.0 if mode == "min" else -1.0
    rates, best, last_good, quiet_until = [], np.inf, -1, -1
    for k, loss in enumerate(sign * np.array(metrics)):  # lower is better
        relative = best * (1 - sign * threshold)
        if loss < (relative if threshold_mode == "rel" else best - threshold):
            best, last_good = loss, k
        if k <= quiet_until:
            last_good = k
        if k - last_good > patience:
            learning_rate = max(learning_rate * factor, min_learning_rate)
            last_good, quiet_until = k, k + cooldown
        rates.append(learning_rate)
    return rates


REFERENCE: dict[str, Any] = {
    "Constant": constant,
    "Step": step,
    "MultiStep": multi_step,
    "Exponential": exponential,
    "Cosine": cosine,
    "CosineWarmRestarts": cosine_warm_restarts,
    "OneCycle": one_cycle,
    "Polynomial": polynomial,
    "ReduceOnPlateau": reduce_on_plateau,
    "Linear": linear,
    "Cyclic": cyclic,
    "InverseScaling": inverse_scaling,
    "InverseSqrt": inverse_sqrt,
    "WarmupStableDecay": warmup_stable_decay,
}
