"""The roofline: how fast this machine reads memory and computes, which no pass can beat."""

import time
from dataclasses import dataclass

import numpy as np

from fallline import _core
from fallline._validation import as_dtype
from fallline.bench.timing import best_times, threads
from fallline.typing import FloatDType


@dataclass(frozen=True)
class ReadBandwidth:
    """Read bandwidth of the memory, in GB/s (1e9 bytes per second).

    Parameters
    ----------
    one_thread : float
        With one thread.
    all_threads : float
        With as many threads as the core was set to use.
    n_threads : int
        That number.
    """

    one_thread: float
    all_threads: float
    n_threads: int

    def __str__(self) -> str:
        text = f"{self.one_thread:.1f} GB/s with one thread"
        if self.n_threads > 1:
            text += f", {self.all_threads:.1f} GB/s with {self.n_threads}"
        return text


def measure_read_bandwidth(megabytes: int = 512, rounds: int = 7) -> ReadBandwidth:
    """Measure how fast the core adds up an array that no cache holds.

    Parameters
    ----------
    megabytes : int, default=512
        Size of the array in 1e6 bytes; several times the last cache.
    rounds : int, default=7
        Interleaved repetitions with one and with all threads; the best of each counts.

    Returns
    -------
    bandwidth : ReadBandwidth
        The measured figures.

    Notes
    -----
    A sum is the fastest use of data that is only read, as training reads its rows: one linear
    stream per thread and nothing written. STREAM's triad writes as well and is the limit of
    something else. Both figures come from the wall clock.

    References
    ----------
    S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
    multicore architectures", Communications of the ACM 52(4), 2009, section 3.

    Examples
    --------
    >>> from fallline.bench.roofline import measure_read_bandwidth
    >>> bandwidth = measure_read_bandwidth(megabytes=8, rounds=2)
    >>> bandwidth.one_thread > 0
    True
    """
    data = np.ones(megabytes * 1_000_000 // 4, np.float32)  # written once, or it is no memory yet
    n_threads = _core.get_num_threads()

    def read_alone() -> None:
        with threads(1):
            _core.read_sum(data)

    def read_together() -> None:
        _core.read_sum(data)

    alone, together = best_times(read_alone, read_together, rounds=rounds, clock=time.perf_counter)
    gigabytes = data.nbytes / 1e9
    return ReadBandwidth(gigabytes / alone, gigabytes / together, n_threads)


def measure_fma_peak(dtype: FloatDType, rounds: int = 7) -> float:
    """Measure how fast one thread multiplies and adds what lies in registers.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.
    rounds : int, default=7
        Repetitions; the best counts.

    Returns
    -------
    gigaflops : float
        In 1e9 operations per second, a multiplication and an addition being two.

    Notes
    -----
    On the target in force: on AVX2 half as much as on AVX-512, where a processor has both.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.roofline import measure_fma_peak
    >>> measure_fma_peak(np.dtype(np.float32), rounds=1) > 0
    True
    """
    n = 1 << 20
    contraction = as_dtype(np.array([0.5, 1.0]), dtype)  # tends to 2, so that no number is slow
    (seconds,) = best_times(lambda: _core.fma_chains(contraction, n), rounds=rounds)
    return 2 * n * (64 // contraction.itemsize) / seconds / 1e9
