"""`Trainer` against the reference, closed forms and its own promises."""

from typing import Literal

import numpy as np
import pytest

import fallline as fl
import reference
from fallline import _core, _run
from fallline.losses import Loss
from fallline.optim import Optimizer
from fallline.penalties import Penalty
from fallline.typing import Float64Array, FloatArray

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

LOSSES = [fl.losses.Squared(), fl.losses.Logistic(), fl.losses.Hinge()]
OPTIMIZERS = {
    "sgd": fl.optim.SGD(0.05),
    "decay": fl.optim.SGD(0.05, weight_decay=0.1),
    "momentum": fl.optim.SGD(0.02, momentum=0.8),
    "dampening": fl.optim.SGD(0.02, momentum=0.8, dampening=0.3),
    "nesterov": fl.optim.SGD(0.02, momentum=0.8, nesterov=True),
    "adam": fl.optim.Adam(0.02),
    "adamw": fl.optim.AdamW(0.02, weight_decay=0.1),
    "amsgrad": fl.optim.Adam(0.02, amsgrad=True),
    "nadam": fl.optim.NAdam(0.02, weight_decay=0.1, decoupled_weight_decay=True),
    "radam": fl.optim.RAdam(0.02),
    "adamax": fl.optim.Adamax(0.02),
    "adagrad": fl.optim.Adagrad(0.02, initial_accumulator_value=0.1),
    "adadelta": fl.optim.Adadelta(eps=1e-4),
    "rmsprop": fl.optim.RMSprop(0.01, centered=True, momentum=0.5, eps=1e-2),
    "asgd": fl.optim.ASGD(0.05, lambd=0.1, t0=3),
    "rprop": fl.optim.Rprop(0.01),
    "lion": fl.optim.Lion(0.01, weight_decay=0.1),
    "ftrl": fl.optim.FTRL(0.02, l1=0.01, l2=0.01),
    "schedule": fl.optim.SGD(fl.schedules.Cosine(0.1, 30).warmup(5)),
}
PENALTIES = [None, fl.penalties.L2(0.1), fl.penalties.L1(0.05), fl.penalties.ElasticNet(0.1, 0.3)]


