"""Reinforcement learning: a policy that learns to balance a pole, by gradient ascent.

REINFORCE (Williams 1992) goes up the gradient of the expected reward, of which played episodes give
an estimate: with s_t the state, a_t the action taken, pi the probability the policy gave it, and

    G_t = r_t + gamma r_{t+1} + gamma^2 r_{t+2} + ...,    the discounted rewards from t on,

    grad J = E[ sum_t (G_t - b(s_t, t)) grad log pi(a_t | s_t) ].

Any b that does not know a_t leaves the mean of the estimate as it is; the closer it is to the mean
of G_t, the less noise there is. Here pi is a network of 32 hidden units in NumPy, its weights go
up by ``fl.optim.Adam(..., maximize=True)``, and b is a linear regression of G_t on the state, its
squares and the time, solved to its optimum by `fl.Trainer` on the episodes of the step before.

The task is CartPole-v1 of gymnasium: a reward of 1 for each step until the pole falls or 500 are
over; it counts as solved from a mean of 475 in 100 episodes on.

Run it with ``python examples/policy_gradient.py``; it trains for three seeds, plays 100 new
episodes with each policy and draws policy_gradient.png. It needs gymnasium and matplotlib.
"""

import time
from typing import Any, NamedTuple

import numpy as np

import fallline as fl

try:
    import gymnasium
except ImportError as error:
    message = "this example needs gymnasium, which plays the game; pip install gymnasium"
    raise SystemExit(message) from error

SEEDS = (0, 1, 2)
HIDDEN = 32
GAMMA = 0.99
LEARNING_RATE = 0.02
EPISODES_PER_STEP = 8
MOST_EPISODES = 1500
WINDOW, ENOUGH = 40, 490.0  # training ends when the last 40 episodes have a mean of 490
SOLVED = 475.0

Weights = dict[str, Any]


class Episode(NamedTuple):
    """What was seen, done and earned, step by step."""

    states: Any  # (length, 4): place and speed of the cart, angle and angular speed of the pole
    actions: Any  # (length,): 1 pushes to the right, 0 to the left
    rewards: Any


def new_policy(rng: np.random.Generator) -> Weights:
    """Return a policy of random hidden units, to which both actions are alike at first."""
    return {
        "W": rng.standard_normal((4, HIDDEN), np.float32) / 2,
        "b": np.zeros(HIDDEN, np.float32),
        "w": np.zeros(HIDDEN, np.float32),
        "c": np.zeros(1, np.float32),
    }


def forward(policy: Weights, states: Any) -> tuple[Any, Any]:
    """Return the probability of a push to the right, and the hidden units."""
    hidden = np.tanh(states @ policy["W"] + policy["b"])
    logit = hidden @ policy["w"] + policy["c"]
    return 0.5 + 0.5 * np.tanh(0.5 * logit), hidden  # a sigmoid that cannot overflow


def score_gradient(policy: Weights, states: Any, actions: Any, weights: Any) -> Weights:
    """Return the gradient of sum_t weight_t log pi(a_t | s_t), by the chain rule."""
    probability, hidden = forward(policy, states)
    by_logit = weights * (actions - probability)  # d log pi / d logit = a - pi
    by_hidden = by_logit[:, None] * policy["w"] * (1 - hidden**2)
    return {
        "W": states.T @ by_hidden,
        "b": by_hidden.sum(axis=0),
        "w": hidden.T @ by_logit,
        "c": by_logit.sum(keepdims=True),
    }


def play(env: Any, policy: Weights, rng: np.random.Generator, *, greedy: bool = False) -> Episode:
    """Play an episode: with actions drawn by their probability, or always the likelier one."""
    state, _ = env.reset(seed=int(rng.integers(2**31)))
    states, actions, rewards = [], [], []
    over = False
    while not over:
        probability = forward(policy, state)[0][0]
        action = int(probability > (0.5 if greedy else rng.random()))
        states.append(state)
        actions.append(action)
        state, reward, fallen, out_of_time, _ = env.step(action)
        rewards.append(reward)
        over = fallen or out_of_time
    return Episode(np.array(states), np.array(actions, np.float32), np.array(rewards))


