"""What fallline is measured against is right, fast in the way it says, and compared first."""

import time
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference
from fallline import _core
from fallline.bench import agreement, contests, numpy_loop, ratios, timing
from fallline.bench.core_loop import CoreLoop
from fallline.bench.numpy_loop import NumpyLoop
from fallline.bench.numpy_step import NumpyStep
from fallline.bench.problems import make_problem, stable_learning_rate
from fallline.bench.roofline import measure_read_bandwidth
from fallline.typing import Float64Array, FloatArray

LOSSES = ["logistic", "squared"]
DTYPES = ["float32", "float64"]
N_SAMPLES = 203  # leaves a short last batch for every size below but 1 and all


def double(array: FloatArray) -> Float64Array:
    return array.astype(np.float64)


@pytest.mark.parametrize("loop", [NumpyLoop, CoreLoop])
@pytest.mark.parametrize("batch_size", [1, 2, 64, 101, None])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_both_loops_make_the_steps_of_the_reference(
    loss: str, dtype: str, batch_size: int | None, loop: Any
) -> None:
    X, y = make_problem(loss, N_SAMPLES, 7, dtype)
    rate = stable_learning_rate(X, loss)
    tested = loop(X, y, loss=loss, learning_rate=rate, batch_size=batch_size)
    tested.epoch()
    tested.epoch()

    size = batch_size or N_SAMPLES
    steps = 2 * -(-N_SAMPLES // size)
    expected = reference.train(
        double(X),
        double(y),
        loss=loss,
        rule="sgd",
        learning_rates=[rate] * steps,
        batch_size=size,
    )
    tolerance = agreement.epoch_tolerance(
        X, y, expected.coef, loss=loss, learning_rate=rate, batch_size=size, steps=steps
    )
    distance = np.append(tested.coef - expected.coef, tested.intercept - expected.intercept)
    assert np.linalg.norm(distance) <= tolerance


@pytest.mark.parametrize("batch_size", [1, 8, None])
def test_numpy_loop_survives_margins_whose_exponential_overflows(batch_size: int | None) -> None:
    X, y = make_problem("logistic", 40, 3, "float32")
    loop = NumpyLoop(1e3 * X, y, loss="logistic", learning_rate=1.0, batch_size=batch_size)
    loop.epoch()  # a warning would be an error
    assert np.isfinite(loop.coef).all()


@pytest.mark.parametrize("scale", [0.1, 1e3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_numpy_loss_and_gradient_are_those_of_the_reference(
    loss: str, dtype: str, scale: float
) -> None:
    X, y = make_problem(loss, N_SAMPLES, 7, dtype)
    coef = X[0] * X.dtype.type(scale)
    value, gradient, intercept_gradient = numpy_loop.loss_gradient(X, y, coef, 0.5, loss=loss)

    arguments = double(X), double(y), double(coef), 0.5
    expected, expected_intercept = reference.gradient(*arguments, loss=loss)
    tolerance = agreement.gradient_tolerance(X, y, coef, N_SAMPLES * expected, loss=loss)
    assert np.linalg.norm(gradient - N_SAMPLES * expected) <= tolerance
    assert abs(intercept_gradient - N_SAMPLES * expected_intercept) <= tolerance
    # Each margin errs by at most (d + 2) eps of its terms, which moves its loss by |derivative|
    # times that; the loss itself errs by a few eps of it, or of 1 where it is a logarithm.
    eps = np.finfo(X.dtype).eps
    terms = np.abs(double(X)) @ np.abs(double(coef)) + 0.5
    slopes = np.abs(reference.LOSSES[loss].derivative(double(X) @ double(coef) + 0.5, double(y)))
    total = N_SAMPLES * reference.objective(*arguments, loss=loss)
    bound = eps * (9 * np.sum((slopes + 9 * eps * terms) * terms) + N_SAMPLES * (total + 4))
    assert abs(value - total) <= bound


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov", "adam", "amsgrad"])
def test_numpy_step_is_that_of_the_reference(rule: str, dtype: str, weight_decay: float) -> None:
    rng, kind = np.random.default_rng(0), np.dtype(dtype).type
    w, g = rng.standard_normal(101, kind), rng.standard_normal(101, kind)
    parameters = [0.9, 0.999, 1e-8][: reference.RULES[rule].n_parameters]
    step = NumpyStep(rule, w, g, parameters, learning_rate=0.1, weight_decay=weight_decay)
    expected = double(w)
    slots = [np.zeros(101) for _ in step.slots]
    for t in range(1, 6):
        step()
        expected = reference.step(
            rule, expected, double(g), slots, parameters, t, 0.1, weight_decay=weight_decay
        )
    tolerance = agreement.step_tolerance(w, g, learning_rate=0.1, steps=5)
    assert np.linalg.norm(w - expected) <= tolerance


def test_rules_of_every_number_of_slots_have_a_contest() -> None:
    rules, twins = _core.rules(), {twin for _, twin, _, _ in contests.RULES.values()}
    assert twins <= set(rules)
    # Other rules take about as long as one with as many slots: a step is bound by memory.
    assert {rules[twin][0] for twin in twins} == {n_slots for n_slots, _ in rules.values()}


@pytest.mark.parametrize("rule", contests.RULES)
def test_optimizers_and_numpy_make_the_same_steps(rule: str) -> None:
    contest = contests.step_contest(rule, 1001, "float64")  # compares
    assert contest.n == contest.numpy_n == 1001


def test_tolerance_is_tight_enough_to_notice_a_rate_that_is_off_by_a_millionth() -> None:
    X, y = make_problem("logistic", 5_000, 10, "float64")
    rate = stable_learning_rate(X, "logistic")
    right, wrong = (
        NumpyLoop(X, y, loss="logistic", learning_rate=r, batch_size=8)
        for r in (rate, rate * (1 + 1e-6))
    )
    right.epoch()
    wrong.epoch()
    tolerance = agreement.epoch_tolerance(
        X, y, right.coef, loss="logistic", learning_rate=rate, batch_size=8, steps=625
    )
    with pytest.raises(RuntimeError, match="wrong rate: fallline and NumPy lie"):
        agreement.check_agreement("wrong rate", wrong.coef, right.coef, tolerance)


def test_what_is_not_finite_does_not_agree() -> None:
    with pytest.raises(RuntimeError, match="nan apart"):
        agreement.check_agreement("x", np.array([np.nan]), np.array([0.0]), 1.0)


def test_read_bandwidth_is_plausible_and_leaves_the_threads_alone() -> None:
    before = fl.get_num_threads()
    bandwidth = measure_read_bandwidth(megabytes=16, rounds=2)
    assert 0.05 < bandwidth.one_thread < 5_000
    assert 0.05 < bandwidth.all_threads < 50_000
    assert bandwidth.n_threads == before == fl.get_num_threads()
    assert f"{bandwidth.one_thread:.1f} GB/s with one thread" in str(bandwidth)


def test_threads_are_set_inside_the_block_only_even_when_it_raises() -> None:
    def fail() -> None:
        with timing.threads(before + 1):
            raise KeyError(fl.get_num_threads())

    before = fl.get_num_threads()
    with pytest.raises(KeyError, match=str(before + 1)):
        fail()
    assert fl.get_num_threads() == before


def test_rounds_are_interleaved_and_the_best_counts() -> None:
    calls: list[str] = []
    ticks = iter([0.0, 5.0, 5.0, 7.0, 10.0, 13.0, 13.0, 19.0])
    best = timing.best_times(
        lambda: calls.append("a"),
        lambda: calls.append("b"),
        rounds=2,
        clock=lambda: next(ticks),
    )
    assert calls == ["a", "b", "a", "b"]
    assert best == [3.0, 2.0]


def test_report_has_a_line_per_case_with_its_ratio() -> None:
    plan = ratios.Plan(
        losses=("logistic", "squared"),
        dtypes=("float32", "float64"),
        features=(3, 10),
        batch_sizes=(8, None),
        weights=(2_000, 20_000),
        megabytes=1,
        rounds=1,
        numpy_steps=50,
    )
    lines = [line for line in ratios.report(plan) if line]
    measured = [line for line in lines if " ns" in line]
    assert len(measured) == 2 * 2 * 2 * 2 + 2 * 2 * 2 + len(contests.RULES) * 2 * 2
    assert all("x " in line for line in measured)
    assert any(f"NumPy {np.__version__}" in line for line in lines)


def test_clock_of_one_thread_counts_no_waiting() -> None:
    (asleep,) = timing.best_times(lambda: time.sleep(0.05), rounds=1)
    assert asleep < 0.05
