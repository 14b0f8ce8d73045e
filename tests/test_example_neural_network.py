"""The network of NumPy arrays reads digits, and torch trains the same one."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from examples_folder import example

pytestmark = pytest.mark.usefixtures("digits_at_hand")


def test_it_reads_975_of_1000_digits() -> None:
    net = example("neural_network")
    params, losses, accuracies = net.train(seed=0)
    assert accuracies[-1][1] >= 0.975
    assert losses[-125:].mean() < 0.03
    assert all(np.isfinite(w).all() for w in params)


def test_its_gradients_are_those_of_finite_differences() -> None:
    net = example("neural_network")
    rng = np.random.default_rng(1)
    params = [w.astype(np.float64) for w in net.initial(rng)]
    grads = [np.empty_like(w) for w in params]
    X, y = rng.random((5, 784)), np.arange(5)
    spare = [np.empty_like(w) for w in params]

    def loss() -> float:
        return float(net.backward(params, net.forward(params, X), y, spare))

    net.backward(params, net.forward(params, X), y, grads)
    for w, g in zip(params, grads, strict=True):
        at = np.unravel_index(np.abs(g).argmax(), g.shape)
        before, h = w[at], 1e-6
        w[at] = before + h
        above = loss()
        w[at] = before - h
        below = loss()
        w[at] = before
        assert (above - below) / (2 * h) == pytest.approx(g[at], rel=1e-5)


def test_in_float64_the_losses_are_those_of_torch(torch: Any) -> None:
    net, twin = example("neural_network"), example("neural_network_torch")
    expected, _ = twin.train(torch.optim.AdamW, epochs=3, dtype=np.float64)
    ours, _ = twin.train(fl.torch.AdamW, epochs=3, dtype=np.float64)
    _, in_numpy, _ = net.train(epochs=3, dtype=np.float64)
    assert np.abs(ours - expected).max() < 1e-12
    assert np.abs(in_numpy - expected).max() < 1e-12


@pytest.mark.slow
def test_in_float32_the_curve_and_the_accuracy_are_those_of_torch(torch: Any) -> None:
    twin = example("neural_network_torch")
    expected, theirs = twin.train(torch.optim.AdamW)
    losses, accuracy = twin.train(fl.torch.AdamW)
    assert np.abs(losses - expected)[:125].max() < 1e-4
    ours_by_epoch, theirs_by_epoch = (x.reshape(-1, 125).mean(axis=1) for x in (losses, expected))
    np.testing.assert_allclose(ours_by_epoch, theirs_by_epoch, rtol=0.1)
    assert abs(accuracy - theirs) <= 0.005
    assert accuracy >= 0.975