def problem(
    loss: Loss, n_samples: int = 130, n_features: int = 7, seed: int = 0
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Rows and targets that float32 holds exactly, and weights."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)).astype(np.float32).astype(np.float64)
    z = X @ rng.standard_normal(n_features) + 0.5 + rng.standard_normal(n_samples)
    weights = rng.integers(0, 4, n_samples).astype(np.float64)
    y = np.where(z > 0, 1.0, -1.0) if loss.classifies else z.astype(np.float32)
    return X, y.astype(np.float64), weights


def expected(
    X: Float64Array,
    y: Float64Array,
    loss: Loss,
    optimizer: Optimizer,
    steps: int,
    *,
    batch_size: int,
    penalty: Penalty | None = None,
    sample_weight: Float64Array | None = None,
    coef: Float64Array | None = None,
    intercept: float = 0.0,
    start: int = 0,
) -> reference.Trained:
    return reference.train(
        X,
        y,
        loss=loss.name,
        rule=optimizer.rule,
        parameters=optimizer.rule_parameters,
        learning_rates=optimizer.learning_rate.values(start, steps),
        batch_size=batch_size,
        l2=optimizer.coupled_decay + (penalty.l2 if penalty else 0.0),
        l1=penalty.l1 if penalty else 0.0,
        weight_decay=optimizer.decoupled_decay,
        sample_weight=sample_weight,
        coef=coef,
        intercept=intercept,
    )


def assert_same(fit: fl.Fit, trained: reference.Trained, steps: int, dtype: type) -> None:
    # A step rounds a gradient, a sum of products with magnitudes of about 1, and adds it to the
    # weights: some eps of their size. Steps this small on a convex loss do not enlarge errors.
    # Adam divides by the root of the second moment, which enlarges a relative error of the gradient
    # by its cancellation, ten times at most here.
    size = 1.0 + float(np.abs(trained.coef).max())
    tolerance = 10 * steps * float(np.finfo(dtype).eps) * size
    np.testing.assert_allclose(fit.coef, trained.coef, rtol=0, atol=tolerance)
    np.testing.assert_allclose(fit.intercept, trained.intercept, rtol=0, atol=tolerance)
    assert fit.coef.dtype == dtype


def cases() -> list[tuple[Loss, str, Penalty | None]]:
    """Every loss with a few optimizers, and one with all: they meet in the gradient alone."""
    return [
        (loss, name, penalty)
        for loss in LOSSES
        for name, optimizer in OPTIMIZERS.items()
        for penalty in PENALTIES
        if loss.name == "logistic" or name in ("sgd", "momentum", "adam")
        if not (penalty and penalty.l1) or isinstance(optimizer, fl.optim.SGD)  # else refused
    ]


@pytest.mark.parametrize("batch_size", [1, 32, 65, None])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "name", "penalty"), cases(), ids=str)
def test_stored_order_is_the_reference(
    loss: Loss, name: str, penalty: Penalty | None, dtype: type, batch_size: int | None
) -> None:
    optimizer = OPTIMIZERS[name]
    X, y, s = problem(loss)
    trainer = fl.Trainer(
        loss,
        penalty=penalty,
        optimizer=optimizer,
        batch_size=batch_size,
        epochs=2,
        shuffle=False,
    )
    fit = trainer.fit(X.astype(dtype), y.astype(dtype), sample_weight=s)
    size = batch_size or len(X)
    steps = 2 * -(-len(X) // size)
    trained = expected(
        X, y, loss, optimizer, steps, batch_size=size, penalty=penalty, sample_weight=s
    )
    assert fit.report["steps"] == steps
    assert_same(fit, trained, steps, dtype)
    running = trained.running_losses.reshape(2, -1).sum(axis=1) / s.sum()
    np.testing.assert_allclose(
        fit.history["running_loss"], running, rtol=20 * steps * float(np.finfo(dtype).eps)
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("shuffle", ["blocks", "rows"])
def test_shuffled_epochs_follow_epoch_order(shuffle: Literal["blocks", "rows"], name: str) -> None:
    loss, optimizer, epochs = fl.losses.Logistic(), OPTIMIZERS[name], 3
    X, y, s = problem(loss, 1280, 64)  # a block has 512 rows
    orders = [_core.epoch_order(shuffle, 1280, 64, 5, epoch) for epoch in range(epochs)]
    assert any((orders[0] != order).any() for order in orders[1:])
    order = np.concatenate(orders)
    # The epochs one after the other, as one long epoch, keep n / S and thus the scale of each step.
    trained = expected(
        X[order], y[order], loss, optimizer, 60, batch_size=64, sample_weight=s[order]
    )
    trainer = fl.Trainer(loss, optimizer=optimizer, epochs=epochs, shuffle=shuffle, seed=5)
    assert_same(trainer.fit(X, y, sample_weight=s), trained, 60, np.float64)


@pytest.mark.parametrize("shuffle", ["blocks", "rows"])
def test_every_shuffled_epoch_ends_with_a_short_batch(shuffle: Literal["blocks", "rows"]) -> None:
    loss, optimizer = fl.losses.Squared(), fl.optim.SGD(0.05)
    X, y, _ = problem(loss)
    coef, intercept = np.zeros(7), 0.0
    for epoch in range(3):
        order = _core.epoch_order(shuffle, 130, 7, 9, epoch)
        coef, intercept, _ = expected(
            X[order], y[order], loss, optimizer, 3, batch_size=60, coef=coef, intercept=intercept
        )
    trainer = fl.Trainer(
        loss, optimizer=optimizer, batch_size=60, epochs=3, shuffle=shuffle, seed=9
    )
    trained = reference.Trained(coef, intercept, np.empty(0))
    assert_same(trainer.fit(X, y), trained, 9, np.float64)


def exact(X: Float64Array, y: Float64Array) -> Float64Array:
    """Least squares; the intercept last."""
    return np.asarray(np.linalg.lstsq(np.column_stack([X, np.ones(len(y))]), y, rcond=None)[0])


def test_full_batch_reaches_least_squares() -> None:
    X, y, _ = problem(fl.losses.Squared(), 400)
    solution = exact(X, y)
    trainer = fl.Trainer(
        fl.losses.Squared(), optimizer=fl.optim.SGD(0.5), batch_size=None, epochs=300
    )
    fit = trainer.fit(X, y)
    # The Hessian's eigenvalues lie within [0.6, 1.6]: each step leaves at most 0.7 of the error.
    np.testing.assert_allclose([*fit.coef, fit.intercept], solution, rtol=0, atol=1e-13)


def test_mini_batches_with_a_decaying_rate_approach_least_squares() -> None:
    X, y, _ = problem(fl.losses.Squared(), 2000)
    solution = exact(X, y)
    errors = []
    for epochs in (5, 80):
        optimizer = fl.optim.SGD(fl.schedules.Cosine(0.1, epochs * 32))
        fit = fl.Trainer(fl.losses.Squared(), optimizer=optimizer, epochs=epochs).fit(X, y)
        errors.append(float(np.abs([*fit.coef, fit.intercept] - solution).max()))
    # A quarter of the standard error 1 / sqrt(2000) that least squares itself has.
    assert errors[1] < 0.25 / np.sqrt(2000)
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_integer_weights_are_repeated_rows(loss: Loss) -> None:
    X, y, s = problem(loss)
    trainer = fl.Trainer(
        loss,
        penalty=fl.penalties.L2(0.1),
        optimizer=fl.optim.SGD(0.1),
        batch_size=None,
        epochs=40,
    )
    weighted = trainer.fit(X, y, sample_weight=s)
    repeated = trainer.fit(np.repeat(X, s.astype(int), axis=0), np.repeat(y, s.astype(int)))
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=0, atol=1e-13)
    np.testing.assert_allclose(weighted.intercept, repeated.intercept, rtol=0, atol=1e-13)


def test_a_mini_batch_is_scaled_by_rows_over_weight() -> None:
    X = np.array([[1.0], [1.0], [1.0], [1.0], [1.0]])
    y = np.array([4.0, 4.0, 4.0, 4.0, 4.0])
    s = np.array([1.0, 3.0, 0.0, 0.0, 6.0])  # n = 5, S = 10
    trainer = fl.Trainer(
        fl.losses.Squared(),
        optimizer=fl.optim.SGD(0.5),
        batch_size=2,
        epochs=1,
        shuffle=False,
        fit_intercept=False,
    )
    fit = trainer.fit(X, y, sample_weight=s)
    w = 0.5 * 5 / (10 * 2) * (1 + 3) * 4.0  # the second batch weighs nothing
    w += 0.5 * 5 / (10 * 1) * 6 * (4.0 - w)  # the last one has one row
    assert fit.coef[0] == w
    assert fit.intercept == 0.0


def test_scaling_all_weights_changes_nothing() -> None:
    X, y, s = problem(fl.losses.Logistic())
    trainer = fl.Trainer(
        fl.losses.Logistic(), penalty=fl.penalties.L2(0.1), optimizer=fl.optim.SGD(0.1)
    )
    once, more = trainer.fit(X, y, sample_weight=s), trainer.fit(X, y, sample_weight=8 * s)
    assert (once.coef == more.coef).all()
    assert once.intercept == more.intercept


def test_a_warm_start_continues() -> None:
    X, y, _ = problem(fl.losses.Squared())

    def trainer(epochs: int) -> fl.Trainer:
        return fl.Trainer(
            fl.losses.Squared(), optimizer=fl.optim.SGD(0.05), epochs=epochs, shuffle=False
        )

    whole, first = trainer(7).fit(X, y), trainer(4).fit(X, y)
    kept = first.coef.copy()
    second = trainer(3).fit(X, y, coef=first.coef, intercept=first.intercept)
    assert (second.coef == whole.coef).all()
    assert second.intercept == whole.intercept
    assert (
        first.history["running_loss"] + second.history["running_loss"]
        == (whole.history["running_loss"])
    )
    assert (first.coef == kept).all()


def test_returning_to_python_more_often_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, s = problem(fl.losses.Logistic())
    schedule = fl.schedules.Exponential(0.1, 0.99)
    trainer = fl.Trainer(
        fl.losses.Logistic(), optimizer=fl.optim.SGD(schedule, momentum=0.5), batch_size=8
    )
    once = trainer.fit(X, y, sample_weight=s)
    monkeypatch.setattr(_run, "_CHUNK_ELEMENTS", 3 * 8 * 7)  # 6 chunks an epoch instead of one
    often = trainer.fit(X, y, sample_weight=s)
    assert (often.coef == once.coef).all()
    assert often.intercept == once.intercept
    assert often.history["learning_rate"] == once.history["learning_rate"]
    np.testing.assert_allclose(
        often.history["running_loss"], once.history["running_loss"], rtol=1e-14
    )


def test_history_has_its_columns() -> None:
    X, y, _ = problem(fl.losses.Squared())
    schedule = fl.schedules.Exponential(0.1, 0.95)
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(schedule), epochs=4)
    history = trainer.fit(X, y).history
    assert set(history) == {"epoch", "step", "learning_rate", "running_loss", "seconds"}
    assert history["epoch"] == [1, 2, 3, 4]
    assert history["step"] == [3, 6, 9, 12]
    assert history["learning_rate"] == [schedule(k) for k in (2, 5, 8, 11)]
    assert 0 <= history["seconds"][0] <= history["seconds"][-1] < 10
    assert history["seconds"] == sorted(history["seconds"])


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_validation_loss_is_that_of_the_weights_at_the_end_of_the_epoch(loss: Loss) -> None:
    X, y, _ = problem(loss)
    held_out, targets, _ = problem(loss, 50, seed=1)
    trainer = fl.Trainer(loss, optimizer=fl.optim.SGD(0.05), epochs=3)
    fit = trainer.fit(X, y, validation=(held_out, targets))
    margins = held_out @ fit.coef + fit.intercept
    direct = reference.LOSSES[loss.name].value(margins, targets).mean()
    assert len(fit.history["validation_loss"]) == 3
    np.testing.assert_allclose(fit.history["validation_loss"][-1], direct, rtol=1e-14)


