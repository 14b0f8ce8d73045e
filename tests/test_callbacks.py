"""Callbacks: when they are called, what they may do, and the ones that come with fallline."""

import math
import sys
from collections.abc import Mapping

import numpy as np
import pytest

import fallline as fl
from fallline import _run
from fallline._run import Run
from fallline.callbacks import Callback, EarlyStopping, History, Progress
from fallline.typing import Float64Array, FloatArray

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

Weights = tuple[FloatArray, float]


class Recorder(Callback):
    """Write down every call; raise at one epoch, or stop at another."""

    def __init__(
        self,
        name: str = "",
        calls: list[str] | None = None,
        raises: dict[str, type[BaseException]] | None = None,
        stop_at: int | None = None,
    ) -> None:
        self.name = name
        self.calls: list[str] = [] if calls is None else calls
        self.raises = raises or {}
        self.stop_at = stop_at
        self.weights: list[Weights] = []
        self.at_end: Weights | None = None

    def on_fit_begin(self, run: Run) -> None:
        self.note("begin")
        assert run.epoch == run.step == 0

    def on_chunk_end(self, run: Run) -> None:
        self.note("chunk")
        assert run.step > run.epoch * run.steps_per_epoch

    def on_epoch_end(self, run: Run) -> bool | None:
        self.weights.append(run.weights)
        self.note(f"epoch {run.epoch}")
        assert run.step == run.epoch * run.steps_per_epoch
        return None if self.stop_at is None else run.epoch == self.stop_at

    def on_fit_end(self, run: Run) -> None:
        self.at_end = run.weights
        self.note("end")

    def note(self, call: str) -> None:
        self.calls.append(f"{self.name}{call}")
        if call in self.raises:
            raise self.raises[call]


def data(seed: int = 0, n_samples: int = 100) -> tuple[Float64Array, Float64Array]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, 8))
    return X, X @ np.arange(8.0) + rng.standard_normal(n_samples)


def train(
    *callbacks: Callback,
    epochs: int = 3,
    rate: float | fl.schedules.Schedule = 0.05,
    validation: tuple[Float64Array, Float64Array] | None = None,
) -> fl.Fit:
    trainer = fl.Trainer(
        fl.losses.Squared(), optimizer=fl.optim.SGD(rate), epochs=epochs, callbacks=callbacks
    )
    return trainer.fit(*data(), validation=validation)


def same(fit: fl.Fit, weights: Weights) -> bool:
    return bool((fit.coef == weights[0]).all()) and fit.intercept == weights[1]


def test_callbacks_are_called_in_their_order() -> None:
    calls: list[str] = []
    train(Recorder("a ", calls), Recorder("b ", calls), epochs=2)
    hooks = ["begin", "chunk", "epoch 1", "chunk", "epoch 2", "end"]
    assert calls == [f"{name} {hook}" for hook in hooks for name in "ab"]


def test_every_callback_sees_the_epoch_after_which_one_stops() -> None:
    first, second = Recorder(stop_at=2), Recorder()
    fit = train(first, second, epochs=9)
    assert fit.status == "stopped"
    assert fit.history["epoch"] == [1, 2]
    assert fit.report["epochs"] == 2
    assert second.calls[-2:] == ["epoch 2", "end"]
    assert same(fit, second.weights[-1])


def test_the_base_callback_does_nothing() -> None:
    fit = train(Callback())
    assert fit.status == "budget"
    assert same(train(), (fit.coef, fit.intercept))


@pytest.mark.parametrize("hook", ["chunk", "epoch 2"])
def test_all_callbacks_end_after_an_interrupt(hook: str) -> None:
    first, second = Recorder(raises={hook: KeyboardInterrupt}), Recorder()
    fit = train(first, second)
    assert fit.status == "interrupted"
    assert first.calls[-2:] == [hook, "end"]
    assert second.calls[-1] == "end"
    assert second.calls.count("end") == 1
    assert second.at_end is not None
    assert same(fit, second.at_end)


def test_only_callbacks_that_have_begun_end() -> None:
    first, second, third = Recorder(), Recorder(raises={"begin": KeyboardInterrupt}), Recorder()
    fit = train(first, second, third)
    assert fit.status == "interrupted"
    assert fit.report["steps"] == 0
    assert first.calls == ["begin", "end"]
    assert second.calls == ["begin"]
    assert third.calls == []


def test_an_epoch_interrupted_while_validating_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    class InterruptValidation(Callback):
        def on_epoch_end(self, run: Run) -> None:
            if run.epoch == 2:
                monkeypatch.setattr(_run, "mean_loss", interrupt)

    fit = train(InterruptValidation(), epochs=9, validation=data(1))
    assert fit.status == "interrupted"
    assert fit.report["epochs"] == len(fit.history["epoch"]) == 2
    assert fit.report["steps"] == 6


def test_callbacks_end_after_divergence() -> None:
    recorder = Recorder()
    with pytest.raises(fl.DivergenceError):
        train(recorder, rate=1e6)
    assert recorder.calls == ["begin", "end"]


