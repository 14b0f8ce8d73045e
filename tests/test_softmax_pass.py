"""The second-order pass of softmax: sums in the basis of what adds up to zero."""

from typing import Any

import numpy as np
import pytest

import test_newton_pass
from arrays import DType
from fallline import _core
from fallline.solvers.narrow.softmax_objective import helmert
from fallline.typing import Float64Array
from reference_heads import one_hot, softmax_derivative, softmax_value
from sparse_problems import compress
from test_newton_pass import EPS, bits

# Around lines of columns, tiles and parts of rows.
SHAPES = [(37, 1), (37, 7), (37, 8), (37, 26), (63, 3), (64, 3), (65, 3), (513, 9), (1100, 3)]


class Problem:
    """Rows of `test_newton_pass`, classes at random and weights of about 1."""

    def __init__(self, n: int, d: int, K: int, dtype: DType, **options: Any) -> None:
        self.rows = test_newton_pass.problem(n, d, dtype, **options)
        rng = np.random.default_rng([n, d, K])
        self.K, self.y = K, rng.integers(0, K, n).astype(np.float64)
        self.V = rng.normal(size=(K - 1, len(self.rows.u))) / np.sqrt(d + 1)

    def run(self, X: Any = None, **options: Any) -> Any:
        p = self.rows
        options = {"hessian_rows": (0, len(self.y)), "s": p.s, **options}
        margins = np.full(self.K * len(options.get("order", self.y)), np.nan)
        X, s = p.X if X is None else X, options.pop("s")
        sums = _core.softmax_newton_pass(
            X, self.y, s, self.K, self.V.reshape(-1), *p[4:], margins=margins, **options
        )
        return (*sums, margins)

    def check(self, found: Any, rows: Any = slice(None), hessian_rows: Any = slice(None)) -> None:
        """Compare with formulas, up to rounding: of D + K operations in a margin, n in a sum."""
        Z, y, s = self.rows.Z[rows], self.y[rows], self.rows.s[rows]
        n, Q = len(y), helmert(self.K)
        z = Z @ self.V.T @ Q.T
        error = (Z.shape[1] + 2 * self.K + 8) * EPS * np.abs(Z) @ np.abs(self.V).T @ np.abs(Q).T
        off = error.max(axis=1)  # of the margins of a row
        loss, weight, gradient, hessian, margins = found
        assert np.all(np.abs(margins.reshape(self.K, n).T - z) <= error)
        relative = (n + 8 * self.K) * EPS
        # The loss changes by at most twice what its margins do, its derivatives no faster.
        assert abs(loss - s @ softmax_value(z, y)) <= s @ (
            2 * off + relative * (1 + np.log(self.K))
        )
        assert abs(weight - s.sum()) <= relative * s.sum()
        slopes = (s[:, np.newaxis] * softmax_derivative(z, y)) @ Q
        bound = (s * (2 * off + 4 * relative)) @ np.abs(Z)
        assert np.all(np.abs(gradient.reshape(self.V.shape) - slopes.T @ Z) <= bound)
        if hessian is None:
            return
        p = (softmax_derivative(z, y) + one_hot(y, self.K))[hessian_rows]
        Z, s, off = Z[hessian_rows], s[hessian_rows], off[hessian_rows]
        mean = p @ Q
        expected = np.empty((self.K - 1, Z.shape[1], self.K - 1, Z.shape[1]))
        for k in range(self.K - 1):
            for j in range(self.K - 1):
                factor = p @ (Q[:, k] * Q[:, j]) - mean[:, k] * mean[:, j]
                expected[k, :, j] = Z.T @ ((s * factor)[:, np.newaxis] * Z)
        size = np.abs(Z).T @ ((s * (4 * off + 4 * relative))[:, np.newaxis] * np.abs(Z))
        error = np.abs(hessian.reshape(expected.shape) - expected)
        assert np.all(error <= size[np.newaxis, :, np.newaxis])
        assert np.array_equal(hessian, hessian.T)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("K", [2, 3, 6])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_every_shape_has_the_sums_of_the_formulas(
    n: int, d: int, fit_intercept: bool, K: int, dtype: DType
) -> None:
    p = Problem(n, d, K, dtype, fit_intercept=fit_intercept)
    p.check(p.run())
    order = np.random.default_rng(0).integers(0, n, n // 2 + 1)
    end = len(order) // 2
    p.check(p.run(order=order, hessian_rows=(0, end)), order, slice(end))
    without = p.run(hessian_rows=None)
    assert without[3] is None
    assert without[2].tobytes() == p.run()[2].tobytes()


def test_two_classes_are_the_logistic_loss() -> None:
    """Q is (1, -1) / sqrt(2): the margin of the first class over the second is sqrt(2) V x."""
    p = Problem(700, 9, 2, np.dtype(np.float64))
    signs, u = 1.0 - 2.0 * p.y, np.sqrt(2.0) * p.V[0]
    whole: Any = {"hessian_rows": (0, 700)}
    logistic = _core.newton_pass(p.rows.X, signs, p.rows.s, "logistic", u, *p.rows[4:], **whole)
    found = p.run()
    assert found[0] == pytest.approx(logistic[0], rel=1e-13)
    scale = np.abs(logistic[2]).max()
    np.testing.assert_allclose(found[2], np.sqrt(2.0) * logistic[2], atol=1e-13 * scale)
    assert logistic[3] is not None
    np.testing.assert_allclose(found[3], 2.0 * logistic[3], atol=1e-12 * np.abs(found[3]).max())


def test_far_margins_neither_overflow_nor_lose_small_losses() -> None:
    X, zero, one = np.ones((1, 1)), np.zeros(1), np.ones(1)
    for size in (30.0, 1000.0):  # the first class is ahead of the second by sqrt(2) times it
        ahead, close = np.sqrt(2.0) * size, size / np.sqrt(2.0)
        expected = np.log1p(np.exp(-close) + np.exp(-ahead))
        u, y = np.array([size, 0.0]), np.array([0.0])
        sums = _core.softmax_newton_pass(X, y, None, 3, u, zero, one, False)
        assert sums[0] == pytest.approx(expected, rel=1e-12, abs=0.0)
        y = np.array([1.0])
        sums = _core.softmax_newton_pass(X, y, None, 3, u, zero, one, False)
        assert sums[0] == pytest.approx(ahead + expected, rel=1e-12)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_rows_have_the_bits_of_dense_ones(index: Any, dtype: DType) -> None:
    p = Problem(700, 21, 4, dtype)
    X = np.where(np.random.default_rng(0).random(p.rows.X.shape) < 0.2, p.rows.X, 0)
    assert bits(p.run(X)) == bits(p.run(compress(X, dtype, index)))


def test_threads_and_targets_do_not_change_the_bits(dtype: DType) -> None:
    p, found = Problem(5001, 11, 4, dtype), set()
    order = np.random.default_rng(0).permutation(5001)
    for name in [name for name in _core.targets() if name != "baseline"]:
        for n_threads in (1, 2, 3):
            _core.set_target(name)
            _core.set_num_threads(n_threads)
            found.add(bits((*p.run(), *p.run(order=order, s=None))))
    assert len(found) <= 1


@pytest.mark.parametrize("y", [[0.0, 3.0], [0.5, 1.0], [-1.0, 0.0], [np.nan, 0.0]])
def test_what_is_no_number_of_a_class_is_refused(y: list[float]) -> None:
    X, one, u = np.ones((2, 1)), np.ones(1), np.ones(2)
    with pytest.raises(ValueError, match="y must hold numbers of at least 2 classes"):
        _core.softmax_newton_pass(X, np.array(y), None, 3, u, one, one, False)


def test_the_basis_is_orthonormal_and_adds_up_to_zero() -> None:
    Q: Float64Array = helmert(9)
    np.testing.assert_allclose(Q.T @ Q, np.eye(8), atol=1e-15)
    np.testing.assert_allclose(Q.sum(axis=0), 0.0, atol=1e-15)
