"""A Trainer without an optimizer: the optimum, what callbacks see of the way, and the report."""

import math
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference
from fallline._run import Run
from fallline.typing import Float64Array
from loss_cases import targets_near

LOSSES: list[fl.losses.Loss] = [
    *(fl.losses.Squared(), fl.losses.Logistic(), fl.losses.Huber(), fl.losses.Poisson()),
    *(fl.losses.Quantile(0.9), fl.losses.Hinge(), fl.losses.EpsilonInsensitive()),
]
L2 = fl.penalties.L2(1e-3)


def problem(loss: fl.losses.Loss, n: int = 400) -> tuple[Float64Array, Float64Array]:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, 3))
    y = targets_near(loss.name, X @ [1.0, -0.5, 0.2] + rng.standard_normal(n))
    return X * [1.0, 100.0, 0.01] + [0.0, 1000.0, 0.0], y


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_optimum_is_found_without_any_choice(loss: fl.losses.Loss) -> None:
    X, y = problem(loss)
    fit = fl.Trainer(loss, penalty=L2).fit(X, y)
    best = fl.Trainer(loss, penalty=L2, tol=1e-9).fit(X, y)
    assert fit.status == best.status == "certified"
    options: Any = {"loss": loss.name, "loss_parameters": loss.parameters, "alpha": 1e-3}
    reached, least = (
        reference.objective(X, y, found.coef.astype(np.float64), found.intercept, **options)
        for found in (fit, best)
    )
    assert reached - least <= fit.gap <= 1.001e-6 * max(reached, 1e-3 * fit.report["null_value"])
    assert fit.report["value"] == pytest.approx(reached, rel=1e-12)
    assert fit.history["objective"][-1] == fit.report["value"]


def test_several_classes_and_several_targets() -> None:
    X, y = problem(fl.losses.Squared())
    kinds = np.digitize(y, [-1.0, 1.0])
    for loss in (fl.losses.Softmax(), fl.losses.Logistic()):
        fit = fl.Trainer(loss, penalty=L2).fit(X, kinds)
        assert fit.status == "certified"
        assert fit.coef.shape == (3, 3)
        assert np.mean(fit.predict(X) == kinds) > 0.5
    both = fl.Trainer(fl.losses.Squared()).fit(X, np.column_stack([y, -y]))
    alone = fl.Trainer(fl.losses.Squared()).fit(X, y)
    assert both.status == "certified"
    assert np.abs(both.coef[:, 0] / alone.coef - 1).max() <= 1e-9
    assert np.abs(both.coef[:, 1] / alone.coef + 1).max() <= 1e-9


def test_standardizing_penalises_the_weights_of_standardised_columns() -> None:
    X, y = problem(fl.losses.Logistic())
    fit = fl.Trainer(fl.losses.Logistic(), penalty=L2, standardize=True, tol=1e-12).fit(X, y)
    standardised = (X - X.mean(axis=0)) / X.std(axis=0)
    other = fl.Trainer(fl.losses.Logistic(), penalty=L2, tol=1e-12).fit(standardised, y)
    np.testing.assert_allclose(fit.coef * X.std(axis=0), other.coef, rtol=1e-5)
    assert "|deviation w|^2" in fit.report["objective"]


class Watch(fl.callbacks.Callback):
    def __init__(self, stop_at: int = 0) -> None:
        self.stop_at = stop_at
        self.seen: list[str] = []
        self.coefs: list[Any] = []

    def on_fit_begin(self, run: Run) -> None:
        self.seen.append("begin")
        self.coefs.append(run.weights[0])

    def on_epoch_end(self, run: Run) -> bool:
        self.seen.append(run.standing)
        self.coefs.append(run.weights[0])
        return run.epoch == self.stop_at

    def on_fit_end(self, _: Run) -> None:
        self.seen.append("end")


def test_callbacks_see_every_place_and_may_stop() -> None:
    X, y = problem(fl.losses.Logistic())
    watch, stopper = Watch(), Watch(stop_at=2)
    fit = fl.Trainer(fl.losses.Logistic(), callbacks=[watch]).fit(X, y, validation=(X, y))
    assert watch.seen[0] == "begin"
    assert watch.seen[-1] == "end"
    assert re.fullmatch(r"1\.0 passes, F 0\.\d+, validation 0\.\d+", watch.seen[1])
    assert np.array_equal(watch.coefs[0], [0.0, 0.0, 0.0])
    assert len(fit.history["validation_loss"]) == len(fit.history["passes"]) >= 3
    assert fit.history["validation_loss"][-1] == pytest.approx(fit.report["value"], rel=1e-12)
    stopped = fl.Trainer(fl.losses.Logistic(), callbacks=[stopper]).fit(X, y)
    assert stopped.status == "stopped"
    assert stopped.history["objective"] == fit.history["objective"][:2]
    assert stopped.coef.tobytes() == stopper.coefs[2].tobytes() == watch.coefs[2].tobytes()


