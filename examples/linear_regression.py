"""Linear regression: gradient descent on the mean squared error, against the closed form.

    F(w) = 1/(2n) sum_i (x_i.w - y_i)^2,    grad F = X'(X w - y) / n,    X'X w* = X'y

The optimum w* is known, and so is how steep F is: between mu and L, the smallest and the largest
eigenvalue of X'X / n. Three questions are answered in pictures and figures:

1. How close to w* do batch, stochastic and mini-batch descent come after so many passes over the
   data? A batch step shrinks the error by (L - mu) / (L + mu) at best, with a learning rate of
   2 / (L + mu). Steps on one row or 64 are there sooner, and stay within their noise until the
   rate falls: along a cosine they go on.
2. What is the largest learning rate? 2 / L: beyond it a step overshoots by more than it gains,
   and at 1.05 times that fallline raises a `DivergenceError`.
3. How many digits are right? On sets of NIST, whose answers are certified, those of the optimum
   that `fl.Trainer` finds without a learning rate, beside those of numpy.linalg.lstsq.

Run it with ``python examples/linear_regression.py``; it takes a few seconds, prints the answers and
draws linear_regression.png. The data are California's house prices (Pace and Barry 1997) and the
sets of NIST that are in the folder FALLLINE_TEST_DATA, or else what comes with scikit-learn.
"""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from _data import stored

import fallline as fl

PASSES = 100  # of the noisy ways; the batch goes on until it has arrived
NIST = ("norris", "noint1", "pontius", "longley", "wampler4", "filip")


class Problem(NamedTuple):
    """Standardised rows, with all there is to know about their least squares."""

    name: str
    X: Any
    y: Any
    optimum: Any  # w*
    mu: float
    L: float


def problem() -> Problem:
    """Return standardised data, the solution of the normal equations, and the curvatures."""
    data = stored("cal_housing")
    if data is None:
        from sklearn.datasets import load_diabetes

        name, (X, y) = "diabetes, as cal_housing.npz is absent", load_diabetes(return_X_y=True)
    else:
        name, X, y = "California housing", data["X"], data["y"]
    X, y = (np.asarray((a - a.mean(axis=0)) / a.std(axis=0), np.float64) for a in (X, y))
    hessian = X.T @ X / len(y)
    curvatures = np.linalg.eigvalsh(hessian)
    optimum = np.linalg.solve(hessian, X.T @ y / len(y))
    return Problem(name, X, y, optimum, float(curvatures[0]), float(curvatures[-1]))


class Distance(fl.callbacks.Callback):
    """Note how far the weights are from the optimum, in units of its length, pass by pass."""

    def __init__(self, optimum: Any) -> None:
        self.optimum = optimum
        self.values = [1.0]  # descent starts with weights of zero

    def on_epoch_end(self, run: Any) -> None:
        """Add the distance after this pass."""
        error = run.weights[0] - self.optimum
        self.values.append(float(np.linalg.norm(error) / np.linalg.norm(self.optimum)))


def descend(
    task: Problem, rate: Any, batch_size: int | None, passes: int
) -> tuple[fl.Fit, list[float]]:
    """Descend, also where that diverges; return the fit and the distances to the optimum."""
    distance = Distance(task.optimum)
    trainer = fl.Trainer(
        fl.losses.Squared(),
        optimizer=fl.optim.SGD(rate),
        batch_size=batch_size,
        epochs=passes,
        fit_intercept=False,  # the columns and y have a mean of zero
        callbacks=[distance],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fl.ConvergenceWarning)  # ending early is the point here
        try:
            fit = trainer.fit(task.X, task.y)
        except fl.DivergenceError as error:
            fit = error.fit
    return fit, distance.values


def ways_down(task: Problem) -> dict[str, list[float]]:
    """Return the distance to the optimum after each pass, of four ways to go there."""
    # After k steps the error is (1 - 2 / (kappa + 1))^k of the first: down to 1e-8 or less.
    until_arrived = math.ceil(math.log(1e8) * (task.L / task.mu + 1) / 2)
    falling = fl.schedules.Cosine(0.1, steps=PASSES * math.ceil(len(task.y) / 64))
    settings: dict[str, tuple[Any, int | None, int]] = {
        "batch": (2 / (task.L + task.mu), None, until_arrived),
        "stochastic": (0.001, 1, PASSES),
        "mini-batch of 64": (0.1, 64, PASSES),
        "mini-batch, falling rate": (falling, 64, PASSES),
    }
    return {name: descend(task, *setting)[1] for name, setting in settings.items()}


