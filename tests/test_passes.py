"""Passes over a matrix in the compiled code: margins, sums of losses, gradients, and two reads."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import reference
from arrays import DType, eps
from fallline import _core
from fallline.typing import Float64Array, FloatArray
from loss_cases import PARAMETERS, distance_to_kink, exact, has_log_link, targets_near

# Around whole vectors, one and four of them, and the row lengths at which rows go one by one.
COLUMNS = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100]
COLUMNS += [192, 193, 383, 384, 385, 768, 769, 784, 1536, 1537, 2000]
# Around blocks of 16 rows and tiles of 1024.
ROWS = [1, 7, 8, 15, 16, 17, 1023, 1024, 1025, 3000]
SHAPES = [(37, d) for d in COLUMNS] + [(n, d) for n in ROWS for d in (3, 33)] + [(1025, 400)]
LOSSES = _core.losses()


class Data(NamedTuple):
    X: FloatArray
    y: FloatArray
    s: FloatArray
    w: FloatArray
    b: float


def data(n: int, d: int, dtype: DType, loss: str = "squared") -> Data:
    rng = np.random.default_rng([n, d])
    X, s = rng.normal(size=(n, d)), rng.uniform(0.0, 2.0, n)
    y = targets_near(loss, rng.normal(size=n))
    w = rng.normal(size=d) / np.sqrt(d)
    return Data(X.astype(dtype), y.astype(dtype), s.astype(dtype), w.astype(dtype), 0.375)


def margin_error(X: Float64Array, w: Float64Array, b: float, dtype: DType) -> Float64Array:
    """Bound of the rounding errors of X w + b in the order of row_dot.

    Every lane of the four vectors chains d / (4 lanes) products, and what is left adds two; the
    vectors and then their lanes are added pairwise, the intercept comes last. Each is at most
    half an eps of the sum of magnitudes. Products are rounded too on the baseline, and the
    reference is as good as a float64 sum: one eps instead of half covers both.
    """
    lanes = 64 // dtype.itemsize
    additions = X.shape[1] / (4 * lanes) + 2 + 2 + np.log2(lanes) + 1
    return np.asarray(additions * eps(dtype) * (np.abs(X) @ np.abs(w) + abs(b)))


class Expected(NamedTuple):
    loss: float
    gradient: Float64Array
    intercept: float
    loss_error: float
    gradient_error: Float64Array
    intercept_error: float


def expected_sums(p: Data, loss: str, s: Float64Array) -> Expected:
    """Sums of the reference, and bounds of their errors in ``_core``."""
    unit = eps(p.X.dtype)
    X, y, w = (a.astype(np.float64) for a in (p.X, p.y, p.w))
    z = X @ w + p.b
    z_error = margin_error(X, w, p.b, p.X.dtype)
    e = exact(loss, z, y)
    values, derivatives = e.value, e.derivative
    if not np.isfinite(reference.LOSSES[loss].smoothness):  # the derivative may be a step
        assert np.all(distance_to_kink(loss, z, y) > z_error)
    # The curvature within z_error, or across a kink of the derivative. Differences z - y are
    # rounded, as margins off by an eps would be. Weights: one rounding more.
    z_error = z_error + unit * (np.abs(z) + np.abs(y)) * (1 - has_log_link(loss))
    curvature = np.maximum(1.01 * e.curvature, reference.LOSSES[loss].smoothness)
    curvature = np.where(np.isfinite(curvature), curvature, 1.01 * e.curvature)
    derivative_error = curvature * z_error + e.derivative_error(p.X.dtype)
    derivative_error += unit * np.abs(derivatives)
    value_error = np.abs(derivatives) * z_error + curvature * z_error**2
    value_error += e.value_error(p.X.dtype) + unit * values
    residuals = s * derivatives
    # Sixteen rows' losses are added in the dtype of the data, and the rows of one tile: five
    # additions for every eight rows. Across tiles everything is float64.
    n = len(y)
    chain = 5 * min(n, 1024) / 8 + 8
    double = n * eps(np.dtype(np.float64))
    sizes = np.abs(X).T @ np.abs(residuals)
    return Expected(
        float(np.sum(s * values)),
        X.T @ residuals,
        float(np.sum(residuals)),
        float(s @ (value_error + (5 * unit + double) * values)),
        np.asarray(np.abs(X).T @ (s * derivative_error) + (chain * unit + double) * sizes),
        float(s @ derivative_error + double * np.sum(np.abs(residuals))),
    )


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_margins_are_those_of_numpy(n: int, d: int, dtype: DType) -> None:
    p = data(n, d, dtype)
    got = _core.margins(p.X, p.w, p.b)
    assert got.dtype == dtype
    assert got.shape == (n,)
    X, w = p.X.astype(np.longdouble), p.w.astype(np.longdouble)
    exact = (X @ w + p.b).astype(np.longdouble)
    error = margin_error(p.X.astype(np.float64), p.w.astype(np.float64), p.b, dtype)
    assert np.all(np.abs(got - exact) <= error)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(("n", "d"), SHAPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_sums_and_gradients_are_those_of_the_reference(
    loss: str, n: int, d: int, dtype: DType
) -> None:
    p = data(n, d, dtype, loss)
    for s in (None, p.s):
        e = expected_sums(p, loss, np.ones(n) if s is None else s.astype(np.float64))
        total, gradient, intercept = _core.loss_gradient(
            p.X, p.y, s, loss, p.w, p.b, PARAMETERS[loss]
        )
        assert gradient.dtype == np.float64
        assert gradient.shape == (d,)
        assert abs(total - e.loss) <= e.loss_error
        assert np.all(np.abs(gradient - e.gradient) <= e.gradient_error)
        assert abs(intercept - e.intercept) <= e.intercept_error
        assert _core.loss_sum(p.X, p.y, s, loss, p.w, p.b, PARAMETERS[loss]) == total


def views(X: FloatArray) -> dict[str, FloatArray]:
    """Views equal to X, whose surroundings are NaN."""
    n, d = X.shape
    spread: FloatArray = np.full((2 * n, d), np.nan, X.dtype)
    spread[::2] = X
    wide: FloatArray = np.full((n + 2, d + 8), np.nan, X.dtype)
    wide[1 : n + 1, 3 : d + 3] = X
    backward = X[::-1].copy()
    spread_backward = spread[::-1].copy()
    return {
        "every second row": spread[::2],
        "a slice": wide[1 : n + 1, 3 : d + 3],
        "backward": backward[::-1],
        "every second row, backward": spread_backward[1::2][::-1],
    }


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shape", [(1, 1), (17, 1), (5, 7), (33, 16), (1030, 21), (19, 400)])
def test_views_give_the_bits_of_a_copy_whatever_surrounds_them(
    shape: tuple[int, int], dtype: DType
) -> None:
    p = data(*shape, dtype, "logistic")
    arguments: tuple[Any, ...] = (p.y, p.s, "logistic", p.w, p.b)
    margins = _core.margins(p.X, p.w, p.b)
    loss, gradient, intercept = _core.loss_gradient(p.X, *arguments)
    for name, view in views(p.X).items():
        assert np.array_equal(view, p.X)
        assert np.array_equal(_core.margins(view, p.w, p.b), margins), name
        seen = _core.loss_gradient(view, *arguments)
        assert (seen[0], seen[2]) == (loss, intercept), name
        assert np.array_equal(seen[1], gradient), name
        assert _core.loss_sum(view, *arguments) == loss, name
        assert _core.all_finite(view), name


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("loss", LOSSES)
def test_the_bits_do_not_depend_on_the_threads(loss: str, dtype: DType) -> None:
    p = data(70_001, 5, dtype, loss)  # more tiles than the 64 parts that threads share
    results = []
    for n_threads in (1, 2, 3):
        _core.set_num_threads(n_threads)
        arguments = (p.X, p.y, p.s, loss, p.w, p.b, PARAMETERS[loss])
        total, gradient, intercept = _core.loss_gradient(*arguments)
        margins = _core.margins(p.X, p.w, p.b)
        assert _core.loss_sum(*arguments) == total
        results.append(np.concatenate([[total, intercept], gradient, margins]))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
    e = expected_sums(p, loss, p.s.astype(np.float64))
    assert abs(results[0][0] - e.loss) <= e.loss_error
    assert np.all(np.abs(results[0][2:7] - e.gradient) <= e.gradient_error)


def test_targets_with_fused_multiply_add_agree_to_the_bit(dtype: DType) -> None:
    fused = [name for name in _core.targets() if name != "baseline"]
    if len(fused) < 2:
        pytest.skip("this machine runs fewer than two of them")
    p = data(1030, 77, dtype, "logistic")
    results = []
    for name in fused:
        _core.set_target(name)
        total, gradient, _ = _core.loss_gradient(p.X, p.y, p.s, "logistic", p.w, p.b)
        results.append(np.concatenate([[total], gradient, _core.margins(p.X, p.w, p.b)]))
    assert all(np.array_equal(results[0], result) for result in results[1:])


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (2, 16), (1, 33), (5, 129), (1025, 3)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_all_finite_sees_every_element(shape: tuple[int, int], bad: float, dtype: DType) -> None:
    X = np.full(shape, np.finfo(dtype).max, dtype)  # whose sum would overflow
    assert _core.all_finite(X)
    assert _core.all_finite(-X)
    places = range(X.size) if X.size < 700 else (0, 1, X.size // 2, X.size - 2, X.size - 1)
    for place in places:
        X.flat[place] = bad
        assert not _core.all_finite(X)
        assert all(not _core.all_finite(view) for view in views(X).values())
        X.flat[place] = 0


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("n", [0, 1, 3, 15, 16, 17, 63, 64, 65, 130, 65_535, 65_537, 200_001])
def test_read_sum_is_the_sum(n: int, dtype: DType) -> None:
    x = np.random.default_rng(n).normal(size=n).astype(dtype)
    # Pieces of 65536; each lane of four vectors chains its share, with three more from the end.
    additions = min(n, 1 << 16) * dtype.itemsize / 256 + 4 + 2 + 4
    error = additions * eps(dtype) * float(np.sum(np.abs(x.astype(np.float64))))
    for n_threads in (1, 3):
        _core.set_num_threads(n_threads)
        assert abs(_core.read_sum(x) - float(np.sum(x.astype(np.float64)))) <= error


def wrong_arguments(p: Data) -> list[tuple[type[Exception], dict[str, Any]]]:
    other = np.float32 if p.X.dtype == np.float64 else np.float64
    swapped = p.X.dtype.newbyteorder()
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (ValueError, {"shift": np.zeros(3, p.X.dtype)}),
        (ValueError, {"X": p.X[0]}),
        (ValueError, {"X": p.X[:, :, np.newaxis]}),
        (ValueError, {"w": p.w[:-1]}),
        (ValueError, {"w": np.repeat(p.w, 2)[::2]}),
        (ValueError, {"w": p.w[:, np.newaxis]}),
        (ValueError, {"y": p.y[:-1]}),
        (ValueError, {"y": p.y[:, np.newaxis]}),
        (ValueError, {"y": np.repeat(p.y, 2)[::2]}),
        (ValueError, {"sample_weight": p.s[:-1]}),
        (ValueError, {"loss": "cauchy"}),
    ]
    for name, array in (("X", p.X), ("y", p.y), ("sample_weight", p.s), ("w", p.w)):
        kinds = (other, swapped, np.complex64, np.longdouble)
        wrong += [(TypeError, {name: array.astype(kind)}) for kind in kinds]
        wrong.append((TypeError, {name: array.tolist()}))
    return wrong


def test_wrong_arguments_raise_and_nothing_is_converted(dtype: DType) -> None:
    p = data(9, 4, dtype)
    right: dict[str, Any] = {"X": p.X, "y": p.y, "sample_weight": p.s, "loss": "squared", "w": p.w}
    other = np.float32 if dtype == np.float64 else np.float64
    _core.loss_gradient(**right, intercept=0.0)
    for error, change in wrong_arguments(p):
        for function in (_core.loss_sum, _core.loss_gradient):
            with pytest.raises(error):
                function(**{**right, **change}, intercept=0.0)
        if set(change) <= {"X", "w", "shift"}:
            with pytest.raises(error):
                _core.margins(**{"X": p.X, "w": p.w, **change}, intercept=0.0)
        if set(change) <= {"X"} and getattr(change["X"], "dtype", None) != other:
            with pytest.raises(error):
                _core.all_finite(**change)
    with pytest.raises(ValueError, match="contiguous"):
        _core.read_sum(p.X[:, 0])
    with pytest.raises(TypeError):
        _core.read_sum(p.y.astype(np.int64))  # type: ignore[arg-type]
