"""Newton steps by conjugate gradients, and L-BFGS: minima of any number of weights."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize

import reference
from fallline import losses, solvers
from fallline.solvers.narrow.duality import CONJUGATES
from fallline.solvers.wide import conjugate_gradients, lbfgs, penalized, truncated_newton
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from sparse_problems import compress
from test_newton import SMOOTH
from test_same_bits import same_on_all_fma_targets

EPS = float(np.finfo(np.float64).eps)
N, D = 300, 40
EXACT_STEP = conjugate_gradients.Goal(0.0, 0.0, 0.0, 0.0, np.inf)


def problem(name: str, **options: Any) -> tuple[solvers.Problem, Float64Array]:
    """Sparse rows whose columns differ in size by up to 100 times, and the same with zeros."""
    rng = np.random.default_rng(0)
    scale = 10.0 ** rng.uniform(-1.0, 1.0, D)
    X = rng.uniform(0.5, 1.5, (N, D)) * (rng.random((N, D)) < 0.2) * scale
    z = X @ (rng.standard_normal(D) / scale) * 0.5
    y, s = targets_near(name, z + rng.standard_normal(N)), rng.integers(0, 4, N).astype(np.float64)
    settings: dict[str, Any] = {"alpha": 1e-4, "l1_ratio": 0.0, "fit_intercept": True}
    settings |= {"tol": 1e-6, "max_passes": 20_000, **options}
    rows = compress(X, np.float64)
    return solvers.Problem(rows, y, s, of_python(name), **settings), X


def value(p: solvers.Problem, X: Float64Array, w: Any, b: float) -> float:
    options: dict[str, Any] = {"loss": p.loss.name, "loss_parameters": p.loss.parameters}
    s: Any = p.sample_weight
    return reference.objective(
        X, np.asarray(p.y, np.float64), w, b, alpha=p.alpha, sample_weight=s, **options
    )


def smallest(p: solvers.Problem, X: Float64Array, w: Any, b: float) -> float:
    """F where SciPy's BFGS ends from there on."""

    def of(at: Float64Array) -> float:
        return value(p, X, at[:-1], float(at[-1]))

    found = optimize.minimize(of, np.append(w, b), method="BFGS", options={"maxiter": 20})
    return min(float(found.fun), of(np.append(w, b)))


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_an_exact_step_is_that_of_the_normal_equations(fit_intercept: bool) -> None:
    p, X = problem("logistic", fit_intercept=fit_intercept)
    objective = penalized.PenalizedObjective(p)
    rng = np.random.default_rng(1)
    c, g = rng.uniform(0.5, 1.5, N), rng.standard_normal(D)
    step = conjugate_gradients.newton_step(objective, c, g, EXACT_STEP)
    s = np.asarray(p.sample_weight, np.float64)
    centred = X - (np.average(X, axis=0, weights=s * c) if fit_intercept else 0.0)
    H = (centred.T * (s * c)) @ centred / s.sum() + p.alpha * np.eye(D)
    # D iterations end with D roundings, as large as the scaled condition says, for each of D sums.
    root = np.sqrt(H.diagonal())
    error = D * D * EPS * np.linalg.cond(H / root / root[:, np.newaxis])
    exact = -np.linalg.solve(H, g)
    assert np.abs((step.direction - exact) * root).max() <= error * np.abs(exact * root).max()
    assert abs(step.decrease + 0.5 * g @ exact) <= error * abs(g @ exact)


@pytest.mark.parametrize("alpha", [1e-2, 1e-5])
@pytest.mark.parametrize("name", SMOOTH)
def test_minima_are_those_of_scipy(name: str, alpha: float) -> None:
    p, X = problem(name, alpha=alpha)
    optimum = truncated_newton.solve(p)
    has_dual = name in CONJUGATES
    assert optimum.status == ("certified" if has_dual else "estimated")
    found = value(p, X, optimum.coef, float(np.asarray(optimum.intercept)))
    lowest = smallest(p, X, optimum.coef, float(np.asarray(optimum.intercept)))
    allowed = 1e-6 * max(found, 1e-3 * optimum.null_value)
    assert found - lowest <= (optimum.gap if has_dual else allowed)


