"""Kernels at awkward lengths and addresses, among NaNs: nothing depends on where arrays begin.

What they compute is judged elsewhere; here every result has to be that of other addresses, to the
bit, and where no sum of integers is rounded that of NumPy.
"""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from arrays import LENGTHS, OFFSETS, DType
from fallline import _core
from fallline.typing import Float64Array, FloatArray
from loss_cases import PARAMETERS

N_SAMPLES = 19  # a block of 16 rows and 3 more
GAP = 5  # NaNs between the rows


def among_nans(values: Float64Array, dtype: DType, offset: int) -> FloatArray:
    """A copy of a vector or a matrix that begins ``offset`` elements into a buffer of NaNs."""
    rows = values.reshape(-1, values.shape[-1])
    length, stride = rows.shape[1], rows.shape[1] + GAP
    buffer: FloatArray = np.full(offset + len(rows) * stride, np.nan, dtype)
    view = buffer[offset:].reshape(len(rows), stride)[:, :length]
    view[:] = rows
    return view if values.ndim == 2 else view[0]


def data(d: int, dtype: DType, offset: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows, targets and sample weights, each at another address."""
    rng = np.random.default_rng(d)
    return (
        among_nans(rng.normal(size=(N_SAMPLES, d)), dtype, offset),
        among_nans(rng.choice([-1.0, 1.0], N_SAMPLES), dtype, (offset + 1) % 4),
        among_nans(rng.uniform(0.5, 2.0, N_SAMPLES), dtype, (offset + 2) % 4),
    )


def joined(*results: Any) -> bytes:
    return b"".join(np.asarray(result).tobytes() for result in results)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("d", LENGTHS)
def test_sums_over_rows_of_integers_are_exact(d: int, offset: int, dtype: DType) -> None:
    rng = np.random.default_rng(d)
    rows, coef = rng.integers(-2, 3, (N_SAMPLES, d)), rng.integers(-1, 2, d)
    targets, weights = rng.integers(-3, 4, N_SAMPLES), rng.integers(0, 4, N_SAMPLES)
    X, y, s, w = (
        among_nans(a.astype(float), dtype, offset) for a in (rows, targets, weights, coef)
    )
    margins = rows @ coef + 3
    assert np.array_equal(_core.margins(X, w, 3.0), margins)
    loss, gradient, intercept = _core.loss_gradient(X, y, s, "squared", w, 3.0)
    residuals = weights * (margins - targets)
    assert 2 * loss == residuals @ (margins - targets)
    assert np.array_equal(gradient, rows.T @ residuals)
    assert intercept == np.sum(residuals)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("loss", _core.losses())
def test_passes_have_the_same_bits_at_every_address(loss: str, dtype: DType) -> None:
    for d in LENGTHS:
        found = set()
        for offset in OFFSETS:
            X, y, s = data(d, dtype, offset)
            w = among_nans(np.random.default_rng(0).normal(size=d), dtype, 3 - offset)
            sums = _core.loss_gradient(X, y, s, loss, w, 0.25, PARAMETERS[loss])
            assert _core.loss_sum(X, y, s, loss, w, 0.25, PARAMETERS[loss]) == sums[0]
            found.add(joined(*sums, _core.margins(X, w, 0.25)))
        assert len(found) == 1, d


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
def test_loops_have_the_same_bits_at_every_address(rule: str, dtype: DType) -> None:
    kind: Any = _core.LoopFloat32 if dtype == np.float32 else _core.LoopFloat64
    rates = np.full(6, 0.1)
    for d in LENGTHS:
        found = set()
        for offset in OFFSETS:
            loop = kind(
                *data(d, dtype, offset),
                loss="logistic",
                rule=rule,
                parameters=[0.7] * _core.rules()[rule][1],
                l2=0.01,
                l1=0.02,
                weight_decay=0.03,
                batch_size=8,
                shuffle="rows",
                seed=0,
                fit_intercept=True,
            )
            assert loop.run(rates)[0] == len(rates)
            found.add(joined(loop.coef, loop.intercept))
        assert len(found) == 1, d


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("state_dtype", [None, "bfloat16"])
@pytest.mark.parametrize("n", [1000, 1024, 1039, 33_000])
def test_steps_over_long_arrays_have_the_same_bits_at_every_address(
    n: int, state_dtype: str | None, dtype: DType
) -> None:
    values, found = np.random.default_rng(n).normal(size=n), set()
    for offset in range(16):  # all places in a line of 64 bytes
        w, g = among_nans(values, dtype, offset), among_nans(values, dtype, 5 * offset % 16)
        adam = fl.optim.AdamW(0.1, ema=0.9, clip_norm=1.0, state_dtype=state_dtype)
        for _ in range(2):
            adam.step(w, g)
        assert w.base is not None
        assert np.count_nonzero(np.isnan(w.base)) == w.base.size - n
        found.add(joined(w, adam.averaged(w)))
    assert len(found) == 1


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("function", _core.functions())
def test_functions_have_the_bits_of_a_long_array(function: str, offset: int, dtype: DType) -> None:
    x = np.random.default_rng(0).uniform(0.0, 1.0, 200)
    expected = _core.evaluate(function, x.astype(dtype))
    for n in LENGTHS:
        got = _core.evaluate(function, among_nans(x[:n], dtype, offset))
        assert np.array_equal(got, expected[:n]), n


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("offset", OFFSETS)
def test_reads_see_their_own_elements_only(offset: int, dtype: DType) -> None:
    for n in LENGTHS:
        whole = np.random.default_rng(n).integers(-50, 51, n).astype(float)
        x = among_nans(whole, dtype, offset)
        assert _core.read_sum(x) == np.sum(whole)
        assert _core.all_finite(x[np.newaxis])
        for place in range(n):
            x[place] = np.inf
            assert not _core.all_finite(x[np.newaxis])
            x[place] = 0.0
