"""Coordinate descent by columns, against that on the Hessian."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from fallline import _core
from fallline.solvers.l1.columns import by_column
from fallline.typing import Float64Array

EPS = float(np.finfo(np.float64).eps)

# The shares of an extrapolation grow up to one over the root of what is added to its equations'
# diagonal, 1e-12, and with them the rounding errors.
ROUNDING = 1e6 * EPS


def model(n: int = 40, d: int = 12) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Rows with zeros, slopes that add up to zero, curvatures of which some are zero."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.5)
    X[:, 3], X[:, 4] = X[:, 2], 0.0
    slopes = rng.standard_normal(n) / n
    curvatures = np.maximum(rng.standard_normal(n), 0.0) / n
    return X, slopes - slopes.mean(), curvatures


def csr(X: Float64Array) -> _core.CsrMatrix:
    rows = sparse.csr_array(X)
    return _core.CsrMatrix(rows.data, rows.indices, rows.indptr, rows.shape[1])


def minimum(
    columns: Any,
    slopes: Float64Array,
    curvatures: Float64Array,
    v: Float64Array,
    *,
    fit_intercept: bool = True,
    most_elements: int = 1_000_000,
) -> Any:
    goal = 0.0, 0.0, most_elements
    return _core.column_descent(columns, slopes, curvatures, (0.01, 0.1), fit_intercept, v, goal)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("make", [csr, np.asarray])
def test_the_minimum_is_that_of_the_hessian(make: Any, fit_intercept: bool) -> None:
    X, slopes, curvatures = model()
    before = np.linspace(-0.1, 0.1, 12)
    before[4] = 0.0
    v = before.copy()
    t, intercept, decrease, left, _ = minimum(
        by_column(make(X)), slopes, curvatures, v, fit_intercept=fit_intercept
    )
    total = curvatures.sum()
    centred = X - (curvatures @ X) / total if fit_intercept else X
    H = np.ascontiguousarray(centred.T * curvatures @ centred + 0.1 * np.eye(12))
    g = X.T @ slopes + 0.1 * before
    expected, fallen = _core.l1_quadratic(H, g, np.full(12, 0.01), before)
    assert v == pytest.approx(expected, abs=ROUNDING)
    assert decrease == pytest.approx(fallen, rel=1e-9)
    assert left <= EPS * decrease
    change = X @ (v - before)
    assert intercept == pytest.approx(-(curvatures @ change) / total * fit_intercept, abs=ROUNDING)
    assert t == pytest.approx(change + intercept, abs=ROUNDING)


def test_an_element_that_is_stored_twice_counts_as_the_sum() -> None:
    X, slopes, curvatures = model()
    once, twice = np.zeros(12), np.zeros(12)
    values, rows, starts = columns = by_column(csr(X))
    assert rows is not None
    minimum(columns, slopes, curvatures, once)
    halves = 0.5 * np.repeat(values, 2), np.repeat(rows, 2), 2 * starts
    minimum(halves, slopes, curvatures, twice)
    assert twice == pytest.approx(once, abs=ROUNDING)


def test_it_ends_with_what_it_may_read_and_says_what_is_left() -> None:
    X, slopes, curvatures = model()
    n_elements = np.count_nonzero(X)
    short, exact = np.zeros(12), np.zeros(12)
    columns = by_column(csr(X))
    *_, fallen, left, elements = minimum(columns, slopes, curvatures, short, most_elements=1)
    *_, whole, _, _ = minimum(columns, slopes, curvatures, exact)
    assert n_elements <= elements <= 2 * n_elements
    assert 0.0 < fallen < whole
    assert left > 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"starts": np.array([0, 2, 1])}, "starts must rise"),
        ({"starts": np.array([0, 1, 3])}, "starts must rise"),
        ({"rows": np.array([0, 4], dtype=np.int32)}, "rows must hold numbers of rows"),
        ({"v": np.zeros(3)}, "v must be contiguous and of length 2"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    arrays: dict[str, Any] = {
        "values": np.ones(2),
        "rows": np.array([0, 1], dtype=np.int32),
        "starts": np.array([0, 1, 2]),
        "v": np.zeros(2),
    } | change
    columns = arrays["values"], arrays["rows"], arrays["starts"]
    with pytest.raises(ValueError, match=message):
        minimum(columns, np.zeros(4), np.ones(4), arrays["v"])