def discounted(rewards: Any) -> Any:
    """Return the discounted sum of the rewards from each step on."""
    sums, total = np.empty(len(rewards)), 0.0
    for t in reversed(range(len(rewards))):
        total = rewards[t] + GAMMA * total
        sums[t] = total
    return sums


def baseline_features(episodes: list[Episode]) -> Any:
    """Return what the baseline knows of each step: state and time, and their squares."""
    known = [np.column_stack([e.states, np.arange(len(e.states)) / 500]) for e in episodes]
    columns = np.concatenate(known)
    return np.column_stack([columns, columns**2])


def train(seed: int) -> tuple[Weights, list[float]]:
    """Train a policy; return it and the reward of each episode on the way."""
    rng = np.random.default_rng(seed)
    env = gymnasium.make("CartPole-v1")
    policy = new_policy(rng)
    adam = fl.optim.Adam(LEARNING_RATE, maximize=True)
    regression = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(1e-3))
    baseline = None
    rewards: list[float] = []
    while len(rewards) < MOST_EPISODES:
        episodes = [play(env, policy, rng) for _ in range(EPISODES_PER_STEP)]
        rewards += [float(e.rewards.sum()) for e in episodes]
        recent = np.mean(rewards[-WINDOW:])
        if len(rewards) % 80 == 0:
            print(f"  episode {len(rewards):4}: mean reward {recent:.0f} of the last {WINDOW}")
        if recent >= ENOUGH:
            break
        states = np.concatenate([e.states for e in episodes])
        actions = np.concatenate([e.actions for e in episodes])
        sums = np.concatenate([discounted(e.rewards) for e in episodes])
        features = baseline_features(episodes)
        advantage = sums - (baseline.predict(features) if baseline else sums.mean())
        # In units of their deviation, which varies fivefold: steps of all batches count alike.
        weights = (advantage / (advantage.std() * len(sums))).astype(np.float32)
        adam.step(policy, score_gradient(policy, states, actions, weights))
        baseline = regression.fit(features, sums)
    return policy, rewards


def evaluate(policy: Weights, episodes: int = 100) -> list[float]:
    """Return the rewards of new episodes, played with the likelier action at each step."""
    rng = np.random.default_rng(2**20)  # none of the seeds of the training
    env = gymnasium.make("CartPole-v1")
    return [float(play(env, policy, rng, greedy=True).rewards.sum()) for _ in range(episodes)]


def draw(runs: dict[int, list[float]], path: str) -> None:
    """Draw the reward of each episode in training, and the mean of the last 40."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots()
    for (seed, rewards), color in zip(runs.items(), ("C0", "C1", "C2"), strict=False):
        means = np.convolve(rewards, np.full(WINDOW, 1 / WINDOW), mode="valid")
        episodes = np.arange(1, len(rewards) + 1)
        axes.plot(episodes, rewards, ".", color=color, markersize=3, alpha=0.25)
        label = f"seed {seed}: mean of the last {WINDOW}"
        axes.plot(episodes[WINDOW - 1 :], means, color=color, linewidth=2.2, label=label)
    axes.axhline(SOLVED, color="black", linestyle="--", linewidth=1, label="solved: 475")
    axes.set(xlabel="episode", ylabel="reward: steps until the pole falls", ylim=(0, 515))
    axes.set_title("REINFORCE with a baseline on CartPole-v1", loc="left", fontweight="bold")
    axes.legend(loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train for three seeds, judge the policies and draw."""
    runs = {}
    for seed in SEEDS:
        print(f"Seed {seed}:")
        start = time.perf_counter()
        policy, runs[seed] = train(seed)
        seconds = time.perf_counter() - start
        rewards = evaluate(policy)
        print(
            f"  trained for {len(runs[seed])} episodes in {seconds:.1f} s; "
            f"100 new episodes: mean {np.mean(rewards):.1f}, least {min(rewards):.0f}"
        )
    draw(runs, "policy_gradient.png")
    print("Picture: policy_gradient.png")


if __name__ == "__main__":
    main()
