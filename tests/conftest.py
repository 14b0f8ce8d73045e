"""Fixtures for tests of the compiled code, and how hypothesis runs."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest

import data
from arrays import DType
from fallline import _core

hypothesis.settings.register_profile(
    "fallline", deadline=None, derandomize=True, max_examples=60, database=None
)
hypothesis.settings.load_profile("fallline")


@pytest.fixture(autouse=True)
def _runtime() -> Iterator[None]:
    """Put back the target and the number of threads that a test may have changed."""
    target, n_threads = _core.get_target(), _core.get_num_threads()
    yield
    _core.set_target(target)
    _core.set_num_threads(n_threads)


@pytest.fixture(params=_core.targets())
def target(request: pytest.FixtureRequest) -> str:
    """Every SIMD target that this machine can run, in force during the test."""
    name = str(request.param)
    _core.set_target(name)
    return name


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> DType:
    return np.dtype(str(request.param))


@pytest.fixture
def torch() -> Iterator[Any]:
    """torch with numbers of its own in float64: it keeps the rate of ASGD in its default dtype."""
    found = pytest.importorskip("torch")
    before = found.get_default_dtype()
    found.set_default_dtype(found.float64)
    yield found
    found.set_default_dtype(before)


@pytest.fixture
def digits_at_hand() -> Iterator[None]:
    """Let the examples that read digits run, on one thread."""
    data.load("mnist10k")
    pytest.importorskip("matplotlib")
    # Products of 64 rows are too small for more: on a busy machine, where threads wait for each
    # other, two take four times as long as one and longer.
    with pytest.importorskip("threadpoolctl").threadpool_limits(1):
        yield
