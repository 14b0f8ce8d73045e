"""The dense factorisations against the rounding error bounds of Higham (2002).

Theorems 8.5, 10.3 and 10.4 of "Accuracy and Stability of Numerical Algorithms" hold element by
element for any order of the sums, so they hold on every target. Residuals are computed in long
double, whose own error is allowed for where it is no wider than float64.
"""

from typing import Any

import numpy as np
import pytest

from fallline import _core
from fallline.typing import Float64Array
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

# Around vectors of 8, panels of 64 columns and the pairs of strips of a tile.
SIZES = [1, 2, 3, 6, 7, 8, 9, 15, 16, 17, 24, 31, 33, 63, 64, 65, 72, 100, 129, 150]
COLUMNS = [1, 3, 7, 8, 9, 16, 17, 25]

on_every_target = pytest.mark.usefixtures("target")

Wide = np.longdouble


def gamma(k: int, n: int) -> Any:
    """Higham's gamma_k, plus the error of the residual's own sums of n products."""
    rounded = k * np.finfo(np.float64).eps / 2
    return rounded / (1 - rounded) + (n + 2) * np.finfo(Wide).eps


def positive_definite(n: int, seed: int = 0) -> Float64Array:
    X = np.random.default_rng(seed).standard_normal((n + 3, n))
    return X.T @ X


def hilbert(n: int) -> Float64Array:
    return 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1)


def factor(A: Float64Array) -> Float64Array:
    L, pivot = _core.cholesky(A)
    assert pivot == -1
    return L


def assert_is_factor(L: Float64Array, A: Float64Array) -> None:
    """Theorem 10.3: |A - L L'| <= gamma_{n+1} |L| |L'|."""
    n, wide = len(A), L.astype(Wide)
    assert np.array_equal(L, np.tril(L))
    assert np.all(np.diag(L) > 0)
    assert np.all(np.abs(A - wide @ wide.T) <= gamma(n + 1, n) * (np.abs(wide) @ np.abs(wide.T)))


@on_every_target
@pytest.mark.parametrize("n", SIZES)
def test_factor_within_the_bound(n: int) -> None:
    A = positive_definite(n)
    assert_is_factor(factor(A), A)


@on_every_target
@pytest.mark.parametrize("n", [2, 8, 12, 13])  # above that rounding makes them indefinite
def test_hilbert_matrices_within_the_bound(n: int) -> None:
    assert_is_factor(factor(hilbert(n)), hilbert(n))


@on_every_target
@pytest.mark.parametrize("n", SIZES)
def test_scales_far_apart_within_the_bound(n: int) -> None:
    scale = 10.0 ** np.linspace(-60, 60, n)
    A = scale[:, None] * positive_definite(n) * scale
    assert_is_factor(factor(A), A)


@on_every_target
def test_only_the_lower_triangle_is_read() -> None:
    A = positive_definite(75)
    half = np.where(np.tri(75, dtype=bool), A, np.nan)
    assert np.array_equal(factor(half), factor(A))


@on_every_target
def test_known_factor_of_whole_numbers() -> None:
    L = np.tril(np.arange(1.0, 37.0).reshape(6, 6) % 5 + 1)
    assert np.array_equal(factor(L @ L.T), L)


