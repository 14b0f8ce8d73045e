"""Rules for arrays alone: against the reference, and refused for models of rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference_array_rules as reference
from arrays import eps
from fallline.typing import Float64Array, FloatArray
from reference_array_rules import Gradients

SHAPES = [(7,), (40, 21), (), (0,), (1,)]
N_STEPS = 40
RATES = list(np.linspace(0.3, 1.0, N_STEPS))
RULES: dict[str, Callable[..., fl.optim.Optimizer]] = {
    "prodigy": fl.optim.Prodigy,
    "dowg": fl.optim.DoWG,
    "schedule_free_sgd": fl.optim.ScheduleFreeSGD,
    "schedule_free_adam": fl.optim.ScheduleFreeAdamW,
}


def draws(dtype: Any, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def rate(step: int) -> float:
    return float(RATES[step])


def expected(rule: str, weights: list[Float64Array], steps: list[list[Float64Array]]) -> Any:
    gradients = Gradients(RATES, steps)
    if rule == "prodigy":
        return reference.prodigy(weights, gradients, (0.8, 0.95), 1e-3, 0.01, 0.1)
    if rule == "dowg":
        return reference.dowg(weights, gradients, 0.01)
    if rule == "schedule_free_sgd":
        return reference.schedule_free(weights, gradients, 0.8)
    return reference.schedule_free(weights, gradients, 0.8, adam=(0.95, 1e-3, 0.1))


def optimizer_of(rule: str, **options: Any) -> fl.optim.Optimizer:
    settings: dict[str, dict[str, Any]] = {
        "prodigy": {"betas": (0.8, 0.95), "eps": 1e-3, "first_distance": 0.01, "weight_decay": 0.1},
        "dowg": {"first_distance": 0.01},
        "schedule_free_sgd": {"momentum": 0.8},
        "schedule_free_adam": {"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1},
    }
    return RULES[rule](rate, **settings[rule], **options)


def assert_close(got: FloatArray, wanted: Float64Array, dtype: Any) -> None:
    # Some ten roundings a step of numbers of a few units, which a step may enlarge a little.
    np.testing.assert_allclose(got, wanted, rtol=0, atol=100 * N_STEPS * eps(dtype))


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
def test_steps_are_those_of_the_reference(rule: str, dtype: Any) -> None:
    weights = draws(dtype, 0)
    steps = [draws(dtype, seed) for seed in range(1, N_STEPS + 1)]
    as_float64 = [[np.asarray(g, np.float64) for g in step] for step in steps]
    found = expected(rule, [np.asarray(w, np.float64) for w in weights], as_float64)
    optimizer = optimizer_of(rule)
    for step in steps:
        optimizer.step(weights, step)
    if not rule.startswith("schedule"):
        for w, wanted in zip(weights, found, strict=True):
            assert_close(w, wanted, dtype)
        return
    means = optimizer.averaged(weights)
    for w, x, y_wanted, x_wanted in zip(weights, means, found.y, found.x, strict=True):
        assert_close(w, y_wanted, dtype)
        assert_close(x, x_wanted, dtype)
        assert x.shape == w.shape
        assert x.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
def test_bits_know_nothing_of_threads(rule: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(n).astype(dtype) for n in (300_000, 7, 40_000)]
    grads = [rng.standard_normal(len(w)).astype(dtype) for w in start]
    found = set()
    for threads in (1, 2, 3):
        fl.set_num_threads(threads)
        weights = [w.copy() for w in start]
        optimizer = optimizer_of(rule)
        for _ in range(3):
            optimizer.step(weights, grads)
        found.add(b"".join(w.tobytes() for w in weights))
    assert len(found) == 1


@pytest.mark.parametrize("rule", RULES)
def test_models_of_rows_have_other_rules(rule: str) -> None:
    with pytest.raises(ValueError, match=r"optimizer must be one for models of rows, got .*'auto'"):
        fl.Trainer(fl.losses.Squared(), optimizer=RULES[rule]())


@pytest.mark.parametrize("rule", RULES)
def test_a_bowl_is_descended_without_a_learning_rate(rule: str) -> None:
    w = np.array([3.0, -4.0, 100.0])
    curvatures = np.array([1.0, 0.5, 2.0])
    optimizer = RULES[rule]() if rule != "schedule_free_adam" else RULES[rule](0.5)
    for _ in range(3000):
        optimizer.step(w, curvatures * w)
    model = optimizer.averaged(w) if rule.startswith("schedule") else w
    assert np.abs(model).max() < 1.0
