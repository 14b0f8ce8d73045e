"""A logistic epoch on X as it lies: narrow, column-major and strided, beside row-major float32.

NumPy has to convert X first, and is charged for it: a copy of four bytes for each element.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from fallline.bench.contests import Contest
from fallline.bench.core_loop import CoreLoop
from fallline.bench.numpy_loop import NumpyLoop
from fallline.bench.problems import stable_learning_rate
from fallline.typing import DenseMatrix, FloatArray

OPTIONS: dict[str, Any] = {"loss": "logistic", "batch_size": 64}


def bfloat16() -> Any:
    return pytest.importorskip("ml_dtypes").bfloat16


SOURCES: dict[str, Callable[[FloatArray], DenseMatrix]] = {
    "uint8": lambda X: X.astype(np.uint8),
    "float16": lambda X: X.astype(np.float16),
    "bfloat16": lambda X: X.astype(bfloat16()),
    "column-major": np.asfortranarray,
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
}


@lru_cache(maxsize=1)
def problem(n: int, d: int) -> tuple[FloatArray, FloatArray]:
    """Whole numbers that every kind holds, and signs."""
    rng = np.random.default_rng(0)
    X: FloatArray = rng.integers(0, 256, (n, d), np.uint8).astype(np.float32)
    return X, np.where(X[:, 0] > X[:, -1] + 10, np.float32(1), np.float32(-1))


@lru_cache(maxsize=1)
def epochs(source: str, n: int, d: int) -> dict[str, Contest]:
    """The members of a group; those of fallline have come to the same weights."""
    X, y = problem(n, d)
    lying = SOURCES[source](X)
    rate = stable_learning_rate(X, "logistic")
    ours = CoreLoop(lying, y, learning_rate=rate, **OPTIONS)
    plain = CoreLoop(X, y, learning_rate=rate, **OPTIONS)
    ours.epoch()
    plain.epoch()
    assert np.array_equal(ours.coef, plain.coef)

    def convert_and_train() -> None:
        NumpyLoop(np.array(lying, np.float32, order="C"), y, learning_rate=rate, **OPTIONS).epoch()

    span = lying.itemsize * (2 if source == "every other column" else 1)
    return {
        "fallline": Contest(ours.epoch, convert_and_train, n, n, X.size * span),
        "numpy": Contest(ours.epoch, convert_and_train, n, n, X.size * span),
        "row-major": Contest(plain.epoch, convert_and_train, n, n, X.nbytes),
    }


@pytest.mark.parametrize("contestant", ["fallline", "row-major", "numpy"])  # the fastest to change
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("d", [32, 100, 784])
def test_epoch(
    d: int,
    source: str,
    contestant: str,
    sizes: Any,
    measure: Callable[[str, Contest, str], None],
) -> None:
    n = 1_000_000 if d == 32 and sizes.bytes_of_rows > 1_000_000 else sizes.bytes_of_rows // (4 * d)
    contest = epochs(source, max(n, 600), d)[contestant]
    measure(
        f"epoch-{source.replace(' ', '-')}-d{d}-b64",
        contest,
        "numpy" if contestant == "numpy" else "fallline",
    )
