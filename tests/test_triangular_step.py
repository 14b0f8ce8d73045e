"""Least squares of nearly dependent columns, against solutions of 60 digits."""

from typing import Any

import mpmath
import numpy as np
import pytest

import data
import fallline as fl
from fallline.typing import Float64Array

EPS = float(np.finfo(np.float64).eps)
N, D = 120, 6


def problem(condition: float, seed: int) -> tuple[Float64Array, Float64Array]:
    """Columns of any size whose centred and scaled condition is about that, and targets."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.standard_normal((N, D)))[0]
    right = np.linalg.qr(rng.standard_normal((D, D)))[0]
    X = (left * np.logspace(0.0, -np.log10(condition), D)) @ right.T
    y = X @ rng.standard_normal(D) + 1e-3 * rng.standard_normal(N)
    return X * 10.0 ** rng.integers(-4, 5, D), y


class Exact:
    """The minimum of F for these very floats."""

    def __init__(self, X: Float64Array, y: Float64Array, alpha: float = 0.0) -> None:
        with mpmath.workdps(60):
            rows = [[mpmath.mpf(float(x)) for x in row] + [mpmath.mpf(1)] for row in X]
            self.A = mpmath.matrix(rows)
            self.b = mpmath.matrix([mpmath.mpf(float(t)) for t in y])
            self.alpha = mpmath.mpf(alpha)
            H = self.A.T * self.A / len(y)
            for j in range(X.shape[1]):
                H[j, j] += self.alpha
            self.w = mpmath.lu_solve(H, self.A.T * self.b / len(y))
            self.smallest = self.value(self.w)

    def value(self, w: Any) -> Any:
        r = self.A * w - self.b
        squares = sum(t * t for t in r) / len(self.b)
        return (squares + self.alpha * sum(w[j] ** 2 for j in range(len(w) - 1))) / 2

    def gap(self, fit: fl.Fit) -> float:
        with mpmath.workdps(60):
            w = mpmath.matrix([mpmath.mpf(float(t)) for t in (*fit.coef, fit.intercept)])
            return float(self.value(w) - self.smallest)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("condition", [1e3, 1e6, 1e8, 1e9, 1e10, 1e11])
def test_the_digits_that_the_condition_leaves(condition: float, seed: int) -> None:
    X, y = problem(condition, seed)
    fit = fl.Trainer(fl.losses.Squared()).fit(X, y)
    exact = Exact(X, y)
    assert fit.status == "certified"
    # The tolerance, with a tenth for roundings.
    allowed = 1.1e-6 * max(fit.report["value"], 1e-3 * fit.report["null_value"])
    assert exact.gap(fit) <= fit.gap <= allowed
    w = np.array([float(t) for t in exact.w][:-1])
    # Wedin (1973): a backward error of some D eps, with residuals of 1e-3 of y.
    sizes = np.linalg.norm(X - X.mean(axis=0), axis=0)
    error = np.linalg.norm((fit.coef - w) * sizes) / np.linalg.norm(w * sizes)
    assert error <= 100 * D * EPS * condition * (1.0 + 1e-3 * condition * 1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_weights_sparse_rows_and_ridge_are_the_same_problem(seed: int) -> None:
    X, y = problem(1e9, seed)
    s = np.random.default_rng(seed).integers(0, 4, N)
    repeated = fl.Trainer(fl.losses.Squared()).fit(np.repeat(X, s, axis=0), np.repeat(y, s))
    weighed = fl.Trainer(fl.losses.Squared()).fit(X, y, sample_weight=s.astype(np.float64))
    exact = Exact(np.repeat(X, s, axis=0), np.repeat(y, s))
    sparse = pytest.importorskip("scipy.sparse").csr_array(X)
    of_sparse = fl.Trainer(fl.losses.Squared()).fit(sparse, y, sample_weight=s.astype(np.float64))
    for fit in (repeated, weighed, of_sparse):
        assert fit.status == "certified"
        assert exact.gap(fit) <= fit.gap
    alpha = 1e-16 * float(np.square(X).mean())
    ridge = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(alpha)).fit(X, y)
    assert ridge.status == "certified"
    assert Exact(X, y, alpha).gap(ridge) <= ridge.gap


def test_exact_combinations_have_the_shortest_weights() -> None:
    X, y = problem(1e7, 0)
    X = X / np.linalg.norm(X, axis=0)
    double = np.column_stack([X, X[:, :2]])
    fit = fl.Trainer(fl.losses.Squared()).fit(double, y)
    alone = fl.Trainer(fl.losses.Squared()).fit(X, y)
    assert fit.status == "estimated"
    assert "on by reflections" in fit.report["events"][0]
    assert fit.report["value"] <= alone.report["value"] * (1.0 + 1e-9)
    # A column and its copy share the weight, to the digits of the weights.
    allowed = 1e3 * EPS * 1e7 * np.abs(fit.coef).max()
    assert np.abs(fit.coef[:2] - fit.coef[D:]).max() <= allowed


def test_bits_know_nothing_of_threads_and_layout() -> None:
    X, y = problem(1e9, 0)
    found = set()
    for threads in (1, 2, 3):
        fl.set_num_threads(threads)
        for rows in (X, np.asfortranarray(X)):
            fit = fl.Trainer(fl.losses.Squared()).fit(rows, y)
            found.add((fit.coef.tobytes(), fit.intercept, fit.gap))
    assert len(found) == 1


@pytest.mark.parametrize(("name", "digits"), [("filip", 7.0), ("longley", 10.9), ("wampler4", 7.7)])
def test_certified_digits_of_nist(name: str, digits: float) -> None:
    """As many as numpy.linalg.lstsq keeps of columns that are scaled to at most 1."""
    stored = data.load(f"nist_{name}")
    fit = fl.Trainer(fl.losses.Squared()).fit(stored.X, stored.y)
    exact = stored.coef_exact
    assert exact is not None
    relative = np.abs(np.append(fit.intercept, fit.coef) - exact) / np.abs(exact)
    assert fit.status == "certified"
    assert relative.max() <= 10.0**-digits
