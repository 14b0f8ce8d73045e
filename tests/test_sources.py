"""Every kind of element in every layout: read in place, with the bits of a row-major copy."""

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline import _core
from fallline.typing import DenseMatrix, FloatArray

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

SOURCES = {kind: np.dtype(dtype) for kind, dtype in _core.sources().items()}
KINDS = [kind for kind in SOURCES if kind != "bfloat16" or importlib.util.find_spec("ml_dtypes")]

# Rows and columns: around whole vectors of both dtypes, squares and blocks, more than a tile, more
# than a window, and a row that the tile kernel takes alone.
SHAPES = [(1, 1), (7, 2), (8, 7), (9, 8), (15, 15), (16, 16), (17, 17), (65, 33), (1025, 3)]
SHAPES += [(2050, 65), (40, 784)]


def kind_of(name: str) -> np.dtype[Any]:
    if name == "bfloat16":
        import ml_dtypes

        name = ml_dtypes.bfloat16
    return np.dtype(name)


def numbers(kind: str, n: int, d: int) -> DenseMatrix:
    """Numbers of both signs and many sizes, as far as the kind has them."""
    rng = np.random.default_rng([n, d])
    dtype = kind_of(kind)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, (n, d), dtype, endpoint=True)
    if dtype.kind == "b":
        return rng.integers(0, 2, (n, d)).astype(bool)
    return rng.normal(size=(n, d)).astype(dtype)


def unaligned(X: DenseMatrix) -> DenseMatrix:
    """Elements at odd addresses."""
    buffer = np.zeros(X.nbytes + 1, np.uint8)[1:]
    array: DenseMatrix = buffer.view(X.dtype).reshape(X.shape)
    array[:] = X
    return array


def between(X: DenseMatrix) -> DenseMatrix:
    """Rows within longer rows."""
    wide = np.ones((X.shape[0], X.shape[1] + 5), X.dtype)
    wide[:, 2:-3] = X
    view: DenseMatrix = wide[:, 2:-3]
    return view


LAYOUTS: dict[str, Callable[[DenseMatrix], DenseMatrix]] = {
    "rows": np.ascontiguousarray,
    "rows of wider rows": between,
    "rows backwards": lambda X: X[::-1].copy()[::-1],
    "rows unaligned": unaligned,
    "columns": np.asfortranarray,
    "columns of longer columns": lambda X: between(X.T).T,
    "columns unaligned": lambda X: unaligned(X.T).T,
    "columns backwards": lambda X: np.asfortranarray(X[:, ::-1])[:, ::-1],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "every other row of columns": lambda X: np.asfortranarray(np.repeat(X, 2, axis=0))[::2],
    "backwards": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
}


def copied(X: DenseMatrix) -> FloatArray:
    return np.array(X, SOURCES[str(X.dtype)], order="C")


def problem(kind: str, n: int, d: int) -> tuple[DenseMatrix, FloatArray, FloatArray, FloatArray]:
    """Rows, targets, sample weights, and weights that keep the margins small."""
    X, dtype = numbers(kind, n, d), SOURCES[kind]
    rng = np.random.default_rng(d)
    largest = float(np.abs(copied(X)).max()) or 1.0
    w = rng.normal(size=d) / largest / d
    return X, rng.choice([-1, 1], n).astype(dtype), rng.random(n).astype(dtype), w.astype(dtype)


def passes(X: DenseMatrix, y: FloatArray, s: FloatArray, w: FloatArray, **options: Any) -> bytes:
    loss, gradient, intercept = _core.loss_gradient(X, y, s, "logistic", w, 0.25, **options)
    assert _core.loss_sum(X, y, s, "logistic", w, 0.25, **options) == loss
    margins = _core.margins(X, w, 0.25, **options)
    return b"".join(np.asarray(a).tobytes() for a in (loss, gradient, intercept, margins))


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_passes_have_the_bits_of_a_row_major_copy(kind: str, layout: str) -> None:
    for n, d in SHAPES:
        X, y, s, w = problem(kind, n, d)
        rows = LAYOUTS[layout](X)
        assert np.array_equal(rows, X)
        assert passes(rows, y, s, w) == passes(copied(X), y, s, w), (n, d)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_shift_has_the_bits_of_a_shifted_copy(kind: str, layout: str) -> None:
    for n, d in [(17, 1), (65, 16), (1025, 33)]:
        X, y, s, w = problem(kind, n, d)
        shift = np.random.default_rng(n).normal(size=d).astype(SOURCES[kind])
        rows = LAYOUTS[layout](X)
        assert passes(rows, y, s, w, shift=shift) == passes(copied(rows) - shift, y, s, w)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in {"float16", "bfloat16"}])
