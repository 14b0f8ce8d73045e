"""`python -m fallline bench`: fallline beside NumPy, in turns, in one process."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fallline import _core
from fallline.bench.contests import (
    RULES,
    Contest,
    epoch_contest,
    gradient_contest,
    step_contest,
)
from fallline.bench.problems import make_problem
from fallline.bench.roofline import measure_read_bandwidth
from fallline.bench.timing import best_times, threads
from fallline.typing import FloatArray


@dataclass(frozen=True)
class Plan:
    """What `report` measures.

    Parameters
    ----------
    losses : tuple of str
        Names of losses.
    dtypes : tuple of str
        "float32", "float64".
    features : tuple of int
        Row lengths.
    batch_sizes : tuple of (int or None)
        Rows per step; None is all.
    weights : tuple of int
        Numbers of weights for the update rules; the defaults are in L1, in L2 and in memory, slots
        included.
    megabytes : int
        Size of the rows in 1e6 bytes, more than the last cache holds.
    rounds : int
        Interleaved rounds, of which the best counts.
    numpy_steps : int
        Most steps NumPy makes in one round; with small batches it gets the first rows only.
    """

    losses: tuple[str, ...] = ("logistic", "squared")
    dtypes: tuple[str, ...] = ("float32", "float64")
    features: tuple[int, ...] = (10, 30, 100, 784)
    batch_sizes: tuple[int | None, ...] = (1, 8, 64, 512, None)
    weights: tuple[int, ...] = (1_000, 20_000, 10_000_000)
    megabytes: int = 256
    rounds: int = 5
    numpy_steps: int = 20_000


FULL = Plan()
QUICK = Plan(
    losses=("logistic",),
    dtypes=("float32",),
    features=(10, 100, 784),
    batch_sizes=(1, 64, None),
    megabytes=128,
    rounds=3,
    numpy_steps=5_000,
)


def report(plan: Plan = FULL) -> Iterator[str]:
    """Yield the lines of the report, each as soon as it is measured.

    Parameters
    ----------
    plan : Plan, default=FULL
        What to measure; `QUICK` takes a few seconds, `FULL` a few minutes.

    Yields
    ------
    line : str
        One line of text.

    Raises
    ------
    RuntimeError
        If fallline and NumPy do not agree.

    Examples
    --------
    >>> from fallline.bench.ratios import Plan, report
    >>> plan = Plan(("squared",), ("float32",), (10,), (64,), (100,), megabytes=1, rounds=1)
    >>> any("squared" in line for line in report(plan))
    True
    """
    info = _core.build_info()
    yield (
        f"fallline {_core.__version__} ({_core.get_target()}, {info['compiler']}), "
        f"NumPy {np.__version__}, Python {platform.python_version()}, {platform.machine()}"
    )
    yield f"Memory is read at {measure_read_bandwidth(2 * plan.megabytes, plan.rounds)}."
    yield (
        "Below: CPU time of one thread for fallline and for NumPy, the best of "
        f"{plan.rounds} interleaved rounds, printed after their answers were found equal. "
        "'read' is the share of the read bandwidth, measured in the same rounds."
    )
    with threads(1):
        yield from _epochs(plan)
        yield from _gradients(plan)
        yield from _steps(plan)


def _epochs(plan: Plan) -> Iterator[str]:
    yield ""
    yield f"{'one epoch of SGD, rows in order':38}{_HEADER}   per row"
    for loss, dtype, X, y in _problems(plan):
        for batch_size in plan.batch_sizes:
            contest = epoch_contest(
                X, y, loss=loss, batch_size=batch_size, numpy_steps=plan.numpy_steps
            )
            batch = "all" if batch_size is None else batch_size
            name = f"{loss:9} {dtype:8} d={X.shape[1]:<4} batch={batch}"
            yield f"{name:38}{_measure(contest, plan.rounds, reads=X)}"


def _gradients(plan: Plan) -> Iterator[str]:
    yield ""
    yield f"{'loss and gradient of all rows':38}{_HEADER}   per row"
    for loss, dtype, X, y in _problems(plan):
        contest = gradient_contest(X, y, loss=loss)
        name = f"{loss:9} {dtype:8} d={X.shape[1]}"
        yield f"{name:38}{_measure(contest, plan.rounds, reads=X)}"


def _steps(plan: Plan) -> Iterator[str]:
    yield ""
    yield f"{'one step of an update rule':38}{_HEADER}   per weight"
    for rule in RULES:
        for dtype in plan.dtypes:
            for n in plan.weights:
                contest = step_contest(rule, n, dtype)
                name = f"{rule:9} {dtype:8} {n:,} weights"
                yield f"{name:38}{_measure(contest, plan.rounds)}"


def _problems(plan: Plan) -> Iterator[tuple[str, str, FloatArray, FloatArray]]:
    for loss in plan.losses:
        for dtype in plan.dtypes:
            for d in plan.features:
                n = plan.megabytes * 1_000_000 // (d * np.dtype(dtype).itemsize)
                yield loss, dtype, *make_problem(loss, n, d, dtype)


_HEADER = f"{'fallline':>12}{'NumPy':>12}{'ratio':>8}{'GB/s':>8}{'read':>7}"


def _measure(contest: Contest, rounds: int, reads: FloatArray | None = None) -> str:
    """Time a contest, and with it a sum over the same rows, and format the figures."""
    contestants: list[Callable[[], object]] = [contest.fallline, contest.numpy]
    if reads is not None:
        flat = reads.reshape(-1)
        contestants.append(lambda: _core.read_sum(flat))
    calls = max(1, 100_000 // contest.numpy_n) if reads is None else 1
    ours, numpy, *reading = best_times(*contestants, rounds=rounds, calls=calls)
    ours_each, numpy_each = ours / contest.n, numpy / contest.numpy_n
    share = f"{reading[0] / ours:7.0%}" if reading else f"{'':7}"
    return (
        f"{ours_each * 1e9:9.2f} ns{numpy_each * 1e9:9.2f} ns{numpy_each / ours_each:7.1f}x"
        f"{contest.n_bytes / ours / 1e9:8.1f}{share}"
    )
