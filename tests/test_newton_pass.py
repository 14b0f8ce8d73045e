"""The pass of a second-order step: losses, gradients and Hessians in standardised columns."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import reference_newton
from arrays import DType, eps
from fallline import _core
from fallline.typing import DenseMatrix, Float64Array
from loss_cases import PARAMETERS, distance_to_kink, exact, has_log_link, targets_near
from reference_losses import LOSSES

EPS = eps(np.dtype(np.float64))
# Around lines of eight columns and groups of three lines; around tiles of 64 rows and parts of 512.
COLUMNS = [1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40, 47, 48, 49, 100]
ROWS = [1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1100]
SHAPES = [(37, d) for d in COLUMNS] + [(n, d) for n in ROWS for d in (3, 26)]


class Problem(NamedTuple):
    X: DenseMatrix
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
    return Problem(X.astype(dtype), y, s, u, 5.0 * scale, 1 / scale, fit_intercept)


def newton_pass(p: Problem, loss: str, **options: Any) -> reference_newton.NewtonSums:
    """The sums of the core over all rows, or over those of ``options``."""
    options = {"s": p.s, "hessian_rows": (0, len(p.X)), **options}
    n = len(options.get("order", p.X))
    margins, s = np.full(n, np.nan), options.pop("s")
    found = _core.newton_pass(
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
    return reference_newton.NewtonSums(*found, margins)


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
    for a, b in zip(stored, newton_pass(p, "logistic"), strict=True):
        assert np.array_equal(a, b)
