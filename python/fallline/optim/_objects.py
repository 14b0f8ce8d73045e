"""Whether a step is of the very arrays of the step before, which have been checked then."""

from typing import Any

import numpy as np

from fallline.optim._arrays import Arrays, items


def objects_of(params: Arrays, grads: Arrays, *, clears: bool) -> list[Any]:
    """Return what a step is of: whether gradients become zero, and all arrays with their places."""
    return [clears, *items(params, "params").items(), *items(grads, "grads").items()]


def stay_put(objects: list[Any]) -> bool:
    """Return whether arrays keep their memory, as those of other libraries may not."""
    return all(type(array) is np.ndarray for _, array in objects[1:])


def are_same(some: list[Any], others: list[Any]) -> bool:
    """Return whether two lists of places and arrays are of the very same objects."""
    if len(some) != len(others) or some[0] != others[0]:
        return False
    pairs = zip(some[1:], others[1:], strict=True)
    return all(a[0] == b[0] and a[1] is b[1] and a[1].flags.writeable for a, b in pairs)
