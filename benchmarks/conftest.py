"""What all benchmarks share: sizes, one thread, the read bandwidth, and the figures they report.

A real run measures on data that no cache holds, without BLAS threads:

    pytest benchmarks --benchmark-enable --benchmark-only --benchmark-group-by=group

With ``--benchmark-disable``, as in the test suite, everything is tiny and runs once.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

# BLAS reads this when NumPy is loaded; a test that came before us may have done that.
ONE_BLAS_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
if "numpy" not in sys.modules:
    os.environ.update(dict.fromkeys(ONE_BLAS_THREAD, "1"))

from fallline.bench.contests import Contest  # noqa: E402
from fallline.bench.roofline import ReadBandwidth, measure_read_bandwidth  # noqa: E402
from fallline.bench.timing import threads  # noqa: E402


@dataclass(frozen=True)
class Sizes:
    """How much data a run uses."""

    bytes_of_rows: int
    numpy_steps: int  # most steps of the NumPy loop in a round: small batches get fewer rows
    weights: dict[str, int]  # by the place that holds them together with their slots
    megabytes_to_read: int


REAL = Sizes(256_000_000, 20_000, {"L1": 1_000, "L2": 20_000, "memory": 10_000_000}, 512)
TINY = Sizes(50_000, 20, {"L1": 10, "L2": 100, "memory": 1_000}, 1)


@pytest.fixture(scope="session")
def sizes(pytestconfig: pytest.Config) -> Sizes:
    if pytestconfig.getoption("benchmark_disable") and not pytestconfig.getoption(
        "benchmark_enable"
    ):
        return TINY
    if any(os.environ.get(name) != "1" for name in ONE_BLAS_THREAD):
        pytest.exit(f"NumPy must have one BLAS thread: set {' '.join(ONE_BLAS_THREAD)} to 1")
    return REAL


@pytest.fixture(scope="session")
def read_bandwidth(sizes: Sizes) -> ReadBandwidth:
    return measure_read_bandwidth(sizes.megabytes_to_read)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threads(1):
        yield


@pytest.fixture
def measure(
    benchmark: BenchmarkFixture, read_bandwidth: ReadBandwidth
) -> Callable[[str, Contest, str], None]:
    """Time one side of a contest and note bytes moved, GB/s and the share of the read bandwidth."""

    def run(group: str, contest: Contest, contestant: str) -> None:
        ours = contestant == "fallline"
        n = contest.n if ours else contest.numpy_n
        n_bytes = contest.n_bytes * n // contest.n
        benchmark.group = group
        benchmark.extra_info |= {"elements": n, "bytes": n_bytes}
        benchmark(contest.fallline if ours else contest.numpy)
        if benchmark.stats is not None:  # None with --benchmark-disable
            speed = n_bytes / benchmark.stats.stats.min / 1e9
            share = speed / read_bandwidth.one_thread
            benchmark.extra_info |= {"GB/s": speed, "of_read_bandwidth": share}

    return run
