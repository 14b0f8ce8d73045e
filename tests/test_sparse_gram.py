"""X' C X of sparse rows as a matrix, and the solver that makes its products of it."""

from typing import Any

import numpy as np
import pytest

from fallline import _core, losses, solvers
from fallline.solvers.wide import gram, truncated_newton
from fallline.typing import Float64Array
from sparse_problems import compress


def whole_numbers(n: int, d: int, dtype: Any = np.float64) -> Float64Array:
    """Rows whose products are exact, some of them and some columns without any element."""
    rng = np.random.default_rng(0)
    X = rng.integers(1, 5, (n, d)) * (rng.random((n, d)) < 0.2)
    X[n // 2], X[:, d // 2] = 0, 0
    return X.astype(dtype)


def dense(triangle: _core.CsrMatrix) -> Float64Array:
    upper = np.zeros(triangle.shape)
    rows = np.repeat(np.arange(len(upper)), np.diff(triangle.indptr))
    upper[rows, triangle.indices] = triangle.data
    return upper


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_triangle_is_half_of_the_matrix(dtype: Any, index: Any) -> None:
    X = whole_numbers(40, 23, dtype)
    c = np.arange(40.0)
    rows = compress(X, dtype)
    rows = _core.CsrMatrix(rows.data, rows.indices.astype(index), rows.indptr.astype(index), 23)
    triangle = _core.sparse_gram(rows, c, 23 * 23)
    assert triangle is not None
    upper, exact = dense(triangle), X.astype(np.float64)
    assert (np.tril(upper, -1) == 0.0).all()
    assert (upper + upper.T == (exact.T * c) @ exact).all()


def test_it_is_given_up_where_it_is_too_large_or_columns_do_not_rise() -> None:
    X, c = compress(whole_numbers(40, 23), np.float64), np.ones(40)
    triangle = _core.sparse_gram(X, c, 23 * 23)
    assert triangle is not None
    assert _core.sparse_gram(X, c, triangle.size) is not None
    assert _core.sparse_gram(X, c, triangle.size - 1) is None
    for columns in ([1, 0], [1, 1]):
        starts = np.array([0, 2], np.int32)
        row = _core.CsrMatrix(np.ones(2), np.array(columns, np.int32), starts, 3)
        assert _core.sparse_gram(row, np.ones(1), 9) is None


def groups(n: int) -> solvers.Problem:
    """Two groups and a number: three elements in each row."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 40, n), rng.integers(0, 20, n)
    X = np.zeros((n, 61))
    X[np.arange(n), first], X[np.arange(n), 40 + second] = 1.0, 1.0
    X[:, 60] = rng.standard_normal(n)
    y = X @ rng.standard_normal(61) + rng.standard_normal(n)
    s = rng.integers(0, 3, n).astype(np.float64)
    loss = losses.Squared()
    return solvers.Problem(compress(X, np.float64), y, s, loss, 1e-5, 0.0, True, 1e-9, 1_000)


def test_least_squares_of_groups_takes_its_products_of_the_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p = groups(20_000)
    found = truncated_newton.solve(p)
    assert found.status == "certified"
    monkeypatch.setattr(gram, "_LONGEST", 0.0)
    of_rows = truncated_newton.solve(p)
    assert found.passes < of_rows.passes
    # Weights whose F is g above the smallest are at most sqrt(2 g / alpha) from the best ones.
    near = sum(np.sqrt(2.0 * each.gap / p.alpha) for each in (found, of_rows))
    assert np.sqrt(np.sum((found.coef - of_rows.coef) ** 2)) <= near
