"""Gradients of some rows, stepped exactly: the bits of a dense gradient, whatever else is done."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fallline as fl
from fallline.optim import RowGradient
from optimizer_cases import CASES
from reference_row_gradients import dense
from test_row_gradients import FTRL, OF_ALL_ROWS, of_all

# Rows that begin and end within pieces of 32,768 elements and vectors, and one longer than a piece.
SHAPES = [(50, 7), (6000, 9), (9,), (4, 2, 3), (1, 40_000)]
Make = Callable[..., fl.optim.Optimizer]


def makers() -> dict[str, Make]:
    found: dict[str, Make] = {
        name: lambda of=of, **options: of.make(0.05, 0.1, **options)
        for name, of in (CASES | {"ftrl": FTRL}).items()
    }
    found |= {
        kind.__name__: lambda kind=kind, **options: kind(0.1, **options) for kind in OF_ALL_ROWS[2:]
    }
    return found


def drawn(rng: Any, params: list[Any]) -> tuple[list[Any], list[Any]]:
    """Gradients of some rows and one of all, and those of all that they stand for."""
    grads: list[Any] = []
    for w in params:
        # A dense gradient of 16 bits is rounded where a sum is not: each row once.
        k = len(w) if w.itemsize == 2 or len(w) < 4 else 40
        rows = rng.permutation(len(w))[:40] if w.itemsize == 2 else rng.integers(len(w), size=k)
        values = rng.standard_normal((len(rows), *w.shape[1:])).astype(w.dtype)
        grads.append(RowGradient(rows, values))
    whole = [of_all(g, len(w)) for w, g in zip(params, grads, strict=True)]
    grads[2] = whole[2]
    return grads, whole


def assert_same_bits(some: Any, others: Any) -> None:
    for x, y in zip(some, others, strict=True):
        assert x.tobytes() == y.tobytes()


def assert_exact_is_dense(make: Make, dtype: Any, *, bad: float | None = None) -> None:
    rng = np.random.default_rng(0)
    first, second = make(sparse="exact"), make()
    params = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    others = [w.copy() for w in params]
    for t in range(3):
        grads, whole = drawn(rng, params)
        if bad is not None and t == 1:
            row = grads[1].rows[0]
            grads[1].values[0, 3] = whole[1][row, 3] = bad
        first.step(params, grads)
        second.step(others, whole)
    assert_same_bits(params, others)
    assert (first.steps, first.skipped) == (second.steps, second.skipped)
    states, other_states = first.state_dict(), second.state_dict()
    for key, slots in states["slots"].items():
        assert_same_bits(slots, other_states["slots"][key])
    assert_same_bits(states["memory"], other_states["memory"])
    if first.ema is not None:
        assert_same_bits(first.averaged(params), second.averaged(others))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", makers())
def test_exact_steps_have_the_bits_of_dense_ones(name: str, dtype: Any) -> None:
    assert_exact_is_dense(makers()[name], dtype)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 1.0},
        {"ema": 0.9},
        {"skip_nonfinite": True},
        {"maximize": True},
        {"state_dtype": "bfloat16"},
        {"groups": [{"params": [1, 3], "weight_decay": 0.5}]},
        {"clip_norm": 3.0, "ema": 0.5, "skip_nonfinite": True, "state_dtype": "bfloat16"},
    ],
    ids=lambda options: "-".join(options),
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_so_they_do_with_all_that_a_step_may_do_besides(options: Any, dtype: Any) -> None:
    def make(**of_arrays: Any) -> fl.optim.Optimizer:
        return fl.optim.AdamW(0.1, **options, **of_arrays)

    assert_exact_is_dense(make, dtype, bad=np.inf if "skip_nonfinite" in options else None)


@pytest.mark.parametrize("name", ["Prodigy", "DoWG", "ScheduleFreeAdamW"])
def test_so_they_do_on_narrow_weights_and_sums_over_all(name: str) -> None:
    assert_exact_is_dense(makers()[name], np.float16)
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert_exact_is_dense(makers()[name], ml_dtypes.bfloat16)


@given(
    st.lists(st.integers(0, 5), max_size=12),
    st.sampled_from([(), (1,), (5,), (2, 2)]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
def test_any_rows_have_the_bits_of_the_sums_that_they_stand_for(
    rows: list[int], row: tuple[int, ...], dtype: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((6, *row)).astype(dtype)
    exact, lazy, whole = w.copy(), w.copy(), w.copy()
    values = rng.standard_normal((len(rows), *row)).astype(dtype)
    g = RowGradient(np.array(rows, np.int64), values)
    fl.optim.Adam(0.1, weight_decay=0.1, sparse="exact").step(exact, g)
    fl.optim.Adam(0.1, weight_decay=0.1).step(lazy, g)
    fl.optim.Adam(0.1, weight_decay=0.1).step(whole, dense(rows, values, 6))
    assert exact.tobytes() == whole.tobytes()
    named = np.isin(np.arange(6), rows)
    assert lazy[named].tobytes() == whole[named].tobytes()
    assert lazy[~named].tobytes() == w[~named].tobytes()


@pytest.mark.parametrize("sparse", ["lazy", "exact"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_bits_know_nothing_of_threads(sparse: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    start = rng.standard_normal((30_000, 8)).astype(dtype)
    rows = rng.integers(5000, size=20_000)  # most of them several times
    g = RowGradient(rows, rng.standard_normal((20_000, 8)).astype(dtype))
    found = set()
    for threads in (1, 2, 3):
        fl.set_num_threads(threads)
        w, optimizer = start.copy(), fl.optim.AdamW(0.1, clip_norm=10.0, sparse=sparse)
        for _ in range(3):
            optimizer.step(w, g)
        found.add(w.tobytes())
    assert len(found) == 1


def test_without_rows_an_exact_step_is_one_with_a_gradient_of_zero() -> None:
    w, whole = np.ones((3, 2)), np.ones((3, 2))
    first, second = fl.optim.AdamW(0.1, sparse="exact"), fl.optim.AdamW(0.1)
    for g in (np.array([1]), np.zeros(0, np.int64)):
        first.step(w, RowGradient(g, np.ones((len(g), 2))))
        second.step(whole, dense(g.tolist(), np.ones((len(g), 2)), 3))
    assert w.tobytes() == whole.tobytes()
    assert first.steps == 2
