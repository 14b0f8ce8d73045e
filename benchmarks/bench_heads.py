"""One epoch of several heads, rows in stored order: candidates in one pass, and softmax.

In each group fallline trains all heads, NumPy does the same, and for candidates "one" is fallline
with a single one, by the kernels for one head.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fallline.bench.contests import Contest
from fallline.bench.core_loop import CoreLoop
from fallline.bench.heads import heads_contest
from fallline.bench.problems import make_problem
from fallline.bench.roofline import measure_fma_peak
from fallline.typing import FloatArray

# The last one only: a real problem takes a quarter of a gigabyte.
problem = lru_cache(maxsize=1)(make_problem)


@lru_cache(maxsize=1)
def classes_problem(n: int, d: int, n_classes: int) -> tuple[FloatArray, FloatArray]:
    """Rows and the numbers of their classes."""
    X, _ = make_problem("squared", n, d)
    w = np.random.default_rng(1).standard_normal((d, n_classes), np.float32)
    return X, X.dot(w).argmax(axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def contest_of(loss: str, n: int, d: int, n_heads: int, batch: int, numpy_steps: int) -> Contest:
    """Pair the loops; their weights have been compared by then."""
    data = classes_problem(n, d, n_heads) if loss == "softmax" else problem(loss, n, d, "float32")
    return heads_contest(
        *data, loss=loss, n_heads=n_heads, batch_size=batch, numpy_steps=numpy_steps
    )


@pytest.fixture(scope="session")
def fma_peak() -> float:
    return measure_fma_peak(np.dtype(np.float32))


@pytest.fixture
def measure_heads(
    benchmark: BenchmarkFixture, fma_peak: float
) -> Callable[[str, Callable[[], object], int, int], None]:
    """Time one member of a group and note rows, GFLOP/s and the share of the FMA peak."""

    def run(group: str, epoch: Callable[[], object], n: int, weights: int) -> None:
        benchmark.group = group
        benchmark(epoch)
        if benchmark.stats is not None:  # None with --benchmark-disable
            nanoseconds = benchmark.stats.stats.min / n * 1e9
            # A multiplication and an addition per weight, for margins and for the gradient.
            speed = 4 * weights / nanoseconds
            benchmark.extra_info |= {"elements": n, "ns_per_row": nanoseconds}
            benchmark.extra_info |= {"GFLOP/s": speed, "of_fma_peak": speed / fma_peak}

    return run


@pytest.mark.parametrize("contestant", ["fallline", "one", "numpy"])  # the fastest to change
@pytest.mark.parametrize("d", [10, 30, 100, 784])
def test_candidates(
    d: int,
    contestant: str,
    sizes: Any,
    measure_heads: Callable[[str, Callable[[], object], int, int], None],
) -> None:
    n = max(sizes.bytes_of_rows // (4 * d), 600)
    contest = contest_of("logistic", n, d, 16, 64, sizes.numpy_steps)
    group = f"heads-logistic-f32-d{d}-b64-k16"
    if contestant == "one":
        X, y = problem("logistic", n, d, "float32")
        loop = CoreLoop(X, y, loss="logistic", learning_rate=1e-3, batch_size=64)
        measure_heads(group, loop.epoch, n, d)
        return
    ours = contestant == "fallline"
    epoch = contest.fallline if ours else contest.numpy
    measure_heads(group, epoch, n if ours else contest.numpy_n, 16 * d)


@pytest.mark.parametrize("contestant", ["fallline", "numpy"])
@pytest.mark.parametrize("batch_size", [64, 256])
@pytest.mark.parametrize(("d", "n_classes"), [(10, 10), (100, 3), (784, 10)])
def test_softmax(
    d: int,
    n_classes: int,
    batch_size: int,
    contestant: str,
    sizes: Any,
    measure_heads: Callable[[str, Callable[[], object], int, int], None],
) -> None:
    n = max(sizes.bytes_of_rows // (4 * d), 600)
    contest = contest_of("softmax", n, d, n_classes, batch_size, sizes.numpy_steps)
    ours = contestant == "fallline"
    epoch = contest.fallline if ours else contest.numpy
    rows = n if ours else contest.numpy_n
    measure_heads(f"heads-softmax-f32-d{d}-b{batch_size}-k{n_classes}", epoch, rows, n_classes * d)
