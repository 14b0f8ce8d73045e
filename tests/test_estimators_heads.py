"""Estimators of several classes or targets against scikit-learn's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, linear_model

import fallline as fl
from data import load, load_sparse
from problems import problem
from reference_heads import softmax_value


def objective(model: Any, X: Any, y: Any, C: float = 1.0) -> float:
    """F of DESIGN: scikit-learn's divided by C n."""
    losses = softmax_value(X @ model.coef_.T + model.intercept_, y)
    return float(np.mean(losses) + 0.5 * np.sum(model.coef_**2) / (C * len(y)))


@pytest.mark.parametrize("load", [datasets.load_iris, datasets.load_wine, datasets.load_digits])
def test_real_classes_have_the_optimum_of_newton_cholesky(load: Callable[..., Any]) -> None:
    X, y = load(return_X_y=True)
    model = fl.LogisticRegression().fit(X, y)
    peer = linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert model.status_ == "certified"
    assert model.gap_ <= 1.01e-6 * objective(model, X, y)
    assert model.coef_.shape == peer.coef_.shape
    assert model.intercept_.shape == peer.intercept_.shape
    assert model.n_iter_.shape == peer.n_iter_.shape
    # The peer's F is above the smallest as well, so that the difference is within our gap.
    assert objective(model, X, y) - objective(peer, X, y) <= model.gap_
    close = fl.LogisticRegression(tol=1e-13).fit(X, y)
    # F is that flat: a gap of eps is an error of its root over that of the curvature 1 / n.
    np.testing.assert_allclose(close.coef_, peer.coef_, atol=1e-5)
    np.testing.assert_allclose(close.predict_proba(X), peer.predict_proba(X), atol=1e-6)
    assert np.array_equal(close.predict(X), peer.predict(X))


@pytest.mark.parametrize("name", ["mnist10k", "r8"])
def test_thousands_of_weights_have_the_optimum_of_scikit_learn(name: str) -> None:
    X, y = load_sparse(name) if name == "r8" else load(name)[:2]
    X, y, C, tol = X[::10] / np.abs(X).max(), y[::10], 0.1, 1e-5
    model = fl.LogisticRegression(C=C).fit(X, y)
    peer = linear_model.LogisticRegression(C=C, tol=tol, max_iter=1000).fit(X, y)
    codes = np.unique(y, return_inverse=True)[1]
    found, other = (objective(at, X, codes, C) for at in (model, peer))
    assert model.status_ == "certified"
    assert model.report_["method"].startswith("L-BFGS")
    assert model.gap_ <= 1.01e-6 * found
    assert found - other <= model.gap_
    # lbfgs ends where no entry of the gradient is above its tolerance: F is then off by no more
    # than the square of the gradient's length over twice alpha.
    assert other - found <= model.coef_.size * tol**2 * C * len(y) / 2


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.3, np.inf])
def test_weighted_classes_have_scikit_learns_coefficients(C: float, fit_intercept: bool) -> None:
    X, z, weights = problem()
    y = np.array(["low", "middle", "high"])[np.digitize(z, [-0.5, 1.0])]
    options: Any = {"C": C, "fit_intercept": fit_intercept}
    model = fl.LogisticRegression(tol=1e-13, **options).fit(X, y, sample_weight=weights)
    peer = linear_model.LogisticRegression(tol=1e-10, max_iter=1000, **options)
    peer.fit(X, y, sample_weight=weights)
    assert model.classes_.tolist() == peer.classes_.tolist()
    # lbfgs, asked for 1e-10, is what is off by more than rounding; without a penalty it leaves
    # what the classes have in common where it began, at a sum of zero.
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), rtol=1e-4, atol=1e-6)


def test_probabilities_of_several_classes_keep_their_digits() -> None:
    X, y = datasets.load_iris(return_X_y=True)
    model = fl.LogisticRegression().fit(X, y)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(probabilities), rtol=1e-12)
    model.coef_ *= 1000
    far = model.predict_log_proba(X)
    assert np.isfinite(far).all()
    assert far.min() < -1000  # exp(-1000) is 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", ["LinearRegression", "Ridge"])
def test_several_targets_have_scikit_learns_coefficients(
    name: str, fit_intercept: bool, weighted: bool
) -> None:
    X, z, weights = problem()
    Y = np.column_stack([z, z**2, X[:, 0] + 3])
    given = {"sample_weight": weights} if weighted else {}
    for targets in (Y, Y[:, :1]):
        model = getattr(fl, name)(fit_intercept=fit_intercept).fit(X, targets, **given)
        peer = getattr(linear_model, name)(fit_intercept=fit_intercept).fit(X, targets, **given)
        assert model.status_ == "certified"
        # Both solve what is well-conditioned directly.
        np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(model.predict(X), peer.predict(X), rtol=1e-9, atol=1e-11)
        assert model.predict(X).shape == peer.predict(X).shape


def test_sparse_rows_and_far_columns_are_no_difficulty() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X, z, _ = problem()
    X[np.abs(X) < 0.5] = 0.0
    y = np.digitize(z, [-0.5, 1.0])
    model, other = fl.LogisticRegression(), fl.LogisticRegression()
    rows = sparse.csr_array(X)
    near = model.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(other.fit(rows, y).predict_proba(rows), near, atol=1e-3)
    far = other.fit(X + 1e9, y).predict_proba(X + 1e9)
    # Adding 1e9 rounds X by 1e-7; weights of about 1 make that of the margins.
    np.testing.assert_allclose(far, near, atol=1e-3)