def test_the_report_is_plausible() -> None:
    X, y, _ = problem(fl.losses.Squared())
    report = (
        fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.05), epochs=4).fit(X, y).report
    )
    assert report["epochs"] == 4
    assert report["steps"] == 12
    assert report["bytes_read"] == 4 * X.nbytes
    assert report["copied_bytes"] == 0
    assert report["threads"] == fl.get_num_threads()
    assert report["target"] == _core.get_target()
    assert 0 < report["seconds"] < 10


def test_max_time_ends_early() -> None:
    X, y, _ = problem(fl.losses.Squared())
    trainer = fl.Trainer(
        fl.losses.Squared(), optimizer=fl.optim.SGD(1e-3), epochs=10**7, max_time=0.1
    )
    fit = trainer.fit(X, y)
    assert fit.status == "budget"
    assert 0.1 <= fit.report["seconds"] < 2
    assert 0 < fit.report["epochs"] == len(fit.history["epoch"]) < 10**7


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_sorted_data_train_as_well_as_shuffled(loss: Loss) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20000, 20))  # blocks of 1638 rows
    z = X @ rng.standard_normal(20) + rng.standard_normal(20000)
    order = np.argsort(z)
    trainer = fl.Trainer(loss, optimizer=fl.optim.SGD(0.02), epochs=5)

    def accuracy(rows: np.ndarray[tuple[int], np.dtype[np.intp]] | slice) -> float:
        y: FloatArray = np.sign(z) if loss.classifies else z
        fit = trainer.fit(X[rows], y[rows])
        return float(np.mean((fit.decision_function(X) > 0) == (z > 0)))

    assert accuracy(slice(None)) > 0.9
    assert abs(accuracy(slice(None)) - accuracy(order)) < 0.01
