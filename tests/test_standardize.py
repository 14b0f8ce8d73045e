"""`Trainer(standardize=True)` against the same training on columns that are really standardised."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from arrays import DType, eps
from fallline import _core
from fallline.typing import DenseMatrix, Float64Array, FloatArray

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

N, D = 700, 9
OPTIMIZERS = [
    fl.optim.SGD(0.05),
    fl.optim.SGD(0.02, momentum=0.5, nesterov=True),
    fl.optim.AdamW(0.01, eps=1e-2, weight_decay=0.1),
]


def problem(offset: float, dtype: DType) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Columns of many sizes, their means `offset` deviations from zero, targets and weights."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(N, D)) + offset
    X = Z * 10.0 ** np.arange(-4, D - 4)
    y = (Z - offset) @ rng.normal(size=D) / D + 0.5 + 0.1 * rng.normal(size=N)
    return X.astype(dtype), y.astype(dtype), rng.integers(0, 4, N).astype(dtype)


def moments(X: DenseMatrix, s: FloatArray | None) -> tuple[Any, Any]:
    """In a longer type, by the definition."""
    rows = X.astype(np.longdouble)
    mean = np.average(rows, axis=0, weights=s)
    return mean, np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=s))


def explicit(X: DenseMatrix, s: FloatArray | None) -> Float64Array:
    mean, deviation = moments(X, s)
    return np.asarray((X - mean) / deviation, np.float64)


def fit(X: DenseMatrix, y: FloatArray, s: FloatArray | None = None, **options: Any) -> fl.Fit:
    own = ("coef", "intercept", "validation")
    fit_options: dict[str, Any] = {name: options.pop(name) for name in own if name in options}
    defaults: dict[str, Any] = {"epochs": 3, "standardize": True, "optimizer": OPTIMIZERS[0]}
    trainer = fl.Trainer(fl.losses.Squared(), **(defaults | options))
    return trainer.fit(X, y, sample_weight=s, **fit_options)


def tolerance(dtype: DType, offset: float = 0.0, steps: int = 3 * -(-N // 64)) -> float:
    """Of a weight of the standardised columns, where both runs make the same steps.

    |z| < 5 here, and weights, margins and derivatives are below 4. A margin is off by a few
    roundings of its D + 1 terms, seventeen times as large where the mean is folded in; a step
    passes on no more than its rate (or, scaled by the second moment's root, a hundredth over eps)
    times that. The means are float64, and rounded as such.
    """
    means = 4 * abs(offset) * eps(np.dtype(float))
    margin = 4 * (eps(dtype) * 17 * 5 + means) * (D + 1) * 4
    return steps * 0.05 * 5 * margin


@pytest.mark.parametrize("offset", [0.0, -3.0, 1e3, -1e6])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda rule: f"{rule.rule}")
@pytest.mark.parametrize("batch_size", [64, None])
def test_equals_a_fit_on_standardised_columns(
    batch_size: int | None, optimizer: fl.optim.Optimizer, offset: float, dtype: DType
) -> None:
    X, y, s = problem(offset, dtype)
    options: dict[str, Any] = {"optimizer": optimizer, "batch_size": batch_size}
    options |= {"penalty": fl.penalties.L2(0.1)}
    found = fit(X, y, s, **options)
    exact = fit(explicit(X, s), y.astype(float), s.astype(float), standardize=False, **options)
    mean, deviation = moments(X, s)
    assert found.coef.dtype == dtype
    assert np.abs(found.coef * deviation - exact.coef).max() <= tolerance(dtype, offset)
    at_mean = found.intercept + (found.coef * mean).sum()
    rounded = eps(np.dtype(float)) * float(np.abs(found.coef * mean).sum()) * 4
    assert abs(at_mean - exact.intercept) <= tolerance(dtype, offset) + rounded
    rows = found.decision_function(X)
    assert np.abs(rows - exact.decision_function(explicit(X, s))).max() <= 6 * D * tolerance(
        dtype, offset
    )


def test_means_far_from_zero_are_taken_off_as_rows_are_read(dtype: DType) -> None:
    for offset, is_shifted in ((0.0, False), (10.0, False), (30.0, True), (1e6, True)):
        X, y, s = problem(offset, dtype)
        assert (fit(X, y, s).shift is not None) == is_shifted, offset


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("kind", ["uint8", "int8", "float16", "int64", "bool"])
def test_any_source_is_standardised_with_the_bits_of_a_copy(kind: str, layout: Any) -> None:
    X = layout((problem(2.0, np.dtype(float))[0] / 10.0 ** np.arange(-4, D - 4) * 20).astype(kind))
    if kind == "bool":
        X = layout(np.random.default_rng(0).random((N, D)) > 0.5)
    y: FloatArray = problem(2.0, np.dtype(float))[1]
    own, other = fit(X, y), fit(np.array(X, _core.sources()[kind], order="C"), y)
    assert np.array_equal(own.coef, other.coef)
    assert own.intercept == other.intercept
    assert own.report["copied_bytes"] == 0


@pytest.mark.parametrize("offset", [2.0, 1e4])
def test_threads_and_targets_do_not_change_the_bits(offset: float, dtype: DType) -> None:
    arrays = [np.concatenate([a] * 20) for a in problem(offset, dtype)]
    found = set()
    for target in [target for target in _core.targets() if target != "baseline"]:
        for threads in (1, 3):
            _core.set_target(target)
            _core.set_num_threads(threads)
            fits = [fit(*arrays, batch_size=size, epochs=1) for size in (64, None)]
            found.add(b"".join(f.coef.tobytes() + np.float64(f.intercept).tobytes() for f in fits))
    assert len(found) <= 1


def test_weights_count_as_repeated_rows(dtype: DType) -> None:
    X, y, s = problem(5.0, dtype)
    counts = s.astype(np.intp)
    weighted = fit(X, y, s, batch_size=None)
    again: FloatArray = np.repeat(y, counts).astype(dtype)
    repeated = fit(np.repeat(X, counts, axis=0), again, batch_size=None)
    deviation = moments(X, s)[1]
    assert np.abs((weighted.coef - repeated.coef) * deviation).max() <= tolerance(dtype)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e6, 0.1])
def test_constant_columns_get_no_weight(value: float, dtype: DType) -> None:
    X, y, _ = problem(1.0, dtype)
    X[:, 4] = value
    found = fit(X, y, shuffle=False)  # the order depends on the number of columns
    # Each step the column's gradient is that of the intercept times the rounding of its value.
    assert abs(found.coef[4]) * max(abs(value), 1.0) <= tolerance(dtype)
    without = np.delete(np.arange(D), 4)
    other = fit(X[:, without], y, shuffle=False)
    deviation = moments(X[:, without], None)[1]
    assert np.abs((found.coef[without] - other.coef) * deviation).max() <= tolerance(dtype)


def test_without_an_intercept_columns_are_only_scaled(dtype: DType) -> None:
    X, y, _ = problem(2.0, dtype)
    found = fit(X, y, fit_intercept=False)
    size = np.sqrt(np.mean(X.astype(np.longdouble) ** 2, axis=0))
    exact = fit(
        np.asarray(X / size, float), y.astype(float), fit_intercept=False, standardize=False
    )
    assert found.intercept == 0.0
    assert np.abs(found.coef * size - exact.coef).max() <= tolerance(dtype)


@pytest.mark.parametrize("offset", [2.0, 1e6])
def test_a_fit_goes_on_from_given_weights(offset: float, dtype: DType) -> None:
    X, y, _ = problem(offset, dtype)
    first = fit(X, y, shuffle=False)
    second = fit(X, y, shuffle=False, coef=first.coef, intercept=first.intercept)
    whole = fit(X, y, shuffle=False, epochs=6)
    deviation = moments(X, None)[1]
    assert np.abs((second.coef - whole.coef) * deviation).max() <= 3 * tolerance(dtype)
    assert second.history["running_loss"][0] < first.history["running_loss"][0]


@pytest.mark.parametrize("offset", [2.0, 1e6])
def test_validation_and_callbacks_see_weights_for_x_as_it_is(offset: float, dtype: DType) -> None:
    X, y, _ = problem(offset, dtype)
    stopping = fl.callbacks.EarlyStopping(patience=2)
    found = fit(X, y, validation=(X, y), callbacks=[stopping], epochs=8)
    losses = found.history["validation_loss"]
    predicted = 0.5 * np.mean((found.predict(X).astype(float) - y) ** 2)
    assert predicted == pytest.approx(min(losses), rel=100 * eps(dtype))


@pytest.mark.parametrize("offset", [2.0, 1e6])
def test_a_saved_model_predicts_the_same(offset: float, dtype: DType, tmp_path: Path) -> None:
    X, y, _ = problem(offset, dtype)
    found = fit(X, y)
    fl.save(found, tmp_path / "model.npz")
    assert np.array_equal(fl.load(tmp_path / "model.npz").predict(X), found.predict(X))


def test_the_report_says_what_is_penalised() -> None:
    X, y, _ = problem(0.0, np.dtype(float))
    penalty = fl.penalties.L2(1e-3)
    X /= moments(X, None)[1]
    assert fit(X, y).report["objective"].startswith("mean of ")
    assert "|deviation w|^2" in fit(X, y, penalty=penalty).report["objective"]
    assert "deviation" not in fit(X, y, penalty=penalty, standardize=False).report["objective"]


def test_divergence_does_not_advise_what_is_done_already() -> None:
    X, y, _ = problem(0.0, np.dtype(float))
    with pytest.raises(fl.DivergenceError, match=r"lower it$"):
        fit(X, y, optimizer=fl.optim.SGD(100.0))


def test_columns_too_large_to_measure_are_refused() -> None:
    X, y, _ = problem(0.0, np.dtype(float))
    X[:, 3] *= 1e200
    with pytest.raises(ValueError, match="column 3; rescale it"):
        fit(X, y)


def test_standardize_is_a_bool() -> None:
    with pytest.raises(TypeError, match="standardize must be"):
        fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.1), standardize="yes")  # type: ignore[arg-type]
