"""Triangular factors by Householder reflections: backward errors, rank, and what NIST certifies.

Theorem 19.4 of Higham, "Accuracy and Stability of Numerical Algorithms" (2002): R is the exact
factor of A + E for some small E. The best Q for a given R is the orthogonal polar factor of A R',
so the smallest such E is known without the reflections, unless A is nearly of lower rank.
"""

from typing import Any

import numpy as np
import pytest

from data import load
from fallline import _core
from fallline.typing import Float64Array
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

TILE = 256  # rows that go below R at a time
# Around vectors of 8, the 16 columns of a panel and, in rows, the tile.
COLUMNS = [1, 2, 7, 8, 9, 15, 16, 17, 33]
ROWS = [1, 3, 8, 9, 40, 255, 256, 257, 600]
EPS = np.finfo(np.float64).eps

on_every_target = pytest.mark.usefixtures("target")


def random_matrix(rows: int, columns: int, seed: int = 0) -> Float64Array:
    return np.random.default_rng(seed).standard_normal((rows, columns))


def factor(A: Float64Array) -> Float64Array:
    p = A.shape[1]
    return _core.qr_update(np.zeros((p, p)), A)


def backward_bound(rows: int, columns: int, n_tiles: int = 1) -> float:
    """Of the norm of E, relative to that of A.

    A reflection of n numbers rounds twice a sum of n products, and less than 50 times besides;
    every tile has one for each column. The last term is the rounding of the judge's own SVD.
    """
    return float((n_tiles * columns * (2 * rows + 50) / 2 + 10 * columns) * EPS)


def assert_is_factor(R: Float64Array, A: Float64Array, bound: float) -> None:
    assert np.array_equal(R, np.triu(R))
    assert np.all(np.diag(R) >= 0)
    U, _, Vh = np.linalg.svd(A @ R.T, full_matrices=False)
    assert np.linalg.norm(A - U @ Vh @ R) <= bound * np.linalg.norm(A)


