"""The example of linear regression comes as close to the closed form as its page says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from data import load
from examples_folder import example

# Right digits of NIST's coefficients, of 9.9 13.3 15 13.2 11.6 8.1 7.6 measured: the last half
# digit or so is one of rounding errors, which are others without a fused multiply-add.
DIGITS = {
    "wampler1": 9.0,
    "norris": 12.5,
    "noint1": 14.5,
    "pontius": 11.5,
    "longley": 11.0,
    "wampler4": 7.5,
    "filip": 6.5,
}


@pytest.fixture(scope="module")
def program() -> Any:
    load("cal_housing")  # or skip: the figures are for these data
    return example("linear_regression")


@pytest.fixture(scope="module")
def task(program: Any) -> Any:
    return program.problem()


def test_batch_descent_ends_at_the_closed_form_and_mini_batches_come_near_sooner(
    program: Any, task: Any
) -> None:
    lstsq = np.linalg.lstsq(task.X, task.y, rcond=None)[0]
    np.testing.assert_allclose(task.optimum, lstsq, rtol=1e-10)
    ways = program.ways_down(task)
    assert ways["batch"][-1] <= 1e-6
    assert ways["mini-batch, falling rate"][-1] <= 1e-2  # 1.5e-3 to 3.1e-3 for five seeds
    for name, distances in ways.items():
        assert (min(distances[:11]) < 0.1) == (name != "batch")
        if "falling" not in name and name != "batch":
            assert 1e-3 < min(distances[50:101]) < 0.1  # its noise, however many the passes


def test_steps_diverge_beyond_two_over_the_largest_curvature_only(program: Any, task: Any) -> None:
    trials = program.rates(task)
    losses = {remark: fit.history["running_loss"] for remark, (_, fit) in trials.items()}
    assert {remark: fit.status for remark, (_, fit) in trials.items()} == {
        "too small": "budget",
        "right": "budget",
        "too large": "diverged",
    }
    assert losses["right"][-1] < losses["too small"][-1] < losses["too small"][0]
    assert losses["too large"][-1] > losses["too large"][0]
    within, distances = program.descend(task, 0.95 * 2 / task.L, None, 200)
    assert within.status == "budget"
    assert distances[-1] < 0.1


def test_the_digits_that_nist_certifies(program: Any) -> None:
    digits = program.certified_digits()
    assert digits.keys() == DIGITS.keys()
    for name, (ours, lstsq) in digits.items():
        assert ours >= max(DIGITS[name], lstsq - 1.0)


@pytest.mark.parametrize("name", ["norris", "noint1", "pontius", "longley", "wampler4", "filip"])
def test_the_estimator_has_these_digits_too(program: Any, name: str) -> None:
    data = load(f"nist_{name}")
    model = fl.LinearRegression(fit_intercept=data.has_intercept).fit(data.X, data.y)
    intercept = [model.intercept_] if data.has_intercept else []
    coef = np.append(intercept, model.coef_)
    assert program.correct_digits(coef, data.coef_exact) >= DIGITS[name]


def test_the_program_draws(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    program.main()
    assert (tmp_path / "linear_regression.png").read_bytes().startswith(b"\x89PNG")


def test_the_program_runs_on_what_comes_with_scikit_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setenv("FALLLINE_TEST_DATA", str(tmp_path))
    program = example("linear_regression")
    task = program.problem()
    assert task.name.startswith("diabetes")
    assert program.ways_down(task)["batch"][-1] <= 1e-6
    assert program.certified_digits().keys() == {"wampler1"}
