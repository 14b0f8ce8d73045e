"""Gradients by finite differences."""

from collections.abc import Callable
from typing import Final

import numpy as np

from fallline._minimizing.box import Box
from fallline.typing import Float64Array

# The cube root of the spacing of floats: where the errors of the formula, which go with the square
# of a step, and of the rounded values, which go with its inverse, are about the same.
_STEP: Final = float(np.finfo(np.float64).eps) ** (1 / 3)


def gradient_by_differences(
    value_at: Callable[[Float64Array], float], x: Float64Array, value: float, box: Box
) -> Float64Array:
    """Return the slopes at x of parabolas through three points along each axis, in the box.

    An element that its bounds fix has no slope to be found, and gets 0.
    """
    gradient = np.zeros_like(x)
    for i, here in enumerate(x):
        first, second = _offsets(here, box.lower[i], box.upper[i])
        if first == second:
            continue
        rises = []
        for offset in (first, second):
            there = x.copy()
            there[i] = here + offset
            rises.append(value_at(there) - value)
        with np.errstate(invalid="ignore"):  # infinite values, which the caller looks for
            slopes = rises[0] / first * second - rises[1] / second * first
        gradient[i] = slopes / (second - first)
    return gradient


def _offsets(here: float, lower: float, upper: float) -> tuple[float, float]:
    """Return two steps along an axis: both ways, or on the roomier side of a bound."""
    step = _STEP * max(abs(here), 1.0)
    below, above = here - lower, upper - here
    if min(below, above) >= step:
        wanted = (-step, step)
    elif above >= below:
        step = min(step, 0.5 * above)
        wanted = (step, 2.0 * step)
    else:
        step = min(step, 0.5 * below)
        wanted = (-step, -2.0 * step)
    # What floats make of it, so that the division is by the step that was made.
    ends = [min(max(here + offset, lower), upper) for offset in wanted]
    if here in ends:  # bounds a few floats apart
        return 0.0, 0.0
    return ends[0] - here, ends[1] - here