@on_every_target
@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("rows", ROWS)
def test_factor_within_the_bound(rows: int, columns: int) -> None:
    A = random_matrix(max(rows, columns), columns)
    n_tiles = -(-len(A) // TILE)
    assert_is_factor(factor(A), A, backward_bound(min(len(A), TILE), columns, n_tiles))


@on_every_target
@pytest.mark.parametrize("columns", COLUMNS)
def test_update_is_the_factor_of_all_rows(columns: int) -> None:
    tiles = [random_matrix(rows, columns, rows) for rows in (3, 40, 1, 300)]
    R = np.zeros((columns, columns))
    for tile in tiles:
        R = _core.qr_update(R, tile)
    assert_is_factor(R, np.concatenate(tiles), backward_bound(TILE, columns, 5))


@on_every_target
def test_factor_of_collinear_columns_within_the_bound() -> None:
    """(A + E)'(A + E) = R'R with each column of E within the bound; Q cannot be known here."""
    A = random_matrix(100, 12) @ random_matrix(12, 20) * 10.0 ** np.linspace(-8, 8, 20)
    R = factor(A).astype(np.longdouble)
    bound, size = backward_bound(100, 20), np.linalg.norm(A, axis=0)
    error = np.abs(R.T @ R - A.T.astype(np.longdouble) @ A)
    assert np.all(error <= bound * (2 + bound) * np.outer(size, size))


@on_every_target
def test_known_factor_of_whole_numbers() -> None:
    A = np.array([[3.0, 6.0], [4.0, 8.0], [0.0, 5.0]])
    assert np.allclose(factor(A), [[5.0, 10.0], [0.0, 5.0]], rtol=0, atol=8 * 10 * EPS)


@on_every_target
@pytest.mark.parametrize("columns", COLUMNS)
def test_calls_of_whole_tiles_give_the_bits_of_one(columns: int) -> None:
    A = random_matrix(700, columns)
    R = factor(A[:TILE])
    for begin in (TILE, 2 * TILE):
        R = _core.qr_update(R, A[begin : begin + TILE])
    assert np.array_equal(R, factor(A))


@on_every_target
def test_rows_of_zeros_change_nothing_and_no_rows_neither() -> None:
    R = factor(random_matrix(30, 9))
    assert np.array_equal(_core.qr_update(R, np.zeros((20, 9))), R)
    assert np.array_equal(_core.qr_update(R, np.empty((0, 9))), R)
    assert _core.qr_update(np.empty((0, 0)), np.empty((5, 0))).shape == (0, 0)


@on_every_target
def test_a_column_of_zeros_stays_one() -> None:
    A = random_matrix(30, 9)
    A[:, 4] = 0
    assert np.array_equal(factor(A)[:, 4], np.zeros(9))


@on_every_target
def test_nan_comes_out_where_it_went_in() -> None:
    A = random_matrix(30, 9)
    A[7, 3] = np.nan
    R = factor(A)
    assert np.all(np.isfinite(R[:, :3]))
    assert np.all(np.isnan(R[3:, 3:][np.triu_indices(6)]))


def certified(name: str) -> tuple[Float64Array, Float64Array, Any]:
    data = load(name)
    ones = [np.ones((len(data.y), 1))] if data.has_intercept else []
    return np.hstack([*ones, data.X]), data.y, data.coef_exact


def wampler1() -> tuple[Float64Array, Float64Array, Any]:
    """NIST's Wampler1: y = 1 + x + ... + x^5 for x = 0 to 20, all coefficients 1."""
    X = np.arange(21.0)[:, None] ** np.arange(6)
    return X, X.sum(axis=1), np.ones(6)


@on_every_target
@pytest.mark.parametrize("name", ["wampler1", "nist_wampler4", "nist_longley", "nist_filip"])
def test_least_squares_keep_the_digits_float64_allows(name: str) -> None:
    X, y, exact = wampler1() if name == "wampler1" else certified(name)
    scale = np.append(np.linalg.norm(X, axis=0), np.linalg.norm(y))
    R = factor(np.ascontiguousarray(np.column_stack([X, y]) / scale))
    p = X.shape[1]
    triangle = np.ascontiguousarray(R[:p, :p].T)
    coef = _core.triangular_solve(triangle, R[:p, p].copy(), transposed=True)
    coef *= scale[p] / scale[:p]
    # The first-order bound of Wedin (1973) for a relative change of p * eps of the data.
    condition = np.linalg.cond(R[:p, :p])
    solution = np.linalg.norm(exact * scale[:p] / scale[p])
    bound = p * EPS * condition * (2 + condition * R[p, p] / solution)
    error = np.linalg.norm((coef - exact) * scale[:p]) / np.linalg.norm(exact * scale[:p])
    assert error <= bound


@on_every_target
@pytest.mark.parametrize("p", [*COLUMNS, 65])
def test_pivoted_factor_of_the_columns_in_their_order(p: int) -> None:
    R = factor(random_matrix(2 * p, p) * 10.0 ** random_matrix(1, p, 1))
    pivoted, order = _core.pivoted_qr(R)
    assert sorted(order) == list(range(p))
    assert_is_factor(pivoted, R[:, order], backward_bound(p, p))
    # No column is larger, in what is left of it, than the one that was taken.
    for k in range(p):
        left = np.linalg.norm(pivoted[k:, k:], axis=0)
        assert np.all(left <= pivoted[k, k] + backward_bound(p, p) * left.max())


@on_every_target
@pytest.mark.parametrize("rank", [0, 1, 5, 11])
def test_pivoting_reveals_the_rank(rank: int) -> None:
    A = random_matrix(100, rank) @ random_matrix(rank, 12, 1)
    pivoted, _ = _core.pivoted_qr(factor(A))
    rounded = 2 * backward_bound(100, 12) * np.linalg.norm(A)  # in two factorisations
    assert list(np.diag(pivoted) > rounded) == [True] * rank + [False] * (12 - rank)


@on_every_target
def test_the_first_of_equal_columns_is_taken() -> None:
    assert list(_core.pivoted_qr(np.eye(5))[1]) == [0, 1, 2, 3, 4]
    assert list(_core.pivoted_qr(np.diag([1.0, 3.0, 2.0, 3.0]))[1]) == [1, 3, 2, 0]
    assert list(_core.pivoted_qr(np.zeros((3, 3)))[1]) == [0, 1, 2]


def everything(p: int) -> bytes:
    R = factor(random_matrix(700, p))
    pivoted, order = _core.pivoted_qr(R)
    return R.tobytes() + pivoted.tobytes() + order.tobytes()


@pytest.mark.parametrize("p", [*COLUMNS, 150])  # at 150 the work is divided
def test_any_number_of_threads_gives_the_same_bits(p: int) -> None:
    same_at_any_number_of_threads(lambda: everything(p))


@pytest.mark.parametrize("p", [*COLUMNS, 150])
def test_all_targets_with_fma_give_the_same_bits(p: int) -> None:
    same_on_all_fma_targets(lambda: everything(p))


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="R must be a square row-major matrix"):
        _core.qr_update(np.ones((2, 3)), np.ones((4, 3)))
    for A in (np.ones((4, 2)), np.ones(3), np.ones((3, 4)).T):
        with pytest.raises(ValueError, match="A must be a row-major matrix with the columns of R"):
            _core.qr_update(np.eye(3), A)
    with pytest.raises(ValueError, match="R must be a square row-major matrix"):
        _core.pivoted_qr(np.ones((3, 2)))