def test_an_error_in_a_callback_propagates() -> None:
    with pytest.raises(ZeroDivisionError):
        train(Recorder(raises={"epoch 1": ZeroDivisionError}))


def stop_epoch(losses: list[float], patience: int, min_delta: float) -> int | None:
    """The epoch after which `EarlyStopping` must stop, by its documentation."""
    best, waited = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        waited = waited + 1 if loss >= best - min_delta else 0
        best = min(best, loss)
        if waited == patience:
            return epoch
    return None


# A rate that grows: the loss falls at first and rises later.
GROWING = fl.schedules.Linear(0.12, steps=300, start_factor=0.01)


@pytest.mark.parametrize("min_delta", [0.0, 0.01])
@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("validated", [False, True])
def test_early_stopping_restores_the_best_weights(
    validated: bool, patience: int, min_delta: float
) -> None:
    validation = data(1, 40) if validated else None
    column = "validation_loss" if validated else "running_loss"
    endless = train(epochs=150, rate=GROWING, validation=validation)
    expected = stop_epoch(endless.history[column], patience, min_delta)
    assert expected is not None

    recorder = Recorder()
    stopping = EarlyStopping(patience, min_delta)
    fit = train(recorder, stopping, epochs=150, rate=GROWING, validation=validation)
    losses = fit.history[column]
    assert fit.status == "stopped"
    assert fit.report["epochs"] == len(losses) == expected
    assert losses == endless.history[column][:expected]
    best = int(np.argmin(losses))
    assert same(fit, recorder.weights[best])
    assert best == expected - 1 or not same(fit, recorder.weights[-1])


def test_early_stopping_may_keep_the_last_weights() -> None:
    recorder = Recorder()
    stopping = EarlyStopping(2, restore_best=False)
    fit = train(recorder, stopping, epochs=150, rate=GROWING, validation=data(1, 40))
    assert fit.status == "stopped"
    losses = fit.history["validation_loss"]
    assert int(np.argmin(losses)) == len(losses) - 3
    assert same(fit, recorder.weights[-1])


def test_early_stopping_restores_the_best_weights_of_a_whole_budget() -> None:
    recorder = Recorder()
    stopping = EarlyStopping(1000)
    fit = train(recorder, stopping, epochs=150, rate=GROWING)
    assert fit.status == "budget"
    best = int(np.argmin(fit.history["running_loss"]))
    assert best < 149
    assert same(fit, recorder.weights[best])


def test_a_loss_that_stays_is_no_improvement() -> None:
    trainer = fl.Trainer(
        fl.losses.Squared(), optimizer=fl.optim.SGD(0.05), callbacks=[EarlyStopping(2)]
    )
    fit = trainer.fit(data()[0], np.zeros(100))
    assert fit.status == "stopped"
    assert fit.history["running_loss"] == [0.0, 0.0, 0.0]


def test_early_stopping_forgets_earlier_fits() -> None:
    stopping = EarlyStopping(2)
    first, second = (train(stopping, epochs=150, rate=GROWING) for _ in range(2))
    assert first.history["running_loss"] == second.history["running_loss"]
    assert same(first, (second.coef, second.intercept))


def test_progress_shows_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    train(Progress("fitting"), validation=data(1))
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("fitting: 100%", "6/6", "epoch 3/3, loss ", "validation "):
        assert text in err


def test_progress_shows_lines_without_tqdm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tqdm"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    fit = train(Progress("fitting"), validation=data(1))
    out, err = capsys.readouterr()
    assert out == ""
    loss, validation = fit.history["running_loss"][-1], fit.history["validation_loss"][-1]
    expected = f"fitting: 100% epoch 3/3, loss {loss:.4g}, validation {validation:.4g}"
    assert err.splitlines() == [expected]


def test_progress_ends_where_training_was_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    train(Progress(), Recorder(stop_at=2), epochs=8)
    assert capsys.readouterr().err.startswith("training: 25% epoch 2/8, loss ")


def test_history_is_a_mapping_of_columns() -> None:
    history = History()
    assert len(history) == 0
    history.append(epoch=1, loss=0.5)
    history.append(epoch=2, loss=0.25)
    assert isinstance(history, Mapping)
    assert list(history) == ["epoch", "loss"]
    assert dict(history) == {"epoch": [1, 2], "loss": [0.5, 0.25]}
    assert "loss" in history
    assert history.get("validation_loss") is None
    assert repr(history) == "<History of 2 epochs: epoch, loss>"
    with pytest.raises(KeyError):
        history["validation_loss"]


def test_history_as_a_callback_records_what_the_fit_records() -> None:
    history = History()
    fit = train(history, validation=data(1))
    seconds, own_seconds = history["seconds"], fit.history["seconds"]
    assert {**history, "seconds": 0} == {**fit.history, "seconds": 0}
    assert all(a >= b for a, b in zip(seconds, own_seconds, strict=True))