def rates(task: Problem, steps: int = 100) -> dict[str, tuple[float, fl.Fit]]:
    """Return three learning rates for steps on all rows, and the fits they lead to."""
    largest = 2 / task.L
    return {
        remark: (share * largest, descend(task, share * largest, None, steps)[0])
        for remark, share in (("too small", 0.02), ("right", 0.5), ("too large", 1.05))
    }


def correct_digits(coef: Any, exact: Any) -> float:
    """Return the number of right digits of the worst coefficient: its log relative error."""
    error = float(np.max(np.abs(coef - exact) / np.abs(exact)))
    return 15.0 if error < 1e-15 else max(0.0, -math.log10(error))


def certified_digits() -> dict[str, tuple[float, float]]:
    """Return the right digits of fallline and of lstsq on each of NIST's sets at hand."""
    x = np.arange(21.0)  # Wampler's first polynomial, whose coefficients are all 1
    powers = x[:, None] ** np.arange(6)
    sets = {"wampler1": {"X": powers[:, 1:], "y": powers.sum(axis=1), "coef_exact": np.ones(6)}}
    sets |= {name: data for name in NIST if (data := stored(f"nist_{name}"))}
    digits = {}
    for name, data in sets.items():
        X, y, exact = (np.asarray(data[key], np.float64) for key in ("X", "y", "coef_exact"))
        has_intercept = len(exact) > X.shape[1]
        fit = fl.Trainer(fl.losses.Squared(), fit_intercept=has_intercept).fit(X, y)
        ours, columns = fit.coef, X
        if has_intercept:
            ours, columns = np.append(fit.intercept, ours), np.column_stack([np.ones(len(y)), X])
        lstsq = np.linalg.lstsq(columns, y, rcond=None)[0]
        digits[name] = (correct_digits(ours, exact), correct_digits(lstsq, exact))
    return digits


def draw(
    task: Problem, ways: dict[str, list[float]], trials: dict[str, tuple[float, fl.Fit]]
) -> None:
    """Draw the ways to the optimum, and what three learning rates do to the loss."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for color, (name, distances) in zip(("C0", "C1", "0.6", "C4"), ways.items(), strict=True):
        passes = range(1, len(distances))
        left.loglog(passes, distances[1:], color=color, linewidth=2, label=name)
    left.set(xlabel="passes over the data", ylabel="|w - w*| / |w*|", ylim=(1e-7, 2))
    left.set_title("Distance to the closed form", loc="left", fontweight="bold")
    left.legend(loc="lower left")
    least = 0.5 * np.mean((task.X @ task.optimum - task.y) ** 2)
    for color, (remark, (rate, fit)) in zip(("C0", "C2", "C3"), trials.items(), strict=True):
        excess = np.array(fit.history["running_loss"]) - least
        diverged = fit.status == "diverged"
        label = f"{remark}: {rate:.3g}" + (" (DivergenceError)" if diverged else "")
        right.semilogy(excess, color=color, linewidth=2, label=label)
        if diverged:
            right.plot(len(excess) - 1, excess[-1], "X", color=color, markersize=9)
    right.set(xlabel="steps on all rows", ylabel="F(w) - F(w*), in variances of y")
    right.set_title(f"Learning rates; the limit 2/L is {2 / task.L:.3g}", loc="left", weight="bold")
    right.legend(loc="lower left")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig("linear_regression.png", dpi=100)


def main() -> None:
    """Answer the three questions."""
    task = problem()
    rows, columns = task.X.shape
    condition = task.L / task.mu
    print(f"{task.name}: {rows:,} rows of {columns} columns, condition number {condition:.0f}")
    print("Distance to the closed form:    first below 5 %       in the end")
    ways = ways_down(task)
    for name, distances in ways.items():
        below = next((k for k, d in enumerate(distances) if d < 0.05), None)
        first = f"pass {below}" if below else "never"
        print(f"  {name:30}{first:>15}{distances[-1]:>10.1e}, pass {len(distances) - 1:,}")
    trials = rates(task)
    print("Learning rate                         F    after")
    for remark, (rate, fit) in trials.items():
        losses = fit.history["running_loss"]
        outcome = ", DivergenceError" if fit.status == "diverged" else ""
        print(f"  {rate:<10.3g}{remark:16}{losses[-1]:11.4f}    {len(losses)} steps{outcome}")
    print("Right digits on sets of NIST     fallline   lstsq")
    for name, (ours, lstsq) in certified_digits().items():
        print(f"  {name:28}{ours:11.1f}{lstsq:8.1f}")
    draw(task, ways, trials)
    print("Picture: linear_regression.png")


if __name__ == "__main__":
    main()
