"""What the losses ask of targets and parameters, and what models trained with them predict."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from arrays import DType

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

LOG_LINKS = [fl.losses.Poisson(), fl.losses.Gamma(), fl.losses.Tweedie(1.3)]
X = np.linspace(-1.0, 1.0, 40).reshape(-1, 1)


def trainer(loss: fl.losses.Loss, rate: float = 0.1, **options: Any) -> fl.Trainer:
    options = {"batch_size": None, "epochs": 20} | options
    return fl.Trainer(loss, optimizer=fl.optim.SGD(rate), **options)


@pytest.mark.parametrize("loss", [fl.losses.Poisson(), fl.losses.Tweedie()], ids=repr)
def test_negative_amounts_are_refused(loss: fl.losses.Loss, dtype: DType) -> None:
    y = np.ones(40)
    y[[3, 7]] = 0.0, -2.0
    with pytest.raises(ValueError, match=r"^y must not be negative with .*, got -2.0 at row 7$"):
        trainer(loss).fit(X.astype(dtype), y)
    trainer(loss).fit(X.astype(dtype), np.maximum(y, 0.0))


@pytest.mark.parametrize(
    ("bad", "end"),
    [(0.0, r"0.0 at row 3; fl\.losses\.Tweedie\(\) takes zeros"), (-1.0, "row 3")],
)
def test_amounts_of_gamma_are_positive(bad: float, end: str) -> None:
    y = np.ones(40)
    y[3] = bad
    with pytest.raises(ValueError, match=rf"^y must be positive with Gamma\(\), got .*{end}$"):
        trainer(fl.losses.Gamma()).fit(X, y)
    with pytest.raises(ValueError, match=r"^validation y must be positive"):
        trainer(fl.losses.Gamma()).fit(X, np.ones(40), validation=(X, y))


@pytest.mark.parametrize(
    ("kind", "name", "bad"),
    [
        (fl.losses.Huber, "delta", 0.0),
        (fl.losses.Huber, "delta", np.inf),
        (fl.losses.EpsilonInsensitive, "epsilon", -0.1),
        (fl.losses.SquaredEpsilonInsensitive, "epsilon", np.nan),
        (fl.losses.Quantile, "quantile", 0.0),
        (fl.losses.Quantile, "quantile", 1),
        (fl.losses.Tweedie, "power", 1.0),
        (fl.losses.Tweedie, "power", 2),
    ],
)
def test_parameters_out_of_range_are_refused(kind: Any, name: str, bad: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a .*, got {bad}"):
        kind(bad)
    with pytest.raises(TypeError, match=f"^{name} must be a .*, got '1'"):
        kind("1")


@pytest.mark.parametrize("loss", LOG_LINKS, ids=repr)
def test_a_log_link_predicts_means(loss: fl.losses.Loss, dtype: DType) -> None:
    y = np.exp(0.5 * X[:, 0] + 1.0)
    fit = trainer(loss, 0.2, epochs=500).fit(X.astype(dtype), y)
    margins = fit.decision_function(X.astype(dtype))
    predicted = fit.predict(X.astype(dtype))
    assert predicted.dtype == dtype
    assert np.array_equal(predicted, fl._core.evaluate("exp", margins))
    np.testing.assert_allclose(predicted, y, rtol=1e-3)  # without noise the optimum is y itself


@pytest.mark.parametrize("loss", LOG_LINKS, ids=repr)
def test_the_best_constant_of_a_deviance_is_the_mean(loss: fl.losses.Loss) -> None:
    y = np.random.default_rng(0).gamma(2.0, size=40)
    fit = trainer(loss, 0.2, epochs=500).fit(np.zeros((40, 1)), y)
    np.testing.assert_allclose(fit.predict([[0.0]]), y.mean(), rtol=1e-9)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.8])
def test_the_best_constant_of_the_pinball_loss_is_the_quantile(q: float) -> None:
    y = np.random.default_rng(0).normal(size=41)
    rate = fl.schedules.Cosine(0.2, steps=3000)
    start = fl.Trainer(
        fl.losses.Quantile(q), optimizer=fl.optim.SGD(rate), batch_size=None, epochs=3000
    )
    fit = start.fit(np.zeros((41, 1)), y)
    # The slope changes its sign at that target and is at least 0.1/41 beside it: enough to come
    # close in 3000 steps, of which the last hundred are shorter than 1e-3, then below 1e-4.
    np.testing.assert_allclose(fit.intercept, np.sort(y)[int(41 * q)], atol=1e-4)


def test_huber_is_hardly_moved_by_an_outlier() -> None:
    y = np.append(np.zeros(39), 1e6)
    fit = trainer(fl.losses.Huber(1.0), 0.5, epochs=200).fit(np.zeros((40, 1)), y)
    np.testing.assert_allclose(fit.intercept, 1 / 39, rtol=1e-9)  # 39 b = delta


@pytest.mark.parametrize("batch_size", [1, 8, None])
def test_a_perceptron_trains_from_zero_weights_which_cost_nothing(batch_size: int | None) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 3))
    y = rows @ [1.0, -2.0, 0.5] > 0
    # Its first steps raise the loss from 0, which is no divergence.
    start = trainer(fl.losses.Perceptron(), 1.0, batch_size=batch_size, epochs=100)
    fit = start.fit(rows, y)
    assert np.mean(fit.predict(rows) == y) > 0.97
    again = start.fit(rows, y, coef=fit.coef, intercept=fit.intercept)
    assert np.mean(again.predict(rows) == y) > 0.97


@pytest.mark.parametrize(
    "loss",
    [fl.losses.Huber(0.7), fl.losses.Tweedie(1.9), fl.losses.Quantile(0.9), fl.losses.Gamma()],
    ids=repr,
)
def test_a_saved_model_keeps_the_parameters_of_its_loss(
    loss: fl.losses.Loss, tmp_path: Path
) -> None:
    fit = trainer(loss).fit(X, np.ones(40))
    fl.save(fit, tmp_path / "model.npz")
    loaded = fl.load(tmp_path / "model.npz")
    assert loaded.loss == loss
    assert np.array_equal(loaded.predict(X), fit.predict(X))


def test_a_model_saved_before_losses_had_parameters_is_read(tmp_path: Path) -> None:
    fl.save(fl.Fit(np.ones(1), 0.0, fl.losses.Squared()), tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "loss_parameters"}
    np.savez(tmp_path / "old.npz", **arrays)
    assert fl.load(tmp_path / "old.npz").loss == fl.losses.Squared()


def test_the_modified_huber_loss_has_probabilities() -> None:
    fit = fl.Fit(np.array([1.0]), 0.0, fl.losses.ModifiedHuber(), np.array([0, 1]))
    rows = [[-2.0], [-0.5], [0.0], [1.0], [3.0]]
    expected = [[1.0, 0.0], [0.75, 0.25], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]]
    assert np.array_equal(fit.predict_proba(rows), expected)