@on_every_target
@pytest.mark.parametrize("n", [1, 7, 9, 65, 130])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, -np.inf])
def test_bad_pivot_is_reported_where_it_is(n: int, value: float) -> None:
    for k in {0, n // 2, n - 1}:
        A = positive_definite(n)
        A[k, k] = value
        L, pivot = _core.cholesky(A)
        assert pivot == k
        assert np.array_equal(L[:k, :k], factor(A[:k, :k].copy()))


@on_every_target
@pytest.mark.parametrize(("n", "rank"), [(9, 4), (70, 3), (100, 66)])
def test_gram_matrix_of_too_few_rows_is_refused(n: int, rank: int) -> None:
    X = np.zeros((rank, n))  # whole numbers, so that the pivots are exactly 0
    X[np.arange(n) % rank, np.arange(n)] = 2.0
    assert _core.cholesky(X.T @ X)[1] == rank


@on_every_target
def test_nan_off_the_diagonal_is_found_at_its_row() -> None:
    A = positive_definite(20)
    A[12, 3] = np.nan
    assert _core.cholesky(A)[1] == 12


@on_every_target
@pytest.mark.parametrize("n", SIZES)
def test_solutions_within_the_bound(n: int) -> None:
    """Theorem 10.4: (A + E) x = b with |E| <= gamma_{3n+1} |L| |L'|."""
    A = positive_definite(n)
    L = factor(A)
    size = np.abs(L).astype(Wide) @ np.abs(L.T)
    for columns in COLUMNS:
        b = np.random.default_rng(1).standard_normal((n, columns))
        x = _core.cholesky_solve(L, b)
        error = np.abs(b - A.astype(Wide) @ x)
        assert np.all(error <= gamma(3 * n + 1, n) * (size @ np.abs(x)))


@on_every_target
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_triangles_within_the_bound(n: int, transposed: bool) -> None:
    """Theorem 8.5: (L + E) x = b with |E| <= gamma_n |L|."""
    L = factor(positive_definite(n))
    T = (L.T if transposed else L).astype(Wide)
    b = np.random.default_rng(1).standard_normal((n, 9))
    x = _core.triangular_solve(L, b, transposed)
    assert np.all(np.abs(b - T @ x) <= gamma(n, n) * (np.abs(T) @ np.abs(x)))


@on_every_target
@pytest.mark.parametrize("columns", COLUMNS)
def test_columns_are_solved_as_if_each_were_alone(columns: int) -> None:
    L = factor(positive_definite(37))
    b = np.random.default_rng(1).standard_normal((37, columns))
    alone = [_core.cholesky_solve(L, b[:, k].copy()) for k in range(columns)]
    assert np.array_equal(_core.cholesky_solve(L, b), np.stack(alone, axis=1))


@on_every_target
def test_the_two_halves_are_the_whole() -> None:
    L = factor(positive_definite(37))
    b = np.random.default_rng(1).standard_normal(37)
    half = _core.triangular_solve(L, b)
    assert np.array_equal(
        _core.triangular_solve(L, half, transposed=True), _core.cholesky_solve(L, b)
    )


@on_every_target
def test_nothing_to_factor_or_to_solve() -> None:
    empty = np.empty((0, 0))
    assert _core.cholesky(empty)[1] == -1
    assert _core.cholesky_solve(empty, np.empty(0)).shape == (0,)
    assert _core.cholesky_solve(factor(positive_definite(5)), np.empty((5, 0))).shape == (5, 0)


def everything(n: int) -> bytes:
    A = positive_definite(n)
    L = factor(A)
    b = np.random.default_rng(1).standard_normal((n, 70))
    return L.tobytes() + _core.cholesky_solve(L, b).tobytes()


@pytest.mark.parametrize("n", [*SIZES, 400])  # at 400 the work is divided
def test_any_number_of_threads_gives_the_same_bits(n: int) -> None:
    same_at_any_number_of_threads(lambda: everything(n))


@pytest.mark.parametrize("n", [*SIZES, 400])
def test_all_targets_with_fma_give_the_same_bits(n: int) -> None:
    same_on_all_fma_targets(lambda: everything(n))


@pytest.mark.parametrize("n", [10, 150])
def test_blocks_do_not_decide_about_bits(n: int) -> None:
    """The leading block of a factor is the factor of the leading block."""
    A = positive_definite(n)
    L = factor(A)
    for k in range(1, n, 7):
        assert np.array_equal(factor(A[:k, :k].copy()), L[:k, :k])


@pytest.mark.parametrize(
    "A", [np.ones((2, 3)), np.ones(4), np.asfortranarray(positive_definite(3)), np.eye(6)[::2, ::2]]
)
def test_matrices_of_another_layout_are_refused(A: Float64Array) -> None:
    with pytest.raises(ValueError, match="A must be a square row-major matrix"):
        _core.cholesky(A)


def test_right_hand_sides_that_do_not_fit_are_refused() -> None:
    for b in (np.ones(4), np.ones((4, 2)), np.ones((2, 3)).T):
        with pytest.raises(ValueError, match="b must be row-major with as many rows as L"):
            _core.cholesky_solve(np.eye(3), b)
    with pytest.raises(ValueError, match="b must be of one or two dimensions"):
        _core.cholesky_solve(np.eye(3), np.ones((3, 1, 1)))
