"""One epoch of logistic regression over sparse rows in stored order: fallline and a SciPy loop."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from fallline.bench.contests import Contest
from fallline.bench.sparse import csr_contest, make_sparse_problem

pytest.importorskip("scipy")

ELEMENTS = 75  # of a row
problem = lru_cache(maxsize=1)(make_sparse_problem)


@lru_cache(maxsize=1)
def contest_of(d: int, batch_size: int, n: int, scipy_steps: int) -> Contest:
    """Pair the loops; their weights have been compared by then."""
    return csr_contest(*problem(n, d, ELEMENTS), d, batch_size=batch_size, scipy_steps=scipy_steps)


@pytest.mark.parametrize("contestant", ["fallline", "numpy"])  # the fastest to change
@pytest.mark.parametrize("batch_size", [1, 64])
@pytest.mark.parametrize("d", [50_000, 1_000_000])
def test_csr_epoch(
    d: int,
    batch_size: int,
    contestant: str,
    sizes: Any,
    measure: Callable[[str, Contest, str], None],
) -> None:
    n = max(sizes.bytes_of_rows // (ELEMENTS * 16), 600)
    # Each of them goes over all the weights.
    scipy_steps = max(sizes.numpy_steps * 10_000 // d, 2)
    contest = contest_of(d, batch_size, n, scipy_steps)
    measure(f"csr-logistic-f32-d{d}-b{batch_size}", contest, contestant)