@pytest.mark.parametrize("name", ["squared", "huber", "poisson", "gamma", "tweedie"])
def test_without_a_penalty_minima_are_those_of_scipy(name: str) -> None:
    p, X = problem(name, alpha=0.0)
    optimum = truncated_newton.solve(p)
    assert optimum.status == "estimated"
    found = value(p, X, optimum.coef, float(np.asarray(optimum.intercept)))
    lowest = smallest(p, X, optimum.coef, float(np.asarray(optimum.intercept)))
    assert found - lowest <= 1e-6 * max(found, 1e-3 * optimum.null_value)


@pytest.mark.parametrize("name", ["logistic", "squared_hinge", "modified_huber"])
def test_classes_without_a_penalty_go_by_l_bfgs(name: str) -> None:
    p, X = problem(name, alpha=0.0)
    separable = p._replace(y=np.where(X[:, 0] > X[:, 1], 1.0, -1.0))
    overlapping = lbfgs.solve(p)
    assert overlapping.status == "estimated"
    assert overlapping.method == "L-BFGS in scaled coordinates"
    assert lbfgs.solve(separable).status == ("separable" if name == "logistic" else "certified")


def test_a_budget_ends_a_long_step() -> None:
    p, _ = problem("squared", alpha=1e-7, tol=1e-12)
    optimum = truncated_newton.solve(p._replace(max_passes=12))
    assert optimum.status == "budget"
    # Behind the step there are one along it, one where it ends and three for the bound.
    assert optimum.passes <= 12 + 5


def test_rows_without_a_curve_are_no_obstacle() -> None:
    p, X = problem("huber", alpha=0.0)
    far = p._replace(y=p.y + 100.0 * np.sign(p.y), loss=losses.Huber(0.1))
    optimum = truncated_newton.solve(far)
    found = value(far, X, optimum.coef, float(np.asarray(optimum.intercept)))
    start = value(far, X, np.zeros(D), 0.0)
    assert np.isfinite(found)
    assert found < start


def test_targets_do_not_change_the_bits() -> None:
    p, _ = problem("logistic")

    def fit() -> bytes:
        optimum = truncated_newton.solve(p)
        return np.append(optimum.coef, [optimum.intercept, optimum.gap]).tobytes()

    same_on_all_fma_targets(fit)


def easy_rows_and_noise(size: float) -> solvers.Problem:
    """Half of the rows with columns that tell their class, of which the other half have none."""
    rng = np.random.default_rng(0)
    n, d = 2_000, 1_000
    noise = rng.random((n, d)) * (rng.random((n, d)) < 0.01)
    y = rng.choice([-1.0, 1.0], n)
    telling = y[:, None] * np.abs(rng.standard_normal((n, 3))) + 0.05 * rng.standard_normal((n, 3))
    telling[: n // 2] = 0.0
    p, _ = problem("logistic", alpha=1e-5)
    X = compress(np.hstack([noise, size * telling]), np.float64)
    return p._replace(X=X, y=y, sample_weight=None)


@pytest.mark.parametrize("size", [1.0, 10.0, 1e3])
def test_rows_that_hardly_curve_are_left_out(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    p = easy_rows_and_noise(size)
    found = truncated_newton.solve(p)
    assert found.status == "certified"
    monkeypatch.setattr(truncated_newton, "_FLAT", 0.0)
    with_all = truncated_newton.solve(p)
    assert found.passes < with_all.passes
    assert found.value <= with_all.value + found.gap


@pytest.mark.parametrize("name", ["logistic", "squared"])
def test_few_rows_with_few_elements_need_no_basis(name: str) -> None:
    rng = np.random.default_rng(0)
    n, d = 400, 2_000
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.003)
    y = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    p, _ = problem(name, alpha=0.1 / n)
    found = solvers.solve(p._replace(X=compress(X, np.float64), y=y, sample_weight=None))
    assert (found.status, found.method) == ("certified", truncated_newton.Descent.method)