def test_every_number_of_16_bits_is_converted_exactly(kind: str) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16).view(kind_of(kind))
    with np.errstate(invalid="ignore"):  # signalling NaNs
        expected = bits.astype(np.float32)
    one = np.ones(1, np.float32)
    for view in (bits.reshape(-1, 1), np.repeat(bits, 2).reshape(-1, 2)[:, :1]):
        assert np.array_equal(_core.margins(view, one, 0.0), expected, equal_nan=True)
    columns = bits.reshape(32, -1).T
    for j in range(32):  # 0 * infinity is NaN: no other column may have one
        alone = np.where(np.arange(32) == j, columns, kind_of(kind).type(0))
        found = _core.margins(np.asfortranarray(alone), np.ones(32, np.float32), 0.0)
        assert np.array_equal(found, expected[j * 2048 : (j + 1) * 2048], equal_nan=True)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "float" in kind])
def test_all_finite_sees_every_element(kind: str, layout: str) -> None:
    X = numbers(kind, 19, 18)
    assert _core.all_finite(LAYOUTS[layout](X))
    for place, bad in zip(range(X.size), [np.nan, np.inf, -np.inf] * X.size, strict=False):
        before, X.flat[place] = X.flat[place], bad
        assert not _core.all_finite(LAYOUTS[layout](X)), place
        X.flat[place] = before


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "float" in kind])
def test_what_is_not_finite_is_refused_with_its_place(kind: str, layout: str) -> None:
    X = numbers(kind, 40, 3)
    X[29, 1] = np.inf
    with pytest.raises(ValueError, match="X must be finite, got inf at row 29, column 1"):
        fit(LAYOUTS[layout](X), np.ones(40))


@pytest.mark.parametrize("kind", KINDS)
def test_divergence_is_told_of_every_kind(kind: str) -> None:
    X, y, *_ = problem(kind, 200, 3)
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(1e3), epochs=3)
    with pytest.raises(fl.DivergenceError, match=r"standardize X \(column \d spans"):
        trainer.fit(np.asfortranarray(X), y)


def fit(X: DenseMatrix, y: FloatArray, **options: Any) -> fl.Fit:
    trainer = fl.Trainer(
        fl.losses.Logistic(), optimizer=fl.optim.Adam(1e-2), **({"epochs": 2} | options)
    )
    return trainer.fit(X, y, sample_weight=np.arange(len(y)) % 3)


def everything(fitted: fl.Fit) -> bytes:
    results = (fitted.coef, fitted.intercept, fitted.history["running_loss"])
    return b"".join(np.asarray(result).tobytes() for result in results)


@pytest.mark.parametrize("shuffle", ["blocks", "rows", False])
@pytest.mark.parametrize("layout", ["rows", "columns", "every other column"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_has_the_bits_of_that_on_a_copy(kind: str, layout: str, shuffle: Any) -> None:
    X, y, *_ = problem(kind, 1500, 21)
    if X.dtype.kind in "iu":
        X //= np.iinfo(X.dtype).max // 4 + 1  # small numbers, or the steps overflow
    rows = LAYOUTS[layout](X)
    for batch_size in (7, 64, 1100, None):
        options = {"batch_size": batch_size, "shuffle": shuffle}
        own, other = fit(rows, y, **options), fit(copied(X), y, **options)
        assert everything(own) == everything(other), batch_size
        assert own.report["copied_bytes"] == 0
        assert own.coef.dtype == SOURCES[kind]
        assert np.array_equal(own.decision_function(rows), other.decision_function(copied(X)))


@pytest.mark.parametrize("layout", ["rows", "columns", "every other column"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_threads_gives_the_same_bits(kind: str, layout: str) -> None:
    X, y, s, w = problem(kind, 70_001, 9)  # more tiles than parts
    rows, found = LAYOUTS[layout](X), set()
    for threads in (1, 2, 3):
        _core.set_num_threads(threads)
        found.add(passes(rows, y, s, w))
    assert found == {passes(copied(X), y, s, w)}
