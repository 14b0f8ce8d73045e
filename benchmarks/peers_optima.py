"""Times to gaps of 1e-4 and 1e-6 of the smallest F, against peers that are tuned.

Run by hand: ``python benchmarks/peers_optima.py [set ...]``; the sets are the keys of `PROBLEMS`,
and OMP_NUM_THREADS is how many threads everybody gets, by default one. Each solver, ours too, is
asked for more and more until its measured gap is within the goal; what then suffices is timed in
rounds that take turns, in CPU time on one thread and by the wall clock on more. Ours counts twice:
at the tolerance that suffices, or by default where that is faster; and by default. Peers that are
not installed, that fail, or that take `TOO_LONG` times as long as ours are said.
"""

import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]

import numpy as np
import peers
from data_sets import load, of_statsmodels, penalty_for
from made_sets import like_covtype, like_text
from scipy import sparse

import fallline as fl
from fallline import _core
from fallline.bench.timing import best_times

GOALS = (1e-4, 1e-6)
ROUNDS, TOO_LONG, SHORT = 5, 10.0, 0.3
EXACT = 1e-13
N_THREADS = int(os.environ["OMP_NUM_THREADS"])
CLOCK = time.process_time if N_THREADS == 1 else time.perf_counter
LOSSES = {"logistic": fl.losses.Logistic(), "squared": fl.losses.Squared()}
LOSSES["poisson"] = fl.losses.Poisson()


def stored(name: str) -> tuple[Any, Any]:
    X, y, task = load(name)
    if not sparse.issparse(X):
        X = X.astype(np.float64)
    if task == "multiclass":
        y = y == 0
    return X, y if task in {"regression", "poisson"} else np.where(y, 1.0, -1.0)


PROBLEMS: dict[str, tuple[str, Callable[[], tuple[Any, Any]]]] = {
    **{
        name: ("logistic", partial(stored, name))
        for name in (
            "a9a_t",
            "covtype20k",
            "higgs_lgb",
            "mnist10k",
            "nslkdd",
            "r8",
            "rt_polarity",
        )
    },
    **{
        name: ("squared", partial(stored, name))
        for name in ("cal_housing", "cpu_act", "diamonds", "house8L", "insteval", "kin8nm")
    },
    **{name: ("poisson", partial(stored, name)) for name in ("ohlsson", "rwm5yr")},
    "fair": ("squared", lambda: of_statsmodels("fair")[:2]),
    "randhie": ("poisson", lambda: of_statsmodels("randhie")[:2]),
    "dense-raw": ("logistic", partial(like_covtype, 500_000, standardized=False)),
    "dense-standardized": ("logistic", partial(like_covtype, 500_000, standardized=True)),
    "sparse": ("logistic", partial(like_text, 50_000, 50_000)),
}
# Whose first iterations take a minute and more, and cannot be stopped.
HOPELESS = {("dense-raw", "cyanure")}
MADE = ("dense-raw", "dense-standardized", "sparse")


class Contest:
    """A problem, the smallest F that is known of it, and what it costs to come near."""

    def __init__(self, X: Any, y: Any, loss: fl.losses.Loss) -> None:
        self.X, self.y, self.loss = X, np.asarray(y, np.float64), loss
        self.alpha = penalty_for(loss, X.shape[0]).alpha
        exact = fl.Trainer(loss, penalty=fl.penalties.L2(self.alpha), tol=EXACT).fit(X, self.y)
        self.status = exact.status
        self.lowest = {False: self.value((exact.coef, exact.intercept), penalized=False)}

    def value(self, weights: peers.Weights, *, penalized: bool) -> float:
        coef, intercept = np.ravel(weights[0]), float(np.ravel(weights[1])[0])
        margins = self.X @ coef + intercept
        losses = _core.loss_values(self.loss.name, margins, self.y, self.loss.parameters)
        square = float(coef @ coef) + (intercept**2 if penalized else 0.0)
        return float(np.mean(losses)) + 0.5 * self.alpha * square

    def smallest(self, *, penalized: bool) -> float:
        """Return F*, of the penalised intercept by a column of ones."""
        if penalized not in self.lowest:
            ones = np.ones((self.X.shape[0], 1))
            stack = sparse.hstack if sparse.issparse(self.X) else np.hstack
            X = stack([self.X, ones])
            X = sparse.csr_array(X) if sparse.issparse(X) else X
            penalty = fl.penalties.L2(self.alpha)
            trainer = fl.Trainer(self.loss, penalty=penalty, fit_intercept=False, tol=EXACT)
            coef = trainer.fit(X, self.y).coef
            self.lowest[True] = self.value((coef[:-1], coef[-1]), penalized=True)
        return self.lowest[penalized]

    def run(self, rival: peers.Rival, effort: float) -> tuple[float, float]:
        """Fit once, and return the gap as a share of F* and the seconds."""
        penalized = rival.intercept_is_penalized
        smallest = self.smallest(penalized=penalized)
        began = CLOCK()
        weights = rival.fit(self.X, self.y, self.alpha, effort)
        seconds = CLOCK() - began
        value = self.value(weights, penalized=penalized)
        self.lowest[penalized] = min(value, smallest)
        return value / self.lowest[penalized] - 1.0, seconds


