"""Loss and gradient over all rows: fallline and NumPy in blocks."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from fallline.bench.contests import Contest, gradient_contest
from fallline.bench.problems import make_problem


@lru_cache(maxsize=1)
def contest_of(loss: str, dtype: str, d: int, n: int) -> Contest:
    """Pair the two; their gradients have been compared by then."""
    X, y = make_problem(loss, n, d, dtype)
    return gradient_contest(X, y, loss=loss)


@pytest.mark.parametrize("contestant", ["fallline", "numpy"])  # the fastest to change
@pytest.mark.parametrize("d", [10, 30, 100, 784])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_gradient(
    loss: str,
    dtype: str,
    d: int,
    contestant: str,
    sizes: Any,
    measure: Callable[[str, Contest, str], None],
) -> None:
    n = max(sizes.bytes_of_rows // (d * np.dtype(dtype).itemsize), 600)
    contest = contest_of(loss, dtype, d, n)
    measure(f"gradient-{loss}-f{dtype[-2:]}-d{d}", contest, contestant)
