"""The example of reinforcement learning solves its task, and its gradient is one."""

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples_folder import FOLDER, example


@pytest.fixture(scope="module")
def program() -> Any:
    pytest.importorskip("gymnasium")
    return example("policy_gradient")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_policy_balances_the_pole_in_a_hundred_new_episodes(program: Any, seed: int) -> None:
    policy, rewards = program.train(seed)
    assert np.mean(rewards[:40]) < 100
    assert len(rewards) < program.MOST_EPISODES
    assert np.mean(program.evaluate(policy, episodes=100)) >= program.SOLVED


def test_the_score_gradient_is_the_slope_of_the_log_probability(program: Any) -> None:
    rng = np.random.default_rng(0)
    policy = {name: rng.standard_normal(w.shape) for name, w in program.new_policy(rng).items()}
    states, actions = rng.standard_normal((5, 4)), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    weights = rng.standard_normal(5)

    def weighted_log_probability() -> float:
        right = program.forward(policy, states)[0]
        return float(weights @ np.log(np.where(actions == 1, right, 1 - right)))

    step = 1e-6
    for name, slopes in program.score_gradient(policy, states, actions, weights).items():
        for place, slope in np.ndenumerate(slopes):
            policy[name][place] += step
            above = weighted_log_probability()
            policy[name][place] -= 2 * step
            below = weighted_log_probability()
            policy[name][place] += step
            assert slope == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-8)


def test_rewards_are_discounted_from_each_step_on(program: Any) -> None:
    gamma = program.GAMMA
    expected = [1 + gamma * (2 + gamma * 4), 2 + gamma * 4, 4]
    np.testing.assert_allclose(program.discounted(np.array([1.0, 2.0, 4.0])), expected)


def test_the_picture_is_written(program: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "rewards.png"
    program.draw({seed: [20.0 + seed] * 50 for seed in program.SEEDS}, str(path))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_where_gymnasium_is_absent_the_program_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(SystemExit, match="pip install gymnasium"):
        runpy.run_path(str(FOLDER / "policy_gradient.py"), run_name="__main__")
