"""The search for an alpha of each feature: what it finds, against a grid, and what it costs."""

import os
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest

import fallline as fl
from fallline import _core

KINDS = {"squared": fl.losses.Squared(), "logistic": fl.losses.Logistic()}
GRID = np.logspace(-4, 2, 20)


class Rows(NamedTuple):
    X: Any
    y: Any


def made(name: str, sizes: tuple[int, int], n_features: int, seed: int) -> list[Rows]:
    """Rows to train on, to validate and to judge; all features but five are a nuisance."""
    rng = np.random.default_rng(seed)
    coef = np.zeros(n_features)
    coef[:5] = rng.standard_normal(5)
    found = []
    for n in (*sizes, 4000):
        X = rng.standard_normal((n, n_features))
        margins = X @ coef + 0.25
        noisy = margins + (rng.logistic(size=n) if name == "logistic" else rng.standard_normal(n))
        found.append(Rows(X, noisy > 0.0 if name == "logistic" else noisy))
    return found


def loss_on(rows: Rows, fit: fl.Fit) -> float:
    targets = np.where(rows.y, 1.0, -1.0) if fit.loss.classifies else rows.y
    values = _core.loss_values(fit.loss.name, fit.decision_function(rows.X), targets)
    return float(values.mean())


def best_of_grid(loss: fl.losses.Loss, train: Rows, held_out: Rows) -> fl.Fit:
    fits = [fl.Trainer(loss, penalty=fl.penalties.L2(alpha)).fit(*train) for alpha in GRID]
    return min(fits, key=lambda fit: loss_on(held_out, fit))


@pytest.mark.parametrize("n_features", [60, 150])
@pytest.mark.parametrize("name", KINDS)
def test_nuisance_features_are_found_out_in_at_most_ten_fits(name: str, n_features: int) -> None:
    loss, gains = KINDS[name], []
    for seed in range(5):
        train, held_out, judged = made(name, (200, 100), n_features, seed)
        trainer = fl.Trainer(loss, penalty=fl.penalties.L2(0.1))
        tuned = fl.tune(trainer, *train, validation=held_out)
        assert len(tuned.values) <= 10
        assert tuned.value == pytest.approx(loss_on(held_out, tuned.fit), rel=1e-4)
        best = best_of_grid(loss, train, held_out)
        gains.append(loss_on(judged, best) - loss_on(judged, tuned.fit))
        # In the middle, what counts is penalised less than what does not.
        strong, weak = np.median(tuned.alpha[5:]), np.median(tuned.alpha[:5])
        assert strong > weak
    assert min(gains) > 0.0
    assert np.mean(gains) > 0.02


@pytest.mark.parametrize("name", KINDS)
def test_few_validation_rows_do_no_harm(name: str) -> None:
    loss, lost = KINDS[name], []
    for seed in range(8):
        train, held_out, judged = made(name, (200, 40), 60, seed)
        trainer = fl.Trainer(loss, penalty=fl.penalties.L2(0.1))
        tuned = fl.tune(trainer, *train, validation=held_out)
        best = best_of_grid(loss, train, held_out)
        lost.append(loss_on(judged, tuned.fit) / loss_on(judged, best))
    assert np.mean(lost) < 1.0


def test_the_model_is_that_of_the_alphas_and_nothing_is_changed() -> None:
    train, held_out, _ = made("squared", (200, 100), 20, 0)
    penalty = fl.penalties.L2(0.1)
    trainer = fl.Trainer(fl.losses.Squared(), penalty=penalty)
    tuned = fl.tune(trainer, *train, validation=held_out)
    assert trainer.penalty is penalty
    again = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.WeightedL2(tuned.alpha))
    np.testing.assert_array_equal(again.fit(*train).coef, tuned.fit.coef)
    assert tuned.fit.status == "certified"


@pytest.mark.parametrize("start", [1e-8, 1e-6, 1e4, 1e7])
def test_a_start_far_off_is_left_behind(start: float) -> None:
    train, held_out, _ = made("squared", (200, 100), 20, 0)
    near, far = (
        fl.tune(
            fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(alpha)),
            *train,
            validation=held_out,
        )
        for alpha in (0.1, start)
    )
    assert far.value < 1.1 * near.value


def test_targets_that_do_not_vary_are_fitted_once_or_twice() -> None:
    train, held_out, _ = made("squared", (50, 20), 6, 0)
    trainer = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(0.1))
    constant = fl.tune(
        trainer, train.X, np.ones(50), validation=(held_out.X, np.ones(len(held_out.y)))
    )
    assert len(constant.values) <= 2


ALPHAS = """
import numpy as np, fallline as fl
rng = np.random.default_rng(0)
X = rng.standard_normal((200, 30))
y = X[:, :3].sum(axis=1) + rng.standard_normal(200)
trainer = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(0.1))
print(fl.tune(trainer, X[:100], y[:100], validation=(X[100:], y[100:])).alpha.tobytes().hex())
"""


def test_numpy_on_an_older_processor_gives_the_same_bits() -> None:
    found = set()
    for features in ("", "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512_SKX"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", ALPHAS],
            env=os.environ | {"NPY_DISABLE_CPU_FEATURES": features},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_a_budget_of_one_is_the_start() -> None:
    train, held_out, _ = made("squared", (200, 100), 20, 0)
    trainer = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(0.1))
    tuned = fl.tune(trainer, *train, validation=held_out, max_fits=1)
    np.testing.assert_allclose(tuned.alpha, 0.1)
    assert len(tuned.values) == 1


def test_what_cannot_be_tuned_is_refused() -> None:
    train, held_out, _ = made("squared", (20, 10), 6, 0)
    by_steps = fl.Trainer(
        fl.losses.Squared(), penalty=fl.penalties.L2(0.1), optimizer=fl.optim.SGD(0.1)
    )
    with pytest.raises(ValueError, match=r"optimizer must be 'auto' to tune, got"):
        fl.tune(by_steps, *train, validation=held_out)
    trainer = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(0.1))
    with pytest.raises(ValueError, match=r"max_fits must be a positive integer, got 0"):
        fl.tune(trainer, *train, validation=held_out, max_fits=0)
