"""Rates that are too large or too small, and data that only look as if they were."""

import math
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference
from fallline import _run
from fallline.losses import Loss
from fallline.optim import Optimizer
from fallline.typing import Float64Array, FloatArray

LOSSES = [fl.losses.Squared(), fl.losses.Logistic(), fl.losses.Hinge()]


def sgd(rate: float | fl.schedules.Schedule) -> Optimizer:
    return fl.optim.SGD(rate)


def momentum(rate: float | fl.schedules.Schedule) -> Optimizer:
    return fl.optim.SGD(rate, momentum=0.9)


def nesterov(rate: float | fl.schedules.Schedule) -> Optimizer:
    return fl.optim.SGD(rate, momentum=0.9, nesterov=True)


OPTIMIZERS: list[Any] = [sgd, momentum, nesterov, fl.optim.Adam, fl.optim.AdamW]
MESSAGE = re.compile(
    r"the loss (?:rose to (?P<loss>\S+) from (?P<start>\S+)|became (?:inf|-?nan)) "
    r"at epoch (?P<epoch>\d+) \(step (?P<step>\d+)\) with learning_rate=(?P<rate>\S+); "
    r"lower it or standardize X \(column (?P<column>\d+) spans (?P<span>\S+)\)"
)


def problem(
    loss: Loss, n_samples: int = 2000, n_features: int = 10, noise: float = 1.0, seed: int = 0
) -> tuple[Float64Array, Float64Array]:
    """Standardised rows, of which about an eighth lies on the wrong side."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    w = rng.standard_normal(n_features)
    z = X @ (2 * w / np.linalg.norm(w)) + 0.5 + noise * rng.standard_normal(n_samples)
    return X, np.where(z > 0, 1.0, -1.0) if loss.classifies else z


def mean_loss(fit: fl.Fit, X: Float64Array, y: Float64Array) -> float:
    with np.errstate(over="ignore"):
        margins = X @ fit.coef.astype(np.float64) + fit.intercept
        return float(reference.LOSSES[fit.loss.name].value(margins, y).mean())


def null_loss(loss: Loss, y: Float64Array) -> float:
    return float(reference.LOSSES[loss.name].value(np.zeros_like(y), y).mean())


def diverging(trainer: fl.Trainer, *data: Any, **options: Any) -> tuple[fl.Fit, re.Match[str]]:
    with pytest.raises(fl.DivergenceError) as caught:
        trainer.fit(*data, **options)
    found = MESSAGE.fullmatch(str(caught.value))
    assert found, str(caught.value)
    assert caught.value.fit.status == "diverged"
    return caught.value.fit, found


# Adam moves each weight by about its rate: 1e4 is far from anything, but overflows nothing.
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [1e4, 1e10])
@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_rate_too_large_is_caught_in_the_first_chunk(
    loss: Loss, make: Any, rate: float, dtype: type
) -> None:
    X, y = problem(loss)
    X[:, 4] *= 3
    fit, found = diverging(fl.Trainer(loss, optimizer=make(rate)), X.astype(dtype), y)
    assert found["epoch"] == "1"
    assert int(found["step"]) == fit.report["steps"] <= 32  # 2000 rows are one chunk
    assert float(found["rate"]) == rate
    assert found["column"] == "4"
    assert math.isclose(float(found["span"]), np.ptp(X[:, 4]), rel_tol=0.05)
    assert not fit.coef.any()
    assert fit.intercept == 0.0
    assert len(fit.history) == 0
    assert fit.report["epochs"] == 0
    if found["loss"]:
        assert math.isclose(float(found["start"]), null_loss(loss, y), rel_tol=0.01)
        assert float(found["loss"]) > 10 * null_loss(loss, y)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("make", [sgd, momentum])
def test_later_divergence_keeps_what_was_good(loss: Loss, make: Any) -> None:
    X, y = problem(loss)
    rate = fl.schedules.Constant(0.01).then(1e5, at=3 * 32 + 7)
    trainer = fl.Trainer(loss, optimizer=make(rate), epochs=9)
    fit, found = diverging(trainer, X, y)
    assert found["epoch"] == "4"
    assert float(found["rate"]) == 1e5
    assert fit.history["epoch"] == [1, 2, 3]
    assert np.isfinite(fit.history["running_loss"]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Those at whose loss it has looked: of the weights after epoch 3 it saw one mini-batch.
        good = fl.Trainer(loss, optimizer=make(0.01), epochs=2).fit(X, y)
    assert (fit.coef == good.coef).all()
    assert fit.intercept == good.intercept


@pytest.mark.parametrize("rate", [0.155, 0.165, 0.18])
def test_slow_divergence_within_an_epoch_goes_back_to_good_weights(
    rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = fl.losses.Squared()
    X, y = problem(loss, 20000)
    monkeypatch.setattr(_run, "_CHUNK_ELEMENTS", 400)  # 500 chunks an epoch
    trainer = fl.Trainer(loss, optimizer=sgd(rate), batch_size=1, epochs=5)
    fit, _ = diverging(trainer, X, y)
    assert np.isfinite(fit.coef).all()
    assert mean_loss(fit, X, y) <= 10 * null_loss(loss, y)


@pytest.mark.parametrize("loss", LOSSES[1:], ids=str)
def test_divergence_is_caught_in_its_chunk_before_the_epoch_costs_too_much(
    loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = problem(loss)
    monkeypatch.setattr(_run, "_CHUNK_ELEMENTS", 400)  # 40 steps
    rate = fl.schedules.Constant(0.01).then(100.0, at=1200)
    fit, found = diverging(fl.Trainer(loss, optimizer=sgd(rate), batch_size=1, epochs=2), X, y)
    assert found["epoch"] == "1"
    assert int(found["step"]) == fit.report["steps"] == 1240
    assert float(found["loss"]) < 10 * null_loss(loss, y)
    assert fit.coef.any()
    assert mean_loss(fit, X, y) < null_loss(loss, y)


@pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
def test_a_chunk_that_costs_much_honestly_is_no_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = problem(fl.losses.Squared())
    y[1777] = 1e3
    start_loss = null_loss(fl.losses.Squared(), y)
    monkeypatch.setattr(_run, "_CHUNK_ELEMENTS", 400)
    assert 10 * start_loss < 1e6 / 2 / 40  # the mean loss of its chunk of 40 rows
    fit = fl.Trainer(fl.losses.Squared(), optimizer=sgd(1e-4), batch_size=1, epochs=5).fit(X, y)
    assert fit.status == "budget"
    assert mean_loss(fit, X, y) < start_loss


def test_slow_divergence_of_a_full_batch_goes_back_to_good_weights() -> None:
    loss = fl.losses.Squared()
    X, y = problem(loss)
    curvature = float(np.linalg.eigvalsh(X.T @ X / len(X))[-1])
    trainer = fl.Trainer(loss, optimizer=sgd(2.1 / curvature), batch_size=None, epochs=500)
    fit, found = diverging(trainer, X, y)
    assert 5 < int(found["epoch"]) == len(fit.history["epoch"]) + 1
    assert mean_loss(fit, X, y) <= 10 * null_loss(loss, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overflow_in_the_last_step_is_caught(dtype: type) -> None:
    # One step from zero weights: its loss is finite, the weights after it are not.
    X: FloatArray = np.full((10, 2), 1e10, dtype)
    y: FloatArray = np.ones(10, dtype)
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=sgd(1e300), batch_size=None, epochs=1)
    with pytest.raises(fl.DivergenceError) as caught:
        trainer.fit(X, y)
    assert not caught.value.fit.coef.any()
    assert caught.value.fit.report["steps"] == 1


def test_targets_whose_summed_loss_exceeds_float32_are_no_divergence() -> None:
    X, y = problem(fl.losses.Squared())
    fit = fl.Trainer(fl.losses.Squared(), optimizer=sgd(0.01), epochs=40).fit(
        X.astype(np.float32), (1e18 * y).astype(np.float32)
    )
    assert np.isfinite(fit.history["running_loss"]).all()
    with pytest.raises(fl.DivergenceError):
        fl.Trainer(fl.losses.Squared(), optimizer=sgd(0.5), batch_size=1).fit(
            X.astype(np.float32), (1e18 * y).astype(np.float32)
        )


@pytest.mark.parametrize("make", [sgd, momentum, fl.optim.Adam])
@pytest.mark.parametrize("kind", ["heavy tails", "outlier", "outlying row", "zeros"])
@pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
def test_odd_data_are_no_divergence(kind: str, make: Any) -> None:
    rng = np.random.default_rng(0)
    X, y = problem(fl.losses.Squared())
    if kind == "heavy tails":
        y += rng.standard_t(1.5, len(y))
    elif kind == "outlier":
        y[77] = 1e6
    elif kind == "outlying row":
        X[77] *= 30
    else:
        y[:] = 0.0
    for batch_size, rate in [(64, 1e-3), (1, 1e-5), (None, 1e-2)]:
        trainer = fl.Trainer(fl.losses.Squared(), optimizer=make(rate), batch_size=batch_size)
        fit = trainer.fit(X, y)
        assert fit.status == "budget"
        assert mean_loss(fit, X, y) <= null_loss(fl.losses.Squared(), y) * 1.01
        if kind == "zeros":
            assert not fit.coef.any()


@pytest.mark.parametrize("rate", [1e-4, 1e-6, 1e-9])
@pytest.mark.parametrize("make", [sgd, momentum, nesterov, fl.optim.Adam])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_rate_too_small_warns_how_far_the_loss_was_falling(
    loss: Loss, make: Any, rate: float
) -> None:
    X, y = problem(loss)
    with pytest.warns(fl.ConvergenceWarning, match="still falling") as caught:
        fit = fl.Trainer(loss, optimizer=make(rate), epochs=10).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    found = re.search(r"by (\S+) in the last one, to ([^;]+); raise", str(caught[0].message))
    assert found
    losses = fit.history["running_loss"]
    assert float(found[1]) > 0
    assert math.isclose(float(found[1]), losses[-2] - losses[-1], rel_tol=0.1)
    assert math.isclose(float(found[2]), losses[-1], rel_tol=1e-5)


@pytest.mark.parametrize("loss", LOSSES[1:], ids=str)
def test_a_loss_that_ends_above_its_start_warns(loss: Loss) -> None:
    X, y = problem(loss)
    with pytest.warns(fl.ConvergenceWarning, match=r"ended at .* above .* lower the learning_rate"):
        fit = fl.Trainer(loss, optimizer=momentum(10.0)).fit(X, y)
    assert fit.history["running_loss"][-1] > null_loss(loss, y)


def cosine(rate: float) -> fl.schedules.Schedule:
    return fl.schedules.Cosine(rate, 20 * 313)


WELL_TUNED: dict[str, Any] = {
    "sgd 0.01": lambda: sgd(0.01),
    "sgd 0.03": lambda: sgd(0.03),
    "sgd 0.1": lambda: sgd(0.1),
    "momentum": lambda: momentum(0.01),
    "nesterov": lambda: nesterov(0.01),
    "adam 0.001": lambda: fl.optim.Adam(1e-3),
    "adam 0.01": lambda: fl.optim.Adam(1e-2),
    "sgd cosine": lambda: sgd(cosine(0.1)),
    "momentum cosine": lambda: momentum(cosine(0.01)),
    "adam cosine": lambda: fl.optim.Adam(cosine(1e-2)),
}
# On these the logistic loss is still falling indeed, by 1.4e-3 of it in the last epoch.
SLOW = [("logistic", "sgd 0.01"), ("logistic", "adam 0.001")]


# Between epochs the running loss goes up and down by 1e-3 of itself at this rate.
@pytest.mark.parametrize(
    ("loss", "name"),
    [(loss, name) for loss in LOSSES[:2] for name in WELL_TUNED if (loss.name, name) not in SLOW],
    ids=str,
)
def test_a_well_tuned_training_warns_of_nothing(loss: Loss, name: str) -> None:
    for seed in range(3):
        X, y = problem(loss, 20000, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit = fl.Trainer(loss, optimizer=WELL_TUNED[name]()).fit(X, y)
        assert mean_loss(fit, X, y) < 0.7 * null_loss(loss, y)


def test_a_single_step_that_is_too_large_is_caught() -> None:
    X, y = problem(fl.losses.Squared())
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=sgd(1e6), batch_size=None, epochs=1)
    with pytest.raises(fl.DivergenceError, match="the loss rose to"):
        trainer.fit(X, y)


def test_the_error_can_be_sent_to_another_process() -> None:
    fit = fl.Fit(np.ones(2), 0.5, fl.losses.Squared(), status="diverged")
    error = pickle.loads(pickle.dumps(fl.DivergenceError("the loss became inf", fit)))
    assert str(error) == "the loss became inf"
    np.testing.assert_array_equal(error.fit.coef, fit.coef)