def test_early_stopping_returns_to_the_best_weights_and_claims_no_gap() -> None:
    X, y = problem(fl.losses.Logistic(), n=30)
    rng = np.random.default_rng(0)
    held_out = X, rng.permutation(y)  # nothing that is learnt helps here
    fit = fl.Trainer(fl.losses.Logistic(), callbacks=[fl.callbacks.EarlyStopping(patience=1)]).fit(
        X, y, validation=held_out
    )
    assert fit.status == "stopped"
    assert math.isnan(fit.gap)
    assert np.array_equal(fit.coef, [0.0, 0.0, 0.0])
    patient = fl.Trainer(fl.losses.Logistic(), callbacks=[fl.callbacks.EarlyStopping(patience=99)])
    fit = patient.fit(X, y, validation=held_out)
    assert fit.status == "stopped"  # though it went on to the optimum
    assert math.isnan(fit.gap)


def test_progress_counts_the_places(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = problem(fl.losses.Squared())
    fl.Trainer(fl.losses.Squared(), callbacks=[fl.callbacks.Progress()]).fit(X, y)
    assert "passes, F 0." in capsys.readouterr().err


def test_limits_are_kept_and_said() -> None:
    X, y = problem(fl.losses.Logistic())
    with pytest.warns(fl.ConvergenceWarning, match="the solver stopped at epochs=1, short of tol"):
        fit = fl.Trainer(fl.losses.Logistic(), epochs=1).fit(X, y)
    assert fit.status == "budget"

    class Slow(fl.callbacks.Callback):
        def on_epoch_end(self, _: Run) -> None:
            time.sleep(0.06)

    with pytest.warns(fl.ConvergenceWarning, match="the solver stopped at max_time"):
        fit = fl.Trainer(fl.losses.Logistic(), max_time=0.05, callbacks=[Slow()]).fit(X, y)
    assert fit.status == "budget"
    both = np.column_stack([X[:, 0], X[:, 2]])
    with pytest.warns(fl.ConvergenceWarning, match="the solver stopped at max_time"):
        fit = fl.Trainer(fl.losses.Huber(), max_time=1e-9).fit(X, both)
    assert fit.status == "budget"
    assert np.array_equal(fit.coef[:, 1], [0.0, 0.0, 0.0])  # not begun
    X[:, 0] = y
    with pytest.warns(fl.ConvergenceWarning, match=r"pass penalty=fl\.penalties\.L2"):
        fit = fl.Trainer(fl.losses.Logistic()).fit(X, y)
    assert fit.status == "separable"


def test_what_cannot_be_is_refused() -> None:
    X, y = problem(fl.losses.Logistic())
    with pytest.raises(ValueError, match="coef must be None with optimizer='auto'"):
        fl.Trainer(fl.losses.Logistic()).fit(X, y, coef=np.zeros(3))
    with pytest.raises(ValueError, match=r"trainer must name an optimizer, .* got 'auto'"):
        fl.sweep(fl.Trainer(fl.losses.Logistic(), penalty=L2), X, y, alpha=[0.1])
    for labels in (y, y + (X[:, 0] > 0)):
        loss = fl.losses.Logistic() if labels is y else fl.losses.Softmax()
        with pytest.raises(ValueError, match=r"classes with positive weight, got none for -1\.0"):
            fl.Trainer(loss).fit(X, labels, sample_weight=labels > -1)
    wide = np.ones((2, 1600))
    with pytest.raises(
        ValueError, match=r"at most 1499 features for a penalty of deviation w, got 1600"
    ):
        fl.Trainer(fl.losses.Squared(), penalty=L2, standardize=True).fit(wide, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"loss must have an optimum .* Perceptron\(\)"):
        fl.Trainer(fl.losses.Perceptron()).fit(X, y)


def test_the_report_is_a_page_and_is_saved(tmp_path: Path) -> None:
    X, y = problem(fl.losses.Logistic())
    fit = fl.Trainer(fl.losses.Logistic(), penalty=L2).fit(X, y)
    page = str(fit)
    assert page.startswith("<Fit of Logistic() on 3 features, status 'certified'>\n")
    assert "F = mean of log(1 + exp(-y z)) + 0.001 |w|^2 / 2, z = x.w + b" in page
    assert f"= {fit.report['value']:.6g}, and {fit.report['null_value']:.6g} without" in page
    assert f"no more than {fit.gap:.2g} below" in page
    assert "passes over the data in" in page
    parts = fit.report["seconds_in"]
    assert 0 < parts["passes"] + parts["equations"] < fit.report["seconds"]
    assert fit.report["bytes_read"] == round(fit.report["passes"] * X.nbytes)
    fl.save(fit, tmp_path / "model.npz")
    again = fl.load(tmp_path / "model.npz")
    assert str(again) == page
    assert again.gap == fit.gap


def test_large_data_are_held_against_the_bandwidth_of_the_machine() -> None:
    X = np.ones((1_100_000, 8))
    X[:, 0] = np.arange(len(X)) % 7
    page = str(fl.Trainer(fl.losses.Squared(), penalty=L2).fit(X, X[:, 0]))
    assert re.search(r"read at [\d.]+ GB/s; this machine reads [\d.]+ GB/s", page)
