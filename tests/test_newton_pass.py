"""The pass of a second-order step: losses, gradients and Hessians in standardised columns."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import reference_newton
from arrays import DType, eps
from fallline import _core
from fallline.typing import Float64Array
from loss_cases import PARAMETERS, distance_to_kink, exact, has_log_link, targets_near
from reference_losses import LOSSES
from sparse_problems import compress
from test_sources import KINDS, LAYOUTS, numbers

EPS = eps(np.dtype(np.float64))
# Around lines of eight columns and groups of three lines; around tiles of 64 rows and parts of 512.
COLUMNS = [1, 2, 7, 8, 9, 10, 11, 12, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40, 47, 48, 49, 100]
ROWS = [1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1100]
SHAPES = [(37, d) for d in COLUMNS] + [(n, d) for n in ROWS for d in (3, 26)]


class Problem(NamedTuple):
    X: Any
    y: Float64Array
    s: Float64Array
    u: Float64Array
    mean: Float64Array
    inverse_scale: Float64Array
    fit_intercept: bool

    @property
    def Z(self) -> Float64Array:
        return reference_newton.standardized(
            self.X, self.mean, self.inverse_scale, fit_intercept=self.fit_intercept
        )


def problem(
    n: int, d: int, dtype: DType, loss: str = "squared", *, fit_intercept: bool = True
) -> Problem:
    """Columns far from zero and of many sizes; targets that the margins are not far from."""
    rng = np.random.default_rng([n, d])
    scale = 10.0 ** rng.integers(-3, 4, d)
    X = (rng.normal(size=(n, d)) + 5.0) * scale
    y, s = targets_near(loss, rng.normal(size=n)), rng.integers(0, 5, n) / 2
    u = rng.normal(size=d + fit_intercept) / np.sqrt(d + 1)
    mean, inverse_scale = np.asarray(5.0 * scale), np.asarray(1 / scale)
    return Problem(X.astype(dtype), y, s, u, mean, inverse_scale, fit_intercept)


def newton_pass(p: Problem, loss: str, **options: Any) -> reference_newton.NewtonSums:
    """The sums of the core over all rows, or over those of ``options``."""
    options = {"s": p.s, "hessian_rows": (0, len(p.X)), **options}
    n = len(options.get("order", p.X))
    margins, s = np.full(n, np.nan), options.pop("s")
    loss_sum, weight, gradient, hessian = _core.newton_pass(
        p.X,
        p.y,
        s,
        loss,
        p.u,
        p.mean,
        p.inverse_scale,
        p.fit_intercept,
        loss_parameters=PARAMETERS[loss],
        margins=margins,
        **options,
    )
    found: Any = (loss_sum, weight, gradient, hessian, margins)
    return reference_newton.NewtonSums(*found)


def check(
    found: reference_newton.NewtonSums,
    Z: Float64Array,
    y: Float64Array,
    s: Float64Array,
    u: Float64Array,
    loss: str,
    hessian_rows: tuple[int, int] | None = None,
) -> None:
    """Compare with the reference, up to what rounding may do.

    Each of n additions is off by at most half an eps of the sum of magnitudes, and so is each
    product on the baseline; the reference is as good. Standardised rows are the same to the bit.
    """
    n, d = Z.shape
    rows = slice(*(hessian_rows or (0, n)))
    parameters = PARAMETERS[loss]
    expected = reference_newton.newton_sums(
        Z, y, s, u, loss=loss, loss_parameters=parameters, hessian_rows=hessian_rows
    )
    size = np.abs(Z)
    z_error = (d + 4) * EPS * (size @ np.abs(u))
    assert np.all(np.abs(found.margins - expected.margins) <= z_error)

    # Losses and their derivatives at margins off by z_error. Their differences z - y are rounded,
    # as margins off by an eps would be.
    e = exact(loss, expected.margins, y)
    z_error = z_error + EPS * (np.abs(expected.margins) + np.abs(y)) * (1 - has_log_link(loss))
    assert np.all(distance_to_kink(loss, expected.margins, y) > z_error)
    curvature = 1.01 * e.curvature
    value_error = np.abs(e.derivative) * z_error + curvature * z_error**2 + e.value_error(Z.dtype)
    assert abs(found.loss - expected.loss) <= s @ (value_error + (n + 2) * EPS * e.value)
    assert abs(found.weight - expected.weight) <= n * EPS * expected.weight

    derivative_error = curvature * z_error + e.derivative_error(Z.dtype)
    derivative_error += (n + 3) * EPS * np.abs(e.derivative)
    assert np.all(np.abs(found.gradient - expected.gradient) <= size.T @ (s * derivative_error))

    # The third derivative of every loss is at most its second, where it is not a jump.
    curvature_error = curvature * z_error + e.curvature_error(Z.dtype) + (n + 4) * EPS * curvature
    error = size[rows].T @ ((s * curvature_error)[rows, np.newaxis] * size[rows])
    assert np.all(np.abs(found.hessian - expected.hessian) <= error)
    assert np.array_equal(found.hessian, found.hessian.T)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_every_shape_has_the_sums_of_the_reference(
    n: int, d: int, fit_intercept: bool, dtype: DType
) -> None:
    p = problem(n, d, dtype, "logistic", fit_intercept=fit_intercept)
    check(newton_pass(p, "logistic"), p.Z, p.y, p.s, p.u, "logistic")
    check(newton_pass(p, "logistic", s=None), p.Z, p.y, np.ones(n), p.u, "logistic")


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_the_sums_of_the_reference(loss: str, dtype: DType) -> None:
    p = problem(700, 11, dtype, loss)
    check(newton_pass(p, loss), p.Z, p.y, p.s, p.u, loss)


@pytest.mark.usefixtures("target")
def test_without_hessian_rows_there_is_no_hessian_and_the_rest_keeps_its_bits(
    dtype: DType,
) -> None:
    p = problem(700, 21, dtype, "logistic")
    whole, sums = newton_pass(p, "logistic"), newton_pass(p, "logistic", hessian_rows=None)
    assert sums.hessian is None
    assert (sums.loss, sums.weight) == (whole.loss, whole.weight)
    assert np.array_equal(sums.gradient, whole.gradient)
    assert np.array_equal(sums.margins, whole.margins)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("hessian_rows", [(0, 700), (0, 1), (3, 60), (60, 70), (64, 640), (9, 9)])
def test_only_hessian_rows_make_the_hessian(hessian_rows: tuple[int, int], dtype: DType) -> None:
    p = problem(700, 21, dtype, "logistic")
    found = newton_pass(p, "logistic", hessian_rows=hessian_rows)
    check(found, p.Z, p.y, p.s, p.u, "logistic", hessian_rows)


@pytest.mark.usefixtures("target")
def test_an_order_visits_some_rows_some_of_them_twice(dtype: DType) -> None:
    p = problem(700, 21, dtype, "logistic")
    order = np.random.default_rng(0).integers(0, 700, 600)
    found = newton_pass(p, "logistic", order=order, hessian_rows=(100, 500))
    check(found, p.Z[order], p.y[order], p.s[order], p.u, "logistic", (100, 500))
    stored = newton_pass(p, "logistic", order=np.arange(700))
    assert bits(stored) == bits(newton_pass(p, "logistic"))


def bits(found: Any) -> bytes:
    return b"".join(np.asarray(part).tobytes() for part in found)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_source_has_the_bits_of_a_float64_copy(kind: str, layout: str) -> None:
    rng = np.random.default_rng(0)
    for n, d in [(1, 1), (9, 8), (65, 17), (130, 33)]:
        X = numbers(kind, n, d)
        copy = X.astype(np.float64)
        largest = float(np.abs(copy).max()) or 1.0
        p = problem(n, d, np.dtype(np.float64), "logistic")
        p = p._replace(X=copy, mean=rng.normal(size=d), inverse_scale=rng.random(d) / largest)
        own = p._replace(X=LAYOUTS[layout](X))
        assert bits(newton_pass(own, "logistic")) == bits(newton_pass(p, "logistic"))
        order = rng.permutation(n)[: n // 2 + 1]
        found = newton_pass(own, "logistic", order=order)
        assert bits(found) == bits(newton_pass(p, "logistic", order=order))


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_rows_have_the_bits_of_dense_ones(index: Any, dtype: DType) -> None:
    p = problem(700, 21, dtype, "logistic")
    X = np.where(np.random.default_rng(0).random(p.X.shape) < 0.2, p.X, 0)
    dense, sparse = p._replace(X=X), p._replace(X=compress(X, dtype, index))
    order, L = np.arange(3, 700, 2), np.eye(22)
    for options in ({}, {"order": order, "hessian_rows": (3, 90)}):
        n = len(order) if options else 700
        results = []
        for q in (dense, sparse):
            margins = np.empty(n)
            given: dict[str, Any] = {"margins": margins, "hessian_rows": (0, n), **options}
            rest = (q.u, q.mean, q.inverse_scale, q.fit_intercept)
            sums = _core.newton_pass(q.X, q.y, q.s, "logistic", *rest, **given)
            results.append(bits((*sums, margins)))
        assert results[0] == results[1]
    assert _core.leverage_pass(sparse.X, *p[4:], L) == _core.leverage_pass(X, *p[4:], L)


def test_elements_of_one_place_add_up() -> None:
    values, starts = np.array([1.0, 2.0, 5.0]), np.array([0, 2, 3], np.int32)
    X = _core.CsrMatrix(values, np.array([1, 1, 0], np.int32), starts, 2)
    u, zero, one = np.array([1.0, 10.0]), np.zeros(2), np.ones(2)
    margins = np.empty(2)
    _core.newton_pass(X, zero, None, "squared", u, zero, one, False, margins=margins)
    assert margins.tolist() == [30.0, 5.0]


@pytest.mark.parametrize(("n", "d"), [(5001, 3), (5001, 26), (40_001, 7)])
def test_threads_and_targets_do_not_change_the_bits(n: int, d: int, dtype: DType) -> None:
    p = problem(n, d, dtype, "logistic")
    order, found = np.random.default_rng(0).permutation(n), set()
    L = np.tril(np.random.default_rng(1).normal(size=(d + 1, d + 1)) / d) + 3 * np.eye(d + 1)
    for name in [name for name in _core.targets() if name != "baseline"]:
        for n_threads in (1, 2, 3):
            _core.set_target(name)
            _core.set_num_threads(n_threads)
            leverage = _core.leverage_pass(p.X, *p[4:], L, sample_weight=p.s)
            sums = newton_pass(p, "logistic", order=order, hessian_rows=(0, n // 2))
            found.add(bits((*newton_pass(p, "logistic"), *sums, leverage)))
    assert len(found) <= 1
    check(newton_pass(p, "logistic"), p.Z, p.y, p.s, p.u, "logistic")


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_leverages_are_those_of_the_reference(
    n: int, d: int, fit_intercept: bool, dtype: DType
) -> None:
    p = problem(n, d, dtype, fit_intercept=fit_intercept)
    s = np.where(np.arange(n) == n - 1, 1.0, p.s)
    D, rng = d + fit_intercept, np.random.default_rng(d)
    L = np.tril(rng.uniform(-1, 1, (D, D)) / D) + 2 * np.eye(D)
    order = rng.integers(0, n, n // 2 + 1)
    # Substitution solves a matrix off by (D + 1) eps |L| (Higham 2002, theorem 8.5), with unfused
    # products twice that, and what is left is as well-conditioned as |L^-1| |L|; the square doubles
    # it and adds D roundings. The reference solves no better.
    condition = float(np.max(np.abs(np.linalg.inv(L)) @ np.abs(L) @ np.ones(D)))
    for rows in (slice(None), order):
        Z = p.Z[rows][s[rows] > 0]
        given: dict[str, Any] = {} if isinstance(rows, slice) else {"order": rows}
        found = _core.leverage_pass(p.X, *p[4:], L, sample_weight=s, **given)
        bound = np.max(np.sum((np.abs(np.linalg.inv(L)) @ np.abs(Z.T)) ** 2, axis=0, initial=0))
        expected = reference_newton.largest_leverage(Z, L) if len(Z) else 0.0
        assert abs(found - expected) <= 8 * (D + 2) * EPS * condition * bound
    assert _core.leverage_pass(p.X, *p[4:], L, sample_weight=np.zeros(n)) == 0.0


def test_a_leverage_that_is_no_number_is_told() -> None:
    p = problem(700, 5, np.dtype(np.float64))
    p.X[333, 2] = np.nan
    assert np.isnan(_core.leverage_pass(p.X, *p[4:], np.eye(6)))


def test_wrong_arguments_raise_and_nothing_is_converted() -> None:
    p = problem(20, 3, np.dtype(np.float64))
    right: dict[str, Any] = {**p._asdict(), "sample_weight": p.s, "loss": "squared"}
    del right["s"]
    _core.newton_pass(**right)
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (ValueError, {"X": p.X[0]}),
        (ValueError, {"u": p.u[:-1]}),
        (ValueError, {"mean": p.u}),
        (ValueError, {"inverse_scale": p.u}),
        (ValueError, {"y": p.y[:-1]}),
        (ValueError, {"sample_weight": p.s[:-1]}),
        (ValueError, {"loss": "cauchy"}),
        (ValueError, {"order": np.array([0, 20])}),
        (ValueError, {"order": np.array([-1])}),
        (ValueError, {"margins": np.empty(19)}),
        (ValueError, {"loss_parameters": [1.0]}),
        (TypeError, {"order": np.array([0], np.int32)}),
        (TypeError, {"margins": np.empty(20, np.float32)}),
    ]
    wrong += [
        (TypeError, {name: right[name].astype(np.float32)})
        for name in ("y", "sample_weight", "u", "mean", "inverse_scale")
    ]
    for error, change in wrong:
        with pytest.raises(error):
            _core.newton_pass(**{**right, **change})
    for L in (np.eye(3), np.ones(4)):
        with pytest.raises(ValueError, match="L must"):
            _core.leverage_pass(p.X, *p[4:], L)
    with pytest.raises(TypeError):
        _core.leverage_pass(p.X, *p[4:], np.eye(4, dtype=np.float32))
