"""What single rules promise besides their formulas."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.typing import Float64Array


def gradients(steps: int, n: int = 5) -> Float64Array:
    return np.random.default_rng(0).standard_normal((steps, n))


@pytest.mark.parametrize("structure", ["bare", "list", "dict"])
@pytest.mark.parametrize("t0", [0, 4])
def test_asgd_keeps_the_mean_of_the_weights_after_t0(t0: int, structure: str) -> None:
    w = np.ones((2, 3), np.float32)
    wrap: Any = {"bare": lambda a: a, "list": lambda a: [a], "dict": lambda a: {"w": a}}[structure]
    asgd = fl.optim.ASGD(0.1, t0=t0)
    seen = []
    for g in gradients(12, 6).reshape(12, 2, 3).astype(np.float32):
        asgd.step(wrap(w), wrap(g))
        seen.append(w.copy())
    # Up to step t0 + 2 the mean is the weights: 1 / max(1, t - 1 - t0) is 1.
    mean = np.mean(seen[t0 + 1 :], axis=0)
    take: Any = {"bare": lambda a: a, "list": lambda a: a[0], "dict": lambda a: a["w"]}[structure]
    found = take(asgd.averaged(wrap(w)))
    assert found.dtype == np.float32
    # Twelve steps of two roundings each, of numbers of about 1.
    np.testing.assert_allclose(found, mean, rtol=0, atol=24 * 1.2e-7)
    found[:] = 7.0  # a copy
    np.testing.assert_allclose(take(asgd.averaged(wrap(w))), mean, rtol=0, atol=24 * 1.2e-7)


def test_the_intercept_of_asgd_does_not_decay() -> None:
    X, y = np.zeros((20, 1)), np.full(20, 2.0)
    asgd = fl.optim.ASGD(0.5, lambd=1.0, alpha=0.0)
    fit = fl.Trainer(fl.losses.Squared(), optimizer=asgd, batch_size=None, epochs=200).fit(X, y)
    assert fit.intercept == pytest.approx(2.0, rel=1e-12)


def test_a_decay_smaller_than_a_rounding_counts_in_float32() -> None:
    lambd, steps = 0.9 * 2.0**-25, 10_000
    asgd = fl.optim.ASGD(1.0, lambd=lambd, alpha=0.0)
    w = np.full(64, 1.0, np.float32)
    expected = w.astype(np.float64)
    for g in gradients(steps, 64).astype(np.float32) / 1024:
        asgd.step(w, g)
        expected += -lambd * expected - g
    # Errors of random sign add up as in `fallline.bench.agreement`; the decay amounts to 2.7e-4.
    size = float(np.abs(expected).max())
    np.testing.assert_allclose(w, expected, rtol=0, atol=6 * 2.0**-24 * np.sqrt(steps) * size)
    assert 6 * 2.0**-24 * np.sqrt(steps) < 0.2 * lambd * steps


@pytest.mark.parametrize("lr_decay", [0.0, 0.5])
def test_lr_decay_of_adagrad_is_a_schedule(lr_decay: float, torch: Any) -> None:
    w = np.ones(5)
    theirs = torch.tensor(w, requires_grad=True)
    target = torch.optim.Adagrad([theirs], lr=0.1, lr_decay=lr_decay)
    adagrad = fl.optim.Adagrad(lambda step: 0.1 / (1 + lr_decay * step))
    for g in gradients(50):
        theirs.grad = torch.tensor(g)
        target.step()
        adagrad.step(w, g)
    np.testing.assert_allclose(w, theirs.detach().numpy(), rtol=1e-12)


def test_amsgrad_remembers_its_largest_gradient() -> None:
    plain, keeping = np.zeros(1), np.zeros(1)
    optimizers = [
        (fl.optim.Adam(0.1, betas=(0.0, 0.5), amsgrad=amsgrad), w)
        for amsgrad, w in ((False, plain), (True, keeping))
    ]
    for optimizer, w in optimizers:
        optimizer.step(w, np.array([1000.0]))
        for _ in range(60):
            optimizer.step(w, np.array([1.0]))
    assert plain[0] < -3.0  # steps of 0.1 again
    assert keeping[0] > -0.2  # steps a thousand times as small


def test_lion_steps_have_one_length() -> None:
    w = np.zeros(4)
    fl.optim.Lion(0.25).step(w, np.array([1e-30, -1e30, 0.0, -0.0]))
    np.testing.assert_array_equal(w, [-0.25, 0.25, 0.0, 0.0])


@pytest.mark.parametrize("size", [1.0, 1e-30])
def test_rprop_sees_the_signs_of_gradients_alone(size: float) -> None:
    w = np.zeros(3, np.float32)
    rprop = fl.optim.Rprop(0.125, etas=(0.5, 2.0))
    for signs in ([1, 1, 1], [1, -1, 0], [1, 1, 1]):
        rprop.step(w, (size * np.array(signs)).astype(np.float32))
    # Lengths 1/8, 1/4, 1/2; 1/8, 1/16 without a step, 1/16; 1/8, none, 1/8.
    np.testing.assert_array_equal(w, [-0.875, -0.1875, -0.25])


def test_rprop_solves_least_squares_from_all_rows() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3)) * [1.0, 10.0, 100.0]  # of no matter to signs
    y = X @ [1.0, -2.0, 0.5] + 3.0
    rprop = fl.optim.Rprop(step_sizes=(1e-12, 1.0))
    fit = fl.Trainer(fl.losses.Squared(), optimizer=rprop, batch_size=None, epochs=500).fit(X, y)
    np.testing.assert_allclose(fit.coef, [1.0, -2.0, 0.5], rtol=1e-6)


def test_radam_begins_as_momentum_and_goes_on_as_adam() -> None:
    sizes = []
    for scale in (1.0, 100.0):
        w, radam = np.zeros(1), fl.optim.RAdam(0.1)
        moves = []
        for _ in range(8):
            before = w[0]
            radam.step(w, np.array([scale]))
            moves.append(before - w[0])
        sizes.append(moves)
    first, second = np.array(sizes)
    np.testing.assert_allclose(second[:5], 100 * first[:5], rtol=1e-12)
    np.testing.assert_allclose(second[5:], first[5:], rtol=2e-7)  # eps by a root of 0.077


@pytest.mark.parametrize("kind", [fl.optim.RAdam, fl.optim.NAdam])
def test_a_second_moment_beyond_float32_is_no_nan(kind: Any) -> None:
    w = np.zeros(1, np.float32)
    kind(1e-25).step(w, np.array([1e20], np.float32))
    assert np.isfinite(w).all()
