"""Calls that `fallline.minimize` and SciPy's methods take to a gradient of 1e-5.

Run by hand: ``python benchmarks/peers_minimize.py``. Counted are calls of ``fun`` and of ``jac``
until the largest element of the projected gradient is at most 1e-5, where each method stops by
itself; a "!" is for one that stopped short of it. Last comes what an iteration costs besides.
"""

import math
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1"))

import numpy as np
from scipy import optimize

import fallline as fl
from fallline.bench.timing import best_times

TOL = 1e-5
METHODS: dict[str, dict[str, Any]] = {
    "fallline": {"method": fl.minimize, "tol": TOL, "options": {"maxiter": 100_000}},
    "CG": {"method": "CG", "options": {"gtol": TOL, "maxiter": 100_000}},
    "L-BFGS-B": {
        "method": "L-BFGS-B",
        "options": {"gtol": TOL, "ftol": 0, "maxiter": 100_000, "maxfun": 1_000_000},
    },
    "TNC": {"method": "TNC", "options": {"gtol": TOL, "ftol": 0, "xtol": 0, "maxfun": 100_000}},
}
FREE, BOXED = ("fallline", "CG", "L-BFGS-B"), ("fallline", "L-BFGS-B", "TNC")


class Case(NamedTuple):
    """A function and where to begin; in a box if it has one."""

    name: str
    fun: Callable[[Any], float]
    jac: Callable[[Any], Any]
    start: Any
    bounds: optimize.Bounds | None = None


def rosenbrock(n: int, upper: float = math.inf) -> Case:
    start = np.array([-1.2, 1.0]) if n == 2 else np.resize([1.3, 0.7, 0.8, 1.9, 1.2], n)
    bounds = optimize.Bounds(-2.0, upper) if upper < math.inf else None
    return Case(f"Rosenbrock, n={n:,}", optimize.rosen, optimize.rosen_der, start, bounds)


def quadratic(n: int, condition: float, *, boxed: bool = False) -> Case:
    rng = np.random.default_rng(n)
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = (basis * np.geomspace(1.0, condition, n)) @ basis.T
    A, b = 0.5 * (A + A.T), rng.standard_normal(n)
    bounds = None
    if boxed:
        middle, half = 0.06 * rng.standard_normal(n), 0.1 * np.abs(rng.standard_normal(n))
        bounds = optimize.Bounds(middle - half, middle + half)
    name = f"quadratic, n={n:,}, condition {condition:.0e}"
    return Case(
        name, lambda x: 0.5 * (x @ (A @ x)) - b @ x, lambda x: A @ x - b, np.ones(n), bounds
    )


def logistic(n: int, *, boxed: bool = False) -> Case:
    rng = np.random.default_rng(n)
    X = rng.standard_normal((10 * n, n)) * np.geomspace(1.0, 30.0, n)
    y = np.sign(X @ rng.standard_normal(n) / 10 + rng.standard_normal(10 * n))

    def fun(w: Any) -> float:
        return float(np.logaddexp(0.0, -y * (X @ w)).mean() + 5e-4 * (w @ w))

    def jac(w: Any) -> Any:
        return -(X.T @ (y / (1.0 + np.exp(y * (X @ w))))) / len(y) + 1e-3 * w

    bounds = optimize.Bounds(0.0, math.inf) if boxed else None
    return Case(f"logistic, n={n:,}", fun, jac, np.zeros(n), bounds)


def cases() -> Iterator[Case]:
    yield from (rosenbrock(n) for n in (2, 10, 100, 1000))
    for n in (2, 10, 100, 1000):
        yield from (quadratic(n, condition) for condition in (1e2, 1e4, 1e6)[: 2 + (n < 1000)])
    yield from (logistic(n) for n in (50, 200))
    yield from (rosenbrock(n, upper=0.8) for n in (10, 100))
    for n in (10, 100, 1000):
        yield from (quadratic(n, condition, boxed=True) for condition in (1e2, 1e4))
    yield from (logistic(n, boxed=True) for n in (50, 200))


def contest(case: Case) -> dict[str, tuple[int, int, bool]]:
    """Calls of fun and of jac of each method, and whether it has arrived."""
    counts = {}
    for name in BOXED if case.bounds else FREE:
        calls = {"fun": 0, "jac": 0}

        def counted(which: str, x: Any, calls: dict[str, int] = calls) -> Any:
            calls[which] += 1
            return getattr(case, which)(x)

        found = optimize.minimize(
            lambda x, counted=counted: counted("fun", x),
            case.start,
            jac=lambda x, counted=counted: counted("jac", x),
            bounds=case.bounds,
            **METHODS[name],
        )
        gradient = case.jac(found.x)
        if case.bounds:
            gradient = np.clip(gradient, found.x - case.bounds.ub, found.x - case.bounds.lb)
        # A little more, as it is computed anew.
        arrived = bool(np.abs(gradient).max() <= 1.01 * TOL)
        counts[name] = (calls["fun"], calls["jac"], arrived)
    return counts


def overhead(n: int) -> Iterator[str]:
    """Seconds per iteration on a function that costs next to nothing."""
    scales = np.geomspace(1.0, 1e4, n)

    def both(x: Any) -> tuple[float, Any]:
        gradient = scales * x
        return 0.5 * float(x @ gradient), gradient

    runs = {
        "fallline": lambda: fl.minimize(both, np.ones(n), jac=True, tol=0, maxiter=40),
        "L-BFGS-B": lambda: optimize.minimize(
            both,
            np.ones(n),
            jac=True,
            method="L-BFGS-B",
            options={"gtol": 0, "ftol": 0, "maxiter": 40},
        ),
        "CG": lambda: optimize.minimize(
            both, np.ones(n), jac=True, method="CG", options={"gtol": 0, "maxiter": 40}
        ),
    }
    for (name, run), seconds in zip(
        runs.items(), best_times(*runs.values(), rounds=5), strict=True
    ):
        yield f"{name} {1e6 * seconds / run().nit:.0f} us"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    for case in cases():
        counts = contest(case)
        shown = (
            f"{name} {calls}/{gradients}{'' if arrived else '!'}"
            for name, (calls, gradients, arrived) in counts.items()
        )
        say(f"{case.name}{' in a box' * bool(case.bounds)}: {', '.join(shown)}")
    for n in (10, 1_000, 1_000_000):
        say(f"an iteration with n={n:,}: {', '.join(overhead(n))}")


if __name__ == "__main__":
    main()
