"""One epoch of stochastic gradient descent, rows in stored order: fallline and the NumPy loop."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from fallline.bench.contests import Contest, epoch_contest
from fallline.bench.problems import make_problem

# The last one only: a real problem takes a quarter of a gigabyte.
problem = lru_cache(maxsize=1)(make_problem)


@lru_cache(maxsize=1)
def contest_of(
    loss: str, dtype: str, d: int, batch_size: int | None, n: int, numpy_steps: int
) -> Contest:
    """Pair the loops; their weights have been compared by then."""
    X, y = problem(loss, n, d, dtype)
    return epoch_contest(X, y, loss=loss, batch_size=batch_size, numpy_steps=numpy_steps)


@pytest.mark.parametrize("contestant", ["fallline", "numpy"])  # the fastest to change
@pytest.mark.parametrize("batch_size", [1, 8, 64, 512, None])
@pytest.mark.parametrize("d", [10, 30, 100, 784])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_epoch(
    loss: str,
    dtype: str,
    d: int,
    batch_size: int | None,
    contestant: str,
    sizes: Any,
    measure: Callable[[str, Contest, str], None],
) -> None:
    n = max(sizes.bytes_of_rows // (d * np.dtype(dtype).itemsize), 600)
    contest = contest_of(loss, dtype, d, batch_size, n, sizes.numpy_steps)
    measure(f"epoch-{loss}-f{dtype[-2:]}-d{d}-b{batch_size or 'all'}", contest, contestant)
