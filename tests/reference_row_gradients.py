"""Gradients of some rows in NumPy: what they stand for, and what a lazy step does with them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import reference
from fallline.typing import Float64Array


def dense(rows: Sequence[int], values: Any, n_rows: int) -> Any:
    """The gradient of all rows, in the dtype of the values and the order they come in."""
    found = np.zeros((n_rows, *values.shape[1:]), values.dtype)
    for row, value in zip(rows, values, strict=True):
        found[row] += value
    return found


def lazy_step(
    rule: str,
    w: Float64Array,
    gradient: tuple[Sequence[int], Float64Array],
    slots: list[Float64Array],
    parameters: Sequence[float],
    t: int,
    learning_rate: float,
    **decays: float,
) -> None:
    """Step each row that is named once, with the sum of its values, and no other."""
    g = dense(*gradient, len(w))
    for row in set(gradient[0]):
        of_row = [slot[row] for slot in slots]
        w[row] = reference.step(
            rule, w[row], g[row], of_row, parameters, t, learning_rate, **decays
        )
        for slot, new in zip(slots, of_row, strict=True):
            slot[row] = new
