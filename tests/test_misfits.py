"""Steps that take the losses of a few rows as they are, against SciPy, and what they prove."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import optimize

from fallline import losses, solvers
from fallline.solvers.narrow import certificate
from fallline.solvers.narrow.coordinates import Coordinates
from fallline.solvers.narrow.misfits import with_misfits
from fallline.solvers.narrow.newton_step import NewtonStep, newton_step
from fallline.solvers.narrow.objective import Objective, Point
from fallline.typing import Float64Array, IntArray
from reference_losses import LOSSES
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

N, D, RARE = 2560, 4, 6
EPS = float(np.finfo(np.float64).eps)


class Case(NamedTuple):
    objective: Objective
    Z: Float64Array  # the rows in its coordinates
    s: Float64Array
    point: Point


def case(*, weighted: bool = False, rows: IntArray | None = None) -> Case:
    """The first rows alone have a value in the last column, whose weight has the wrong sign."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((N, D))
    X[:, -1] = 0.0
    X[:RARE, -1] = 1.0
    y = np.where(X[:, 0] + rng.standard_normal(N) > 0.0, 1.0, -1.0)
    y[:RARE] = np.resize([1.0, 1.0, -1.0], RARE)
    s = rng.uniform(0.5, 2.0, N) if weighted else np.ones(N)
    s[0] = 0.0 if weighted else 1.0
    coordinates = Coordinates(np.zeros(D), np.ones(D), fit_intercept=True)
    weights = s if weighted else None
    objective = Objective(X, y, weights, losses.Logistic(), 1e-4, coordinates)
    u = np.array([1.0, 0.0, 0.0, -9.0, 0.1])
    Z = np.column_stack([X, np.ones(N)])
    return Case(objective, Z, s, objective.at(u, rows))


def carried(case: Case, rows: IntArray | None = None) -> tuple[NewtonStep, NewtonStep]:
    plain = newton_step(case.point)
    return plain, with_misfits(case.objective, case.point, plain, rows)


def smallest_of_model(case: Case, exact: IntArray, rows: IntArray) -> tuple[Float64Array, float]:
    """The minimum of the model by SciPy, and what it is less than at no step."""
    Z, y, s = case.Z[rows], case.objective.y[rows], case.s[rows]
    loss, share = LOSSES["logistic"], s / s.sum()
    z = Z @ case.point.u
    is_exact = np.isin(np.arange(len(rows)), exact)
    slopes, curvatures = loss.derivative(z, y), loss.curvature(z, y)
    ridge, u = case.objective.ridge, case.point.u

    def model(step: Float64Array) -> tuple[float, Float64Array]:
        way = Z @ step
        quadratic = slopes * way + 0.5 * curvatures * way**2
        as_it_is = loss.value(z + way, y) - loss.value(z, y)
        slope = np.where(is_exact, loss.derivative(z + way, y), slopes + curvatures * way)
        value = share @ np.where(is_exact, as_it_is, quadratic)
        value += 0.5 * float((u + step) @ (ridge * (u + step)) - u @ (ridge * u))
        return float(value), Z.T @ (share * slope) + ridge * (u + step)

    found = optimize.minimize(model, np.zeros(len(u)), jac=True, method="BFGS", tol=1e-12)
    return found.x, -found.fun


def dual_gap(found: Case, before: Point, step: NewtonStep, after: Point) -> float:
    """F less the dual objective, and what the gradient left costs where there is no penalty."""
    objective, y, loss = found.objective, found.objective.y, LOSSES["logistic"]
    d = loss.derivative(before.margins, y)
    d += loss.curvature(before.margins, y) * (after.margins - before.margins)
    if step.exact is not None:
        d[step.exact] = loss.derivative(after.margins, y)[step.exact]
    d = np.clip(d, np.minimum(-y, 0.0), np.maximum(-y, 0.0))
    share = found.s / found.s.sum()
    left = np.abs(found.Z.T @ (share * d) + objective.ridge * after.u)
    sizes = objective.terms(after.u) + np.abs(step.direction)
    assert loss.conjugate is not None
    terms = loss.value(after.margins, y) + loss.conjugate(d, y) - d * after.margins
    unsettled = float(np.sum(left[:-1] ** 2 / (2.0 * objective.ridge[:-1])) + left[-1] * sizes[-1])
    return float(share @ terms) + unsettled


