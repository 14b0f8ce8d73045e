"""Threads, SIMD targets and how this build was made."""

import platform

import numpy as np

from fallline import _core
from fallline._arguments import integer

_MOST_THREADS = 1024


def set_num_threads(n: int) -> None:
    """Set how many threads passes over much data use. Results do not depend on it.

    Parameters
    ----------
    n : int
        Number of threads, at least 1. Before the first call it is OpenMP's own default, which
        follows OMP_NUM_THREADS.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If ``n`` is below 1 or above 1024.
    """
    n = integer("n", n, 1)
    if n > _MOST_THREADS:
        message = f"n must be at most {_MOST_THREADS}, got {n}; more than cores are of no use"
        raise ValueError(message)
    _core.set_num_threads(n)


def get_num_threads() -> int:
    """Return how many threads passes over much data use."""
    return _core.get_num_threads()


def set_target(name: str) -> None:
    """Force the SIMD instructions that fits begun from now on use.

    Parameters
    ----------
    name : {"avx512", "avx2", "neon", "baseline"}
        One that this machine can run. The environment variable FALLLINE_TARGET does the same.

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    ValueError
        If this machine cannot run it.
    """
    if not isinstance(name, str):
        message = f"name must be one of {_core.targets()}, got {name!r}"
        raise TypeError(message)
    _core.set_target(name)


def show_config() -> None:
    """Print versions, compiler, threads and SIMD targets.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.show_config()  # doctest: +ELLIPSIS
    fallline ...
    """
    build = _core.build_info()
    lines = [
        f"fallline {_core.__version__}",
        f"NumPy    {np.__version__}, Python {platform.python_version()}",
        f"compiler {build['compiler']}, OpenMP {build['openmp']}",
        f"targets  {', '.join(_core.targets())}; in use: {_core.get_target()}",
        f"threads  {_core.get_num_threads()}",
    ]
    print("\n".join(lines))  # noqa: T201 printing is its purpose
