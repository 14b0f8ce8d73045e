"""Measure side by side: interleaved rounds, one process, the minimum of the rounds."""

import contextlib
import time
from collections.abc import Callable, Iterator

from fallline import _core


def best_times(
    *functions: Callable[[], object],
    rounds: int,
    calls: int = 1,
    clock: Callable[[], float] = time.thread_time,
) -> list[float]:
    """Time functions in turn, A B A B, and return the best of each.

    Parameters
    ----------
    *functions : callable
        What to time, called without arguments.
    rounds : int
        How often each has its turn.
    calls : int, default=1
        Calls in one turn, for functions that are over in microseconds.
    clock : callable, default=time.thread_time
        Clock in seconds. CPU time of this thread is right for work of one thread, as a busy machine
        does not inflate it; use `time.perf_counter` where several threads work.

    Returns
    -------
    seconds : list of float
        Seconds of one call of each function, the minimum over the rounds.

    Examples
    --------
    >>> from fallline.bench.timing import best_times
    >>> short, long = best_times(lambda: sum(range(10)), lambda: sum(range(10_000)), rounds=3)
    >>> short < long
    True
    """
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for i, function in enumerate(functions):
            start = clock()
            for _ in range(calls):
                function()
            best[i] = min(best[i], (clock() - start) / calls)
    return best


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Let the core use `n` threads inside the block.

    Parameters
    ----------
    n : int
        Number of threads, positive.

    Yields
    ------
    None
        The number from before is set again afterwards.
    """
    before = _core.get_num_threads()
    _core.set_num_threads(n)
    try:
        yield
    finally:
        _core.set_num_threads(before)
