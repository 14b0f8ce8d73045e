"""The order in which an epoch visits the rows, and that the loop follows it."""

from collections.abc import Iterator, Sequence
from itertools import count, zip_longest
from typing import Any

import numpy as np
import pytest

import reference
from arrays import DType, eps
from fallline import _core
from fallline.typing import Float64Array, IntArray

SEEDS = [0, 3, 2**40 + 3, 2**64 - 1]
# Rows and columns: small data, permuted whole; blocks of 16, 19 and 3276 rows, in eight regions of
# equal or unequal length; runs of one row, of 25 and of 128.
SHAPES = [(1, 5), (203, 2000), (520, 32_768), (531, 32_768), (617, 850), (104_835, 5)]
SHAPES += [(600_007, 1)]
SHUFFLED_BY_ROWS = SHAPES[:2]
SEVERAL_TAKES = 9003  # rows: more than two times what the core writes down of an order at once


def random_words(seed: int, epoch: int, stream: int) -> Iterator[int]:
    """64 random bits at a time."""
    key = (seed % 2**32, seed >> 32)
    for k in count():
        counters = np.arange(1024 * k, 1024 * (k + 1), dtype=np.uint32)[:, np.newaxis]
        rest = np.array([epoch, stream % 2**32, stream >> 32], np.uint32)
        words = reference.philox4x32(
            np.hstack([counters, np.broadcast_to(rest, (1024, 3))]), key
        ).reshape(-1, 2)
        yield from (int(low) | int(high) << 32 for low, high in words)


def shuffled(values: Sequence[Any], seed: int, epoch: int, stream: int) -> list[Any]:
    """Fisher and Yates: the last value changes places with one before it or stays, and so on."""
    values = list(values)
    words = random_words(seed, epoch, stream)
    for i in range(len(values) - 1, 0, -1):
        k = next(words) * (i + 1) >> 64
        values[i], values[k] = values[k], values[i]
    return values


