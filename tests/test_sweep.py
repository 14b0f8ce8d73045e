"""fl.sweep: every candidate in one pass, each what a fit of its own would be."""

import sys
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference
from fallline import _core
from fallline.typing import Float64Array
from problems import problem

RATES = [1e-3, 0.02, 0.1]
ALPHAS = [0.0, 0.01, 0.3]
OPTIMIZERS = {
    "sgd": fl.optim.SGD(0.05),
    "decayed sgd": fl.optim.SGD(0.05, weight_decay=0.01),
    "momentum": fl.optim.SGD(0.02, momentum=0.5),
    "nesterov": fl.optim.SGD(0.02, momentum=0.5, nesterov=True),
    "adam": fl.optim.Adam(0.01),
    "adamw": fl.optim.AdamW(0.01, weight_decay=0.1),
}

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")


def trainer(
    optimizer: str = "sgd", penalty: Any = None, *, rate: Any = None, **options: Any
) -> fl.Trainer:
    rule = OPTIMIZERS[optimizer]
    if rate is not None:
        changed = {"sgd": fl.optim.SGD, "adam": fl.optim.Adam}[optimizer]
        rule = changed(rate)
    penalty = penalty or fl.penalties.L2(0.01)
    loss = options.pop("loss", fl.losses.Squared())
    return fl.Trainer(loss, penalty=penalty, optimizer=rule, **{"epochs": 3, **options})