@pytest.mark.parametrize("of_part", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_step_leads_to_the_minimum_of_the_model(weighted: bool, of_part: bool) -> None:
    rows = np.arange(0, N, 2) if of_part else None
    found = case(weighted=weighted, rows=rows)
    plain, step = carried(found, rows)
    assert step.exact is not None
    visited = np.arange(N) if rows is None else rows
    assert set(visited[step.exact]) <= set(range(RARE))
    assert 0 not in step.exact or not weighted  # which has no weight
    exact, promised = smallest_of_model(found, step.exact, visited)
    # SciPy ends at a gradient of some 1e-8 (rounding); the smallest curvature is the penalty's.
    np.testing.assert_allclose(step.direction, exact, atol=1e-4)
    assert 0.5 * step.decrement == pytest.approx(promised, rel=1e-9)
    assert np.abs(plain.direction).max() > 1.5 * np.abs(step.direction).max()


def test_few_rows_are_left_to_the_model() -> None:
    rows = np.arange(999)
    found = case(rows=rows)
    plain, step = carried(found, rows)
    assert step is plain


def test_rows_that_are_where_the_model_expects_them_are_left_to_it() -> None:
    found = case()
    near = found._replace(point=found.objective.at(np.array([1.0, 0.0, 0.0, -1.0, 0.1])))
    plain, step = carried(near)
    assert step is plain
    # Nor are rows carried that are not few.
    many = found._replace(point=found.objective.at(np.array([-9.0, 0.0, 0.0, -9.0, 0.1])))
    plain, step = carried(many)
    assert step is plain


@pytest.mark.parametrize("weighted", [False, True])
def test_what_a_step_proves_is_never_below_the_gap(weighted: bool) -> None:
    found = case(weighted=weighted)
    objective, point = found.objective, found.point
    exact = solve(found.Z[:, :-1], objective.y, objective.sample_weight, 1e-4, tol=1e-14)
    assert exact.status == "certified"
    proven = 0
    for _ in range(12):
        _, step = carried(found._replace(point=point))
        after = objective.at(point.u + step.direction)
        bound = certificate.gap_by_model(objective, point, step, after)
        gap = after.value - exact.value
        assert bound >= gap - 64 * EPS * after.value
        proven += bound < after.value
        assert bound == pytest.approx(dual_gap(found, point, step, after), rel=1e-6, abs=1e-13)
        point = after
    assert proven >= 3
    assert bound <= 1e-12


def test_derivatives_that_no_loss_can_have_are_clipped_to_a_bound() -> None:
    found = case()
    objective = found.objective
    u = np.array([1.0, 0.0, 0.0, 1.0, 0.1])
    point = objective.at(u)
    step = newton_step(point)._replace(direction=np.array([2.5, 0.0, 0.0, 0.0, 0.0]))
    after = objective.at(u + step.direction)
    gap = objective.model_gap(point.margins, after.margins)
    d = LOSSES["logistic"].derivative(point.margins, objective.y)
    d += LOSSES["logistic"].curvature(point.margins, objective.y) * (after.margins - point.margins)
    dual = np.clip(d, np.minimum(-objective.y, 0.0), np.maximum(-objective.y, 0.0))
    assert (dual != d).sum() > 10
    assert gap.clipped is not None
    np.testing.assert_allclose(gap.clipped, dual - d, atol=4 * EPS)
    bound = certificate.gap_by_model(objective, point, step, after)
    assert bound == pytest.approx(dual_gap(found, point, step, after), rel=1e-9)


def solve(
    X: Float64Array, y: Float64Array, s: Float64Array | None, alpha: float, tol: float = 1e-6
) -> solvers.Optimum:
    return solvers.solve(
        solvers.Problem(
            X,
            y,
            s,
            losses.Logistic(),
            alpha=alpha,
            l1_ratio=0.0,
            fit_intercept=True,
            tol=tol,
            max_passes=200,
        )
    )


def rare_columns(n: int, seed: int = 0) -> tuple[Float64Array, Float64Array]:
    """Many columns that are 1 in a few rows each, of one class but for one of them, if at all."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 24))
    y = np.where(X[:, 0] + rng.standard_normal(n) > 0.0, 1.0, -1.0)
    for k in range(4, 24):
        X[:, k] = 0.0
        rows = rng.choice(n, 40, replace=False)
        X[rows, k] = 1.0
        y[rows] = -1.0
        y[rows[0]] = 1.0
    return X, y


def test_rare_columns_take_few_passes_and_no_cuts() -> None:
    X, y = rare_columns(60_000)
    optimum = solve(X, y, None, alpha=1 / 60_000)
    assert optimum.status == "certified"
    assert not optimum.events
    assert optimum.passes <= 8.0


def test_bits_know_nothing_of_threads_and_targets() -> None:
    X, y = rare_columns(20_000)

    def fit() -> bytes:
        found = solve(X, y, None, alpha=1 / 20_000)
        return found.coef.tobytes() + np.array([found.intercept, found.gap]).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)