def runs_of(n: int, d: int, seed: int, epoch: int) -> list[list[range]] | None:
    """Runs of 512 bytes, in order, of eight regions; None of data below 32 blocks of 64 KB.

    Rows longer than 1024 features are as if they were not.
    """
    row_bytes = 4 * min(d, 1024)
    run = max(512 // row_bytes, 1)
    block = max(64 * 1024 // row_bytes // run, 1) * run
    if n < 32 * block:
        return None
    streams = []
    for k, region in enumerate(np.array_split(np.arange(n), 8)):
        begin, end = int(region[0]), int(region[-1]) + 1
        starts = shuffled(range(begin, end, block), seed, epoch, k)
        blocks = [range(start, min(start + block, end)) for start in starts]
        streams.append([rows[i : i + run] for rows in blocks for i in range(0, len(rows), run)])
    return streams


def expected_order(shuffle: str, n: int, d: int, seed: int, epoch: int) -> list[int]:
    if shuffle == "none":
        return []  # as stored
    streams = runs_of(n, d, seed, epoch) if shuffle == "blocks" else None
    if streams is None:
        return shuffled(range(n), seed, epoch, 0)
    return [
        row for round_ in zip_longest(*streams, fillvalue=range(0)) for run in round_ for row in run
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shuffle", ["rows", "blocks", "none"])
def test_the_order_is_that_of_an_independent_implementation(shuffle: str, seed: int) -> None:
    for n, d in SHAPES:
        for epoch in (0, 1) if n < 1000 else (2**32 - 1,):
            order = _core.epoch_order(shuffle, n, d, seed, epoch)
            assert order.dtype == np.int64
            assert order.tolist() == expected_order(shuffle, n, d, seed, epoch), (n, d, epoch)


@pytest.mark.parametrize("shuffle", ["rows", "blocks"])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_every_row_comes_once(shuffle: str, n: int, d: int) -> None:
    order = _core.epoch_order(shuffle, n, d, 7, 3)
    assert np.array_equal(np.sort(order), np.arange(n))


@pytest.mark.parametrize(("n", "d"), [(100_000, 30), (3001, 2000)])
def test_a_mini_batch_has_rows_from_everywhere(n: int, d: int) -> None:
    order = _core.epoch_order("blocks", n, d, 7, 3)
    batches = order[: n // 64 * 64].reshape(-1, 64)
    counts = np.array([np.bincount(batch * 8 // n, minlength=8) for batch in batches])
    # A run of rows from each eighth in turn; a short run at the end of a block shifts them by one.
    run = max(512 // (4 * d), 1)
    assert counts.min() >= 64 // 8 - 2 * run
    assert counts.max() <= 64 // 8 + 2 * run


@pytest.mark.parametrize("shape", SHUFFLED_BY_ROWS)
def test_small_data_are_permuted_whole(shape: tuple[int, int]) -> None:
    blocks, rows = (_core.epoch_order(shuffle, *shape, 7, 3) for shuffle in ("blocks", "rows"))
    assert np.array_equal(blocks, rows)


@pytest.mark.parametrize("shuffle", ["rows", "blocks"])
def test_orders_differ_between_epochs_and_seeds(shuffle: str) -> None:
    orders = {
        tuple(_core.epoch_order(shuffle, 203, 2000, seed, epoch).tolist())
        for seed in SEEDS
        for epoch in range(5)
    }
    assert len(orders) == len(SEEDS) * 5
    again = _core.epoch_order(shuffle, 203, 2000, 3, 4)
    assert tuple(again.tolist()) in orders


def test_every_order_of_few_rows_is_equally_likely() -> None:
    n_epochs, n_orders = 12_000, 24
    orders = [tuple(_core.epoch_order("rows", 4, 5, 1, e).tolist()) for e in range(n_epochs)]
    _, frequencies = np.unique(orders, axis=0, return_counts=True)
    expected = n_epochs / n_orders
    assert len(frequencies) == n_orders
    # Chi-squared with 23 degrees of freedom exceeds 60 with a probability of 4e-5.
    assert np.sum((frequencies - expected) ** 2) / expected < 60


def problem(n: int, d: int, dtype: DType) -> tuple[Any, Any, Any]:
    """Rows of length below 1; weights whose sums are exact in any order."""
    rng = np.random.default_rng(n)
    X = rng.uniform(-1.0, 1.0, (n, d)) / np.sqrt(d)
    y = rng.choice([-1.0, 1.0], n)
    return X.astype(dtype), y.astype(dtype), rng.choice([0.5, 1.0, 1.5], n).astype(dtype)


def make_loop(X: Any, y: Any, s: Any, shuffle: str) -> Any:
    kind: Any = _core.LoopFloat32 if X.dtype == np.float32 else _core.LoopFloat64
    return kind(X, y, s, "logistic", "sgd", [], 0.01, 0.001, 0.0, 8, shuffle, 2**40 + 3, True)


def order_of(shuffle: str, n: int, d: int, epoch: int) -> IntArray:
    order = _core.epoch_order(shuffle, n, d, 2**40 + 3, epoch)
    return order if shuffle != "none" else np.arange(n)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shuffle", ["none", "rows", "blocks"])
@pytest.mark.parametrize(("n", "d"), [(203, 2000), (208, 5), (SEVERAL_TAKES, 500)])
def test_the_loop_follows_the_order_to_the_bit(shuffle: str, n: int, d: int, dtype: DType) -> None:
    X, y, s = problem(n, d, dtype)
    loop, lr = make_loop(X, y, s, shuffle), np.full(-(-n // 8), 0.5)
    for epoch in range(3):
        order = order_of(shuffle, n, d, epoch)
        sorted_loop = make_loop(X[order], y[order], s[order], "none")
        sorted_loop.coef, sorted_loop.intercept = loop.coef, loop.intercept
        assert loop.run(lr) == sorted_loop.run(lr)
        assert np.array_equal(loop.coef, sorted_loop.coef)
        assert loop.intercept == sorted_loop.intercept


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shuffle", ["none", "rows", "blocks"])
@pytest.mark.parametrize(("n", "d"), [(203, 2000), (208, 5)])
def test_shuffled_training_is_that_of_the_reference(shuffle: str, n: int, d: int) -> None:
    double = np.dtype(np.float64)
    X, y, s = problem(n, d, double)
    loop, lr = make_loop(X, y, s, shuffle), np.full(-(-n // 8), 0.5)
    w: Float64Array = np.zeros(d)
    b = 0.0
    for epoch in range(3):
        order = order_of(shuffle, n, d, epoch)
        steps, _, _ = loop.run(lr)
        trained = reference.train(
            X[order],
            y[order],
            loss="logistic",
            rule="sgd",
            learning_rates=lr,
            batch_size=8,
            l2=0.01,
            l1=0.001,
            sample_weight=s[order],
            coef=w,
            intercept=b,
        )
        w, b = trained.coef, trained.intercept
        assert steps == len(lr)
        # No step enlarges an error: 0.5 times the second derivative is below 1. What each adds is
        # the rounding of a margin (d / 32 + 8 additions) and of a mean over 8 rows.
        size = 1 + abs(b) + float(np.max(np.abs(w)))
        tolerance = (epoch + 1) * len(lr) * (d / 32 + 24) * eps(double) * size
        assert float(np.max(np.abs(loop.coef - w))) <= tolerance
        assert abs(loop.intercept - b) <= tolerance


def test_an_unknown_order_raises() -> None:
    with pytest.raises(ValueError, match=r"shuffle must be .* got 'sorted'"):
        _core.epoch_order("sorted", 10, 5, 0, 0)