def objective(
    X: Float64Array, y: Float64Array, w: Float64Array, b: float, s: Any, penalty: Any
) -> float:
    kind = {"alpha": penalty.alpha, "l1_ratio": penalty.l1_ratio, "sample_weight": s}
    return reference.objective(X, y, w, b, loss="squared", **kind)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_candidate_is_its_own_fit_to_rounding(optimizer: str) -> None:
    X, y, s = problem()
    kinds = (
        [fl.penalties.L2] if optimizer.startswith("adam") else [fl.penalties.L2, fl.penalties.L1]
    )
    for kind in kinds:
        result = fl.sweep(trainer(optimizer, kind(0.5)), X, y, alpha=ALPHAS, sample_weight=s)
        assert result.candidates == [{"alpha": alpha} for alpha in ALPHAS]
        for k, alpha in enumerate(ALPHAS):
            alone = trainer(optimizer, kind(alpha)).fit(X, y, sample_weight=s)
            # Adam divides by roots of small numbers, and an L1 step has kinks: some digits less.
            np.testing.assert_allclose(result.coef[k], alone.coef, rtol=1e-9, atol=1e-11)
            assert result.intercept[k] == pytest.approx(alone.intercept, rel=1e-9)
            w = alone.coef.astype(np.float64)
            value = objective(X, y, w, alone.intercept, s, kind(alpha))
            assert result.scores[k] == pytest.approx(value, rel=1e-9)
            losses = alone.history["running_loss"]
            np.testing.assert_allclose(result.running_loss[:, k], losses, rtol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_rates_numbers_schedules_and_functions_ride_together(optimizer: str) -> None:
    X, y, _ = problem()
    rates = [0.05, fl.schedules.Cosine(0.1, 12), lambda step: 0.1 / (1 + step)]
    result = fl.sweep(trainer(optimizer), X, y, learning_rate=rates, alpha=[0.0, 0.1])
    assert [c["learning_rate"] for c in result.candidates] == [r for r in rates for _ in "ab"]
    assert [c["alpha"] for c in result.candidates] == [0.0, 0.1] * 3
    for k, candidate in enumerate(result.candidates):
        penalty = fl.penalties.L2(candidate["alpha"])
        alone = trainer(optimizer, penalty, rate=candidate["learning_rate"]).fit(X, y)
        np.testing.assert_allclose(result.coef[k], alone.coef, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_candidate_has_its_bits_whoever_rides_along(dtype: str) -> None:
    X, y, s = (a.astype(dtype) for a in problem())
    rates = np.geomspace(1e-4, 0.1, 20).tolist()
    many = fl.sweep(trainer("momentum"), X, y, learning_rate=rates, sample_weight=s)
    for chosen in ([0], [19], [3, 17], list(range(16)), [*range(19, -1, -1)]):
        some = [rates[k] for k in chosen]
        few = fl.sweep(trainer("momentum"), X, y, learning_rate=some, sample_weight=s)
        assert few.coef.dtype == dtype
        assert few.coef.tobytes() == many.coef[chosen].tobytes()
        assert few.intercept.tobytes() == many.intercept[chosen].tobytes()
        assert few.scores.tobytes() == many.scores[chosen].tobytes()


@pytest.mark.parametrize("batch_size", [64, None])
def test_the_bits_depend_on_neither_target_nor_threads(batch_size: int | None) -> None:
    X, y, s = problem(5000)
    found = set()
    for target in set(_core.targets()) - {"baseline"}:
        _core.set_target(target)
        for n_threads in (1, 2, 3):
            _core.set_num_threads(n_threads)
            result = fl.sweep(
                trainer("adam", batch_size=batch_size),
                *(X, y),
                learning_rate=RATES,
                alpha=ALPHAS,
                sample_weight=s,
            )
            found.add(result.coef.tobytes() + result.scores.tobytes())
    assert len(found) == 1


def test_a_candidate_that_diverges_is_reported_and_harms_nobody() -> None:
    X, y, _ = problem()
    for wild in (0.9, 1e4, 1e300):  # slowly, fast, and at once
        rates = [0.02, wild, 0.1]
        result = fl.sweep(trainer(epochs=30, batch_size=1), X, y, learning_rate=rates)
        calm = fl.sweep(trainer(epochs=30, batch_size=1), X, y, learning_rate=[0.02, 0.1])
        assert result.status == ["budget", "diverged", "budget"]
        assert result.scores[1] == np.inf
        assert result.coef[[0, 2]].tobytes() == calm.coef.tobytes()
        assert result.best == (0, 2)[int(np.argmin(calm.scores))]
        assert result.table().splitlines()[2].endswith("diverged")


@pytest.mark.parametrize("loss", [fl.losses.Perceptron(), fl.losses.Huber(0.5)], ids=repr)
def test_losses_that_begin_at_zero_or_have_parameters_take_part(loss: fl.losses.Loss) -> None:
    X, z, _ = problem()
    y = np.where(z > 0, 1, -1) if loss.classifies else z
    result = fl.sweep(trainer(loss=loss), X, y, learning_rate=RATES)
    assert result.status == ["budget"] * 3
    for k, rate in enumerate(RATES):
        alone = trainer(rate=rate, loss=loss).fit(X, y)
        np.testing.assert_allclose(result.coef[k], alone.coef, rtol=1e-9, atol=1e-11)


def test_all_may_diverge() -> None:
    X, y, _ = problem()
    result = fl.sweep(trainer(epochs=9), X, y, learning_rate=[1e200, 1e300])
    assert result.status == ["diverged"] * 2
    assert result.best is None
    assert "all diverged" in repr(result)
    assert result.report["epochs"] == len(result.running_loss) == 1


def test_the_validation_set_decides() -> None:
    X, y, _ = problem(400, classes=True)
    held_out = (X[:100], y[:100])
    options: dict[str, Any] = {"loss": fl.losses.Logistic()}
    result = fl.sweep(
        trainer(**options), X[100:], y[100:], learning_rate=RATES, validation=held_out
    )
    assert result.best is not None
    for k in range(3):
        fit = result.fit(k)
        margins = np.where(y[:100] == "yes", 1, -1) * fit.decision_function(X[:100])
        assert result.scores[k] == pytest.approx(np.mean(np.logaddexp(0, -margins)), rel=1e-12)
        assert set(fit.predict(X)) <= {"yes", "no"}
        assert fit.report["learning_rate"] == RATES[k]
        assert fit.history["running_loss"] == result.running_loss[:, k].tolist()
    assert result.scores[result.best] == min(result.scores)


def test_the_trainer_is_left_as_it_is_and_the_rest_of_it_counts() -> None:
    X, y, _ = problem()
    ours = trainer(fit_intercept=False, shuffle=False, max_time=1e-9)
    before = dict(vars(ours))
    result = fl.sweep(ours, X, y, learning_rate=RATES)
    assert vars(ours) == before
    assert not result.intercept.any()
    assert result.report["epochs"] == 1  # the time was over after it


def test_ctrl_c_keeps_what_was_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = problem()
    rates = fl.schedules.Constant(0.1)
    calls = iter([False, True])

    def values(_: Any, start: int, count: int) -> Float64Array:
        if next(calls):
            raise KeyboardInterrupt
        return np.full(count, 0.1 if start == 0 else np.nan)

    monkeypatch.setattr(type(rates), "values", values)
    result = fl.sweep(trainer(), X, y, learning_rate=[rates])
    assert result.status == ["interrupted"]
    assert result.report["epochs"] == 1
    assert result.coef.any()


def test_the_table_shows_every_candidate_and_the_best() -> None:
    X, y, _ = problem()
    result = fl.sweep(trainer(), X, y, learning_rate=RATES, alpha=ALPHAS)
    lines = result.table().splitlines()
    assert lines[0].split() == ["learning_rate", "alpha", "score", "status"]
    assert [line.split()[:2] for line in lines[1:4]] == [["0.001", f"{a:g}"] for a in ALPHAS]
    assert [k for k, line in enumerate(lines[1:]) if line.endswith("*")] == [result.best]


def test_the_plot_has_a_line_per_alpha(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = problem()
    result = fl.sweep(trainer(), X, y, learning_rate=[*RATES, 1e200], alpha=ALPHAS)
    axes = result.plot().axes[0]
    assert [line.get_label() for line in axes.lines] == [f"alpha {alpha:g}" for alpha in ALPHAS]
    for line, alpha in zip(axes.lines, range(3), strict=True):
        assert np.asarray(line.get_xdata()).tolist() == RATES
        assert np.asarray(line.get_ydata()).tolist() == result.scores[alpha:9:3].tolist()
    alphas = fl.sweep(trainer(), X, y, alpha=ALPHAS).plot().axes[0]
    assert alphas.get_xlabel() == "alpha"
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'fallline\[plot\]'"):
        result.plot()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"trainer": 1}, TypeError, r"trainer must be a Trainer, got 1; the order is sweep\(tr"),
        ({}, ValueError, "learning_rate or alpha must be given, got neither"),
        ({"learning_rate": 0.1}, TypeError, r"learning_rate must be a list .*; write \[0.1\]"),
        ({"learning_rate": []}, ValueError, "learning_rate must have at least one value"),
        ({"learning_rate": [0.1, -1.0]}, ValueError, "learning_rate must be .*got -1.0"),
        ({"alpha": "0"}, TypeError, "alpha must be a list of values to try, got '0'"),
        ({"alpha": [0.1, -1.0]}, ValueError, "alpha must be a finite number >= 0, got -1.0"),
        ({"alpha": [0.1], "trainer": "bare"}, ValueError, "alpha must be tried with a trainer"),
        ({"alpha": [0.1], "trainer": "classes"}, ValueError, "y must have one output .*got 3"),
        ({"alpha": [0.1], "trainer": "telling"}, ValueError, "trainer must have no callbacks"),
        (
            {"alpha": [0.1], "y": np.ones((300, 2))},
            ValueError,
            "y must have one output .*2 targets",
        ),
        ({"alpha": [0.1], "validation": 3}, TypeError, r"validation must be a pair \(X, y\)"),
        ({"alpha": [0.1], "y": np.ones(7)}, ValueError, r"y must have one entry per row of X"),
    ],
)
def test_wrong_arguments_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    X, z, _ = problem()
    progress = [fl.callbacks.Progress()]
    trainers: dict[Any, Any] = {
        "bare": fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.1)),
        "classes": trainer(loss=fl.losses.Softmax()),
        "telling": trainer(callbacks=progress),
        None: trainer(),
    }
    kind = change.get("trainer")
    y = np.digitize(z, [-1, 1]) if kind == "classes" else z
    arguments = {"X": X, "y": y, **change, "trainer": trainers.get(kind, kind)}
    with pytest.raises(error, match=message):
        fl.sweep(**arguments)
