"""Losses with kinks, or whose curvature jumps: minima by an interior point, and their gaps."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize, sparse

import reference
from fallline import _core, losses, solvers
from fallline.solvers.narrow import interior_point
from fallline.solvers.narrow.coordinates import coordinates_for
from fallline.solvers.narrow.dual_boxes import dual_boxes
from fallline.solvers.narrow.objective import Objective
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

KINKED = ["hinge", "quantile", "epsilon_insensitive"]
JUMPING = ["huber", "modified_huber", "squared_hinge", "squared_epsilon_insensitive"]


def problem(loss: str, n: int = 300, d: int = 4) -> tuple[Float64Array, Float64Array, Float64Array]:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, d))
    X[:, 1] += 3 * X[:, 0]
    z = X @ rng.standard_normal(d) + rng.standard_normal(n)
    counts = rng.integers(0, 3, n).astype(np.float64)
    return X * 10.0 ** np.arange(-2, d - 2) + np.arange(d), targets_near(loss, z), counts


def solve(X: Any, y: Any, loss: losses.Loss, **options: Any) -> solvers.Optimum:
    settings: dict[str, Any] = {"alpha": 1e-3, "l1_ratio": 0.0, "fit_intercept": True, "tol": 1e-6}
    counts = options.pop("sample_weight", None)
    settings |= {"max_passes": 1000, **options}
    return solvers.solve(solvers.Problem(X, y, counts, loss, **settings))


def value(optimum: solvers.Optimum, X: Any, y: Any, loss: losses.Loss, **options: Any) -> float:
    w, b = optimum.coef.astype(np.float64), float(optimum.intercept)
    options |= {"loss": loss.name, "loss_parameters": loss.parameters}
    return reference.objective(X, y, w, b, **options)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("name", KINKED + JUMPING)
def test_gaps_are_those_to_a_closer_minimum(
    name: str, weighted: bool, fit_intercept: bool, alpha: float
) -> None:
    X, y, counts = problem(name)
    options: dict[str, Any] = {"alpha": alpha, "sample_weight": counts if weighted else None}
    loss = of_python(name)
    rough, close = (
        solve(X, y, loss, fit_intercept=fit_intercept, tol=tol, **options) for tol in (1e-2, 1e-10)
    )
    reached, best = (value(found, X, y, loss, **options) for found in (rough, close))
    assert rough.status == close.status == "certified"
    assert reached - best <= rough.gap <= 1.001e-2 * reached
    assert close.gap <= 2e-10 * best


@pytest.mark.parametrize("name", JUMPING)
def test_both_methods_find_the_same_minimum(name: str) -> None:
    X, y, _ = problem(name)
    loss = of_python(name)
    by_newton = solve(X, y, loss, tol=1e-10)
    coordinates = coordinates_for(X, None, fit_intercept=True)
    objective = Objective(X, y, None, loss, 1e-3, coordinates)
    inside = interior_point.minimize(objective, np.zeros(5), tol=1e-10, max_passes=1000)
    assert "Newton" in by_newton.method
    assert inside.status == by_newton.status == "certified"
    assert inside.value == pytest.approx(value(by_newton, X, y, loss, alpha=1e-3), rel=3e-10)


def test_quantiles_are_those_of_linear_programming() -> None:
    X, y, _ = problem("quantile", n=80)
    q, (n, d) = 0.3, X.shape
    optimum = solve(X, y, losses.Quantile(q), alpha=0.0, tol=1e-9)
    # Minimise (1 - q) r+ + q r- where X w + b - r+ + r- = y and r+, r- >= 0.
    costs = np.r_[np.zeros(d + 1), np.full(n, 1 - q), np.full(n, q)] / n
    equations = np.hstack([X, np.ones((n, 1)), -np.eye(n), np.eye(n)])
    bounds = [(None, None)] * (d + 1) + [(0, None)] * (2 * n)
    exact = optimize.linprog(costs, A_eq=equations, b_eq=y, bounds=bounds)
    assert value(optimum, X, y, losses.Quantile(q)) == pytest.approx(exact.fun, rel=2e-9)
    below = np.mean(y < X @ optimum.coef + optimum.intercept - 1e-6)
    assert abs(below - q) <= (d + 1) / n  # but for the rows that the plane goes through


def test_errors_large_for_the_bend_are_no_difficulty() -> None:
    X, y, _ = problem("huber", n=3000)
    loss = losses.Huber(1e-6)  # nearly absolute errors: hardly a row curves
    optimum = solve(X, y, loss, alpha=0.0)
    assert optimum.status == "certified"
    assert "interior-point" in optimum.method
    assert "interior point" in optimum.events[-1]
    straight = solve(X, y, losses.Quantile(0.5), alpha=0.0, tol=1e-9)
    absolute = 2 * value(straight, X, y, losses.Quantile(0.5))
    # At most delta / 2 a row is between the two losses, in units of delta.
    assert absolute - 1e-6 <= value(optimum, X, y, loss) / 1e-6 <= absolute * (1 + 2e-6)


@pytest.mark.parametrize("name", ["hinge", "huber"])
def test_sparse_rows_are_as_good(name: str) -> None:
    X, y, _ = problem(name)
    X[np.abs(X) < 0.5] = 0.0
    csr = sparse.csr_array(X)
    rows = _core.CsrMatrix(csr.data, csr.indices, csr.indptr, csr.shape[1])
    dense, thin = solve(X, y, of_python(name)), solve(rows, y, of_python(name))
    assert thin.status == dense.status == "certified"
    values = [value(found, X, y, of_python(name), alpha=1e-3) for found in (dense, thin)]
    assert values[0] == pytest.approx(values[1], rel=2e-6)


def test_separable_classes_have_hinge_losses_of_zero() -> None:
    X, y, _ = problem("hinge")
    X = np.column_stack([X, y])
    optimum = solve(X, y, losses.Hinge(), alpha=0.0)
    assert optimum.status == "certified"
    assert value(optimum, X, y, losses.Hinge()) <= 1e-6


@pytest.mark.parametrize("name", KINKED + JUMPING)
def test_boxes_are_the_domains_of_the_conjugates_of_the_core(name: str) -> None:
    y = targets_near(name, np.array([-1.5, 0.25, 2.0]))
    boxes = dual_boxes(of_python(name), y)
    inside = boxes.centre()
    duals = inside.sum(axis=0)
    own = (inside * (boxes.c + 0.5 * boxes.q * inside)).sum(axis=0)
    conjugates = _core.loss_conjugates(name, duals, y, of_python(name).parameters)
    # Of two arms, one pulling each way, the smallest terms with the same sum are the conjugate.
    assert (conjugates <= own + 4 * np.finfo(np.float64).eps * np.abs(own)).all()
    if len(boxes.c) == 1:
        np.testing.assert_allclose(conjugates, own, rtol=4 * np.finfo(np.float64).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_depend_on_neither_threads_nor_target(dtype: Any) -> None:
    X, y, _ = problem("quantile", n=20_000)

    def fit() -> bytes:
        found = solve(X.astype(dtype), y.astype(dtype), losses.Quantile(0.9))
        return found.coef.tobytes() + np.array([found.intercept, found.gap]).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)


def test_the_budget_counts_every_pass() -> None:
    X, y, _ = problem("quantile")
    optimum = solve(X, y, losses.Quantile(), tol=0.0, max_passes=9)
    assert optimum.status == "budget"
    assert 9 <= optimum.passes < 13
