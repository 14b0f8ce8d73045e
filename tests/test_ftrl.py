"""FTRL-Proximal: the paper's algorithm, and what is particular to it here."""

from typing import Any

import numpy as np
import pytest

import fallline as fl


def paper(gradients: Any, alpha: float, beta: float, l1: float, l2: float) -> Any:
    """Algorithm 1 of McMahan et al. (2013), for gradients that are given."""
    z, n = np.zeros(gradients.shape[1]), np.zeros(gradients.shape[1])
    w = np.zeros(gradients.shape[1])
    for g in gradients:
        sigma = (np.sqrt(n + g**2) - np.sqrt(n)) / alpha
        z, n = z + g - sigma * w, n + g**2
        w = np.where(
            np.abs(z) <= l1, 0.0, -(z - np.sign(z) * l1) / ((beta + np.sqrt(n)) / alpha + l2)
        )
    return w


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.5, 0.0), (0.0, 2.0), (0.5, 2.0)])
def test_steps_from_zero_are_those_of_the_paper(l1: float, l2: float, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((50, 40)) * (rng.random((50, 40)) < 0.3)
    w = np.zeros(40, dtype)
    ftrl = fl.optim.FTRL(0.3, beta=0.5, l1=l1, l2=l2)
    for g in gradients.astype(dtype):
        ftrl.step(w, g)
    expected = paper(gradients, 0.3, 0.5, l1, l2)
    # 50 steps of some roundings each, of z and its threshold, which are a few times the weights.
    np.testing.assert_allclose(w, expected, rtol=0, atol=50 * 16 * float(np.finfo(dtype).eps))
    if l1:
        assert 0 < np.count_nonzero(w) < 40
        np.testing.assert_array_equal(w == 0, expected == 0)


def test_a_rate_of_zero_leaves_the_weights() -> None:
    w = np.linspace(-2.0, 2.0, 9)
    fl.optim.FTRL(lambda _: 0.0, l1=0.1, l2=0.1).step(w, np.ones(9))
    np.testing.assert_allclose(w, np.linspace(-2.0, 2.0, 9), rtol=1e-14, atol=1e-29)


def test_the_intercept_is_not_penalised() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    y = np.full(200, 2.0)
    for rows in (X, compressed(X)):
        trainer = fl.Trainer(
            fl.losses.Squared(), optimizer=fl.optim.FTRL(1.0, l1=1e6, l2=1e6), epochs=200
        )
        fit = trainer.fit(rows, y)
        assert not fit.coef.any()
        assert fit.intercept == pytest.approx(2.0, rel=1e-6)


def compressed(X: Any) -> Any:
    return pytest.importorskip("scipy.sparse").csr_array(X)


@pytest.mark.parametrize(
    "optimizer",
    [fl.optim.Adagrad(0.1), fl.optim.FTRL(0.1, l1=0.3, l2=0.2)],
    ids=["adagrad", "ftrl"],
)
def test_a_zero_gradient_changes_nothing(optimizer: fl.optim.Optimizer) -> None:
    rng = np.random.default_rng(1)
    w = np.zeros(20)
    for _ in range(5):
        optimizer.step(w, rng.standard_normal(20))
    before = w.copy()
    for _ in range(100):
        optimizer.step(w, np.zeros(20))
    # The weight is taken apart and put together again, in four roundings a step.
    np.testing.assert_allclose(w, before, rtol=100 * 4 * float(np.finfo(float).eps))
