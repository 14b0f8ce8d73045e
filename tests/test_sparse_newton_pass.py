"""The pass of a second-order step over stored elements alone, in columns that keep their zeros."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import reference
import reference_newton
from arrays import DType
from fallline import _core, losses
from fallline.solvers.narrow.coordinates import coordinates_for
from fallline.typing import Float64Array
from loss_cases import PARAMETERS, targets_near
from reference_losses import LOSSES
from sparse_problems import compress
from test_newton import solve, weights
from test_newton_pass import bits, check

N, D, STORED = 1500, 60, 4


class Rows(NamedTuple):
    """Sparse rows, the same ones with their zeros, and what a pass is given besides."""

    X: _core.CsrMatrix
    filled: Float64Array
    y: Float64Array
    s: Float64Array
    u: Float64Array
    mean: Float64Array
    inverse_scale: Float64Array

    def Z(self, *, fit_intercept: bool) -> Float64Array:
        return reference_newton.standardized(
            self.filled, self.mean, self.inverse_scale, fit_intercept=fit_intercept
        )


def rows(dtype: DType, index: Any = np.int32, loss: str = "logistic") -> Rows:
    """Whole numbers in any order, some of one place; a column without zeros far from 0.

    Three columns have a mean. Some rows are empty.
    """
    rng = np.random.default_rng(0)
    columns, values = rng.integers(0, D, (N, STORED)), rng.integers(1, 9, (N, STORED))
    columns[:, 0] = 7
    values[:, 0] += 2000
    columns[::3] = np.sort(columns[::3], axis=1)  # few others rise
    counts = np.where(np.arange(N) % 50 == 0, 0, STORED)
    kept = counts > 0
    filled = np.zeros((N, D))
    places = (np.repeat(np.flatnonzero(kept), STORED), columns[kept].ravel())
    np.add.at(filled, places, values[kept].ravel())
    X = _core.CsrMatrix(
        values[kept].ravel().astype(dtype),
        columns[kept].ravel().astype(index),
        np.append(0, np.cumsum(counts)).astype(index),
        D,
    )
    mean = np.zeros(D)
    mean[[7, 8, 59]] = 1960.0, 0.5, 0.25
    inverse_scale = np.asarray(2.0 ** rng.integers(-3, 2, D), np.float64)
    inverse_scale[7] = 2.0**-8
    y, s = targets_near(loss, rng.normal(size=N)), rng.integers(0, 5, N) / 2
    return Rows(X, filled, y, s, rng.normal(size=D + 1) / D, mean, inverse_scale)


def newton_pass(r: Rows, loss: str, *, fit_intercept: bool = True, **options: Any) -> Any:
    margins = np.full(len(options.get("order", r.y)), np.nan)
    options = {"hessian_rows": (0, len(margins)), **options}
    sums = _core.newton_pass(
        r.X,
        r.y,
        r.s,
        loss,
        r.u[: D + fit_intercept],
        r.mean,
        r.inverse_scale,
        fit_intercept,
        loss_parameters=PARAMETERS[loss],
        margins=margins,
        **options,
    )
    found: Any = (*sums, margins)
    return reference_newton.NewtonSums(*found)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sums_are_those_of_the_reference(index: Any, fit_intercept: bool, dtype: DType) -> None:
    r = rows(dtype, index)
    Z, u = r.Z(fit_intercept=fit_intercept), r.u[: D + fit_intercept]
    found = newton_pass(r, "logistic", fit_intercept=fit_intercept)
    check(found, Z, r.y, r.s, u, "logistic")
    order = np.random.default_rng(1).permutation(N)[:700]
    found = newton_pass(
        r, "logistic", fit_intercept=fit_intercept, order=order, hessian_rows=(3, 90)
    )
    check(found, Z[order], r.y[order], r.s[order], u, "logistic", (3, 90))


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_the_sums_of_the_reference(loss: str, dtype: DType) -> None:
    r = rows(dtype, loss=loss)
    check(newton_pass(r, loss), r.Z(fit_intercept=True), r.y, r.s, r.u, loss)


@pytest.mark.usefixtures("target")
def test_without_hessian_rows_the_rest_keeps_its_bits(dtype: DType) -> None:
    r = rows(dtype)
    whole, sums = newton_pass(r, "logistic"), newton_pass(r, "logistic", hessian_rows=None)
    assert sums.hessian is None
    assert (sums.loss, sums.weight) == (whole.loss, whole.weight)
    assert np.array_equal(sums.gradient, whole.gradient)
    assert np.array_equal(sums.margins, whole.margins)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_leverages_are_those_of_the_reference_or_a_rounding_more(
    fit_intercept: bool, dtype: DType
) -> None:
    r, width = rows(dtype), D + fit_intercept
    s = np.where(np.arange(N) == N - 1, 1.0, r.s)
    L = np.tril(np.random.default_rng(2).uniform(-1, 1, (width, width)) / width) + 2 * np.eye(width)
    given = (r.X, r.mean, r.inverse_scale, fit_intercept, L)
    Z, eps = r.Z(fit_intercept=fit_intercept), np.finfo(np.float64).eps
    # As with dense rows, and twice what is added: 2 n + width + 4 roundings of the same size.
    inverse = np.abs(np.linalg.inv(L))
    condition = float(np.max(inverse @ np.abs(L) @ np.ones(width)))
    size = np.abs(Z) @ np.sqrt((inverse**2).sum(axis=0))
    bound = np.max((inverse @ np.abs(Z.T)) ** 2) * width
    error = 8 * (width + 2) * eps * condition * bound
    added = 2 * (3 * width + 4) * eps * float(np.max(size**2))
    expected = reference_newton.largest_leverage(Z[s > 0], L)
    found = _core.leverage_pass(*given, sample_weight=s)
    assert expected - error <= found <= expected + error + added
    order = np.random.default_rng(3).permutation(N)[:1200]
    found = _core.leverage_pass(*given, order=order)
    expected = reference_newton.largest_leverage(Z[order], L)
    assert expected - error <= found <= expected + error + added


def test_threads_and_targets_do_not_change_the_bits(dtype: DType) -> None:
    n = 40_001
    rng = np.random.default_rng(0)
    X = compress(rng.integers(1, 9, (n, 50)) * (rng.random((n, 50)) < 0.05), dtype)
    y, u = np.where(rng.random(n) < 0.5, 1.0, -1.0), rng.normal(size=51) / 50
    found = set()
    for name in [name for name in _core.targets() if name != "baseline"]:
        for n_threads in (1, 2, 3):
            _core.set_target(name)
            _core.set_num_threads(n_threads)
            given = (X, y, None, "logistic", u, np.zeros(50), np.ones(50), True)
            leverage = _core.leverage_pass(X, *given[5:], 2 * np.eye(51))
            found.add(bits((*_core.newton_pass(*given, hessian_rows=(0, n)), leverage)))
    assert len(found) <= 1


def test_columns_keep_their_zeros_unless_they_are_few() -> None:
    rng = np.random.default_rng(0)
    filled = rng.integers(1, 4, (N, 4)) * (rng.random((N, 4)) < [0.02, 0.5, 0.9, 1.0]) * 1.0
    filled[:, 3] += 2000.0
    s = rng.uniform(0.5, 1.5, N)
    found = coordinates_for(compress(filled, np.float64), s, fit_intercept=True)
    mean = np.average(filled, axis=0, weights=s)
    variance = np.average((filled - mean) ** 2, axis=0, weights=s)
    assert found.mean[:3].tolist() == [0.0, 0.0, 0.0]
    # N roundings of the sums; those of the squares go on in the difference.
    eps = np.finfo(np.float64).eps
    assert abs(found.mean[3] - mean[3]) <= N * eps * mean[3]
    error = (N + 4) * eps * np.average(filled**2, axis=0, weights=s) / variance
    assert np.all(np.abs(found.inverse_scale * np.sqrt(variance) - 1.0) <= error)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_optimum_is_that_of_the_same_rows_with_their_zeros(fit_intercept: bool) -> None:
    r = rows(np.dtype(np.float64))
    options: dict[str, Any] = {"sample_weight": r.s, "fit_intercept": fit_intercept, "tol": 1e-10}
    stored, filled = (solve(X, r.y, losses.Logistic(), **options) for X in (r.X, r.filled))
    assert stored.status == filled.status == "certified"
    values = [
        reference.objective(
            r.filled, r.y, *weights(at), sample_weight=r.s, loss="logistic", alpha=1e-4
        )
        for at in (stored, filled)
    ]
    # Either is above the minimum by no more than its gap, which allows for all rounding.
    assert -filled.gap <= values[0] - values[1] <= stored.gap