class Arrival(NamedTuple):
    """The least effort found that suffices, and its seconds."""

    effort: float
    seconds: float


def arrivals(contest: Contest, rival: peers.Rival, longest: float) -> list[Arrival | str]:
    """Return for each goal what suffices, or why nothing did."""
    if contest.X.shape[1] > rival.most_columns:
        return ["not asked: too many columns"] * len(GOALS)
    found: list[Arrival | str] = []
    effort, seconds, gap = 0.0, 0.0, math.inf
    for goal in GOALS:
        try:
            while not gap <= goal and effort < 20.0 and seconds <= longest:
                effort += 1.0
                gap, seconds = contest.run(rival, effort)
            if not gap <= goal:
                found.append("too slow" if seconds > longest else f"ends at {gap:.0e}")
                continue
            least = Arrival(effort, seconds)
            for part in (0.5, 0.25):
                between, taken = contest.run(rival, least.effort - part)
                if between <= goal:
                    least = Arrival(least.effort - part, taken)
            found.append(least)
        except Exception as error:  # whatever a peer raises says why it is not in the table
            found.append(f"{type(error).__name__}: {str(error)[:60]}")
    return found


def race(name: str) -> list[tuple[float, float]]:
    """Print a line for each goal and peer; return what `contest_for` does for each."""
    kind, make = PROBLEMS[name]
    contest = Contest(*make(), LOSSES[kind])
    own = peers.ours(contest.loss)
    reached: dict[str, list[Arrival | str]] = {}
    reached[own.name] = arrivals(contest, own, math.inf)
    slowest = max(a.seconds for a in reached[own.name] if isinstance(a, Arrival))
    rivals = {rival.name: rival for rival in [own, *peers.rivals(kind)]}
    for rival in list(rivals.values())[1:]:
        if (name, rival.name) in HOPELESS:
            reached[rival.name] = ["not asked: takes minutes"] * len(GOALS)
            continue
        reached[rival.name] = arrivals(contest, rival, max(SHORT, TOO_LONG * slowest))
    say(f"{name} {contest.X.shape} {kind}: F* {contest.lowest[False]:.6g} {contest.status}")
    return [
        contest_for(goal, contest, rivals, {n: r[k] for n, r in reached.items()})
        for k, goal in enumerate(GOALS)
    ]


def contest_for(
    goal: float,
    contest: Contest,
    rivals: dict[str, peers.Rival],
    reached: dict[str, Arrival | str],
) -> tuple[float, float]:
    """Return the best peer's time over ours, and over ours by default, and print all.

    Those that arrived are timed in turns, but for the slow ones, which have been on the way.
    """
    there = {name: a for name, a in reached.items() if isinstance(a, Arrival)}
    near = [name for name, a in there.items() if a.seconds <= 10.0 * there["fallline"].seconds]
    runs = {name: partial(fit_again, contest, rivals[name], there[name].effort) for name in near}
    runs["default"] = partial(fit_again, contest, rivals["fallline"], 6.0)
    rounds = ROUNDS if there["fallline"].seconds < SHORT else 2
    measured = best_times(*runs.values(), rounds=rounds, clock=CLOCK)
    times = {name: a.seconds for name, a in there.items()} | dict(zip(runs, measured, strict=True))
    tuned, default = times.pop("fallline"), times.pop("default")
    ours = min(tuned, default)
    tol = peers.tolerance(there["fallline"].effort)
    say(f"  {goal:.0e}: {1e3 * tuned:.2f} ms at tol={tol:.0e}, {1e3 * default:.2f} by default")
    for name in sorted(times, key=lambda name: times[name]):
        say(f"      {name:16} {times[name] / ours:8.2f} times as long")
    for name, why in reached.items():
        if isinstance(why, str):
            say(f"      {name:16} {why}")
    best = min(times.values(), default=math.inf)
    return best / ours, best / default


def fit_again(contest: Contest, rival: peers.Rival, effort: float) -> object:
    return rival.fit(contest.X, contest.y, contest.alpha, effort)


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Race on each set, and sum up."""
    warnings.simplefilter("ignore")  # of iterations that end too soon, which the gap shows
    _core.set_num_threads(N_THREADS)
    ratios = {name: race(name) for name in sys.argv[1:] or PROBLEMS}
    for name in MADE:
        if name in ratios:
            shown = " and ".join(f"{r:.2f} ({d:.2f})" for r, d in ratios.pop(name))
            say(f"{name}: the best peer takes {shown} times as long (as ours by default)")
    if not ratios:
        return
    for which, ours in enumerate(("at what suffices", "by default")):
        for k, goal in enumerate(GOALS):
            of_goal = np.array([several[k][which] for several in ratios.values()])
            say(
                f"to {goal:.0e}, {ours}: ahead on {np.mean(of_goal > 1.0):.0%} of {len(of_goal)} "
                f"sets, geometric mean {np.exp(np.mean(np.log(of_goal))):.2f} x the best peer"
            )


if __name__ == "__main__":
    main()
