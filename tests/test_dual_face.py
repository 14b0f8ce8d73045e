"""Newton steps among free dual variables: the optimum of the interior-point method, and gaps."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import reference
from fallline import _core, losses, solvers
from fallline.solvers.narrow import second_order
from fallline.solvers.wide import dual_ascent
from fallline.solvers.wide.dual_face import SOLVED_IN_DUAL, DualFace
from fallline.solvers.wide.penalized import PenalizedObjective
from fallline.solvers.wide.rows import rows_of, share_of_rows
from loss_cases import of_python, targets_near
from sparse_problems import compress
from test_same_bits import same_at_any_number_of_threads

EPS = float(np.finfo(np.float64).eps)
NAMES = sorted(SOLVED_IN_DUAL)


def dense_problem(name: str, **options: Any) -> solvers.Problem:
    """Few columns and a weak penalty: coordinate ascent alone would take thousands of epochs."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 20)) * (rng.random((150, 20)) < 0.5)
    X[::17] = 0.0
    X[10:20] = X[20:30]  # with other targets
    y = targets_near(name, X @ rng.standard_normal(20) + 0.5 + rng.standard_normal(150))
    s = rng.integers(0, 4, 150).astype(np.float64)
    settings: dict[str, Any] = {"alpha": 1e-4, "l1_ratio": 0.0, "fit_intercept": True}
    settings |= {"tol": 1e-6, "max_passes": 20_000, **options}
    return solvers.Problem(X, y, s, of_python(name), **settings)


def value(p: solvers.Problem, optimum: solvers.Optimum) -> float:
    weights = None if p.sample_weight is None else p.sample_weight.astype(np.float64)
    return reference.objective(
        np.asarray(p.X, np.float64),
        p.y.astype(np.float64),
        np.asarray(optimum.coef, np.float64),
        float(np.asarray(optimum.intercept)),
        loss=p.loss.name,
        loss_parameters=p.loss.parameters,
        alpha=p.alpha,
        sample_weight=weights,
    )


def wide_problem(**options: Any) -> solvers.Problem:
    """Word counts of which the frequent ones are in most rows, and labels that a model explains."""
    rng = np.random.default_rng(0)
    n, d = 2000, 1800
    columns = np.minimum((d * rng.random((n, 12)) ** 4).astype(np.int64), d - 1)
    counts = csr_array(
        (np.ones(columns.size), (np.repeat(np.arange(n), 12), columns.ravel())), shape=(n, d)
    )
    y = np.where(counts @ rng.standard_normal(d) + rng.standard_normal(n) > 1.0, 1.0, -1.0)
    X = _core.CsrMatrix(
        counts.data, counts.indices.astype(np.int32), counts.indptr.astype(np.int32), d
    )
    settings: dict[str, Any] = {"alpha": 1 / n, "l1_ratio": 0.0, "fit_intercept": True}
    settings |= {"tol": 1e-6, "max_passes": 2000, **options}
    return solvers.Problem(X, y, None, losses.Hinge(), **settings)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_gaps_bound_those_to_the_optimum_of_the_interior_point_method(
    name: str, fit_intercept: bool
) -> None:
    p = dense_problem(name, fit_intercept=fit_intercept)
    best = second_order.solve(p._replace(tol=1e-9))
    assert best.status == "certified"
    for tol in (1e-2, 1e-6):
        optimum = dual_ascent.solve(p._replace(tol=tol))
        assert optimum.status == "certified"
        found = value(p, optimum)
        assert value(p, best) - best.gap <= found
        assert found - value(p, best) <= optimum.gap
    assert "steps among free dual variables" in optimum.method


@pytest.mark.parametrize("name", NAMES)
def test_a_step_stays_in_the_box_and_lowers_the_dual_objective(name: str) -> None:
    p = dense_problem(name, fit_intercept=False)
    objective = PenalizedObjective(p)
    X, y, s = np.asarray(p.X), p.y, objective.sample_weight
    assert s is not None
    rate = 1.0 / (p.alpha * objective.total)
    face = DualFace(objective, rate, 0.0)
    duals = np.where(s > 0.0, 0.5 * objective.derivatives(np.zeros(150)), 0.0)
    duals[::5] = 0.0
    w = -rate * ((s * duals) @ X)

    def dual_objective() -> float:
        conjugates = _core.loss_conjugates(p.loss.name, duals, y, p.loss.parameters)
        assert np.isfinite(conjugates).all()
        return float(s @ conjugates + 0.5 / rate * (w @ w))

    values = [dual_objective()]
    for _ in range(5):
        assert face.step(duals, w, 0.0, 1000.0) == 0.0
        values.append(dual_objective())
        # Each of the sums over 150 rows is rounded, and five changes are added up.
        terms = rate * ((s * np.abs(duals)) @ np.abs(X))
        assert (np.abs(w + rate * ((s * duals) @ X)) <= 1000 * EPS * (terms + 1.0)).all()
    rounding = 1000 * EPS * abs(values[0])
    assert (np.diff(values) <= rounding).all()
    assert values[-1] < values[0] - rounding


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_repeated_rows(name: str) -> None:
    p = dense_problem(name)
    assert p.sample_weight is not None
    times = p.sample_weight.astype(np.int64)
    y = np.repeat(np.asarray(p.y, np.float64), times)
    repeated = p._replace(X=np.repeat(np.asarray(p.X), times, axis=0), y=y, sample_weight=None)
    weighted, plain = dual_ascent.solve(p), dual_ascent.solve(repeated)
    assert weighted.status == plain.status == "certified"
    assert abs(value(p, weighted) - value(p, plain)) <= max(weighted.gap, plain.gap)


@pytest.mark.parametrize("alpha", [1 / 2000, 0.1 / 2000])
@pytest.mark.parametrize("loss", [losses.Hinge(), losses.SquaredHinge(), losses.Quantile(0.3)])
def test_wide_sparse_rows_are_certified(loss: losses.Loss, alpha: float) -> None:
    optimum = solvers.solve(wide_problem(alpha=alpha, max_passes=8000)._replace(loss=loss))
    assert optimum.status == "certified"
    assert "free dual variables" in optimum.method


def test_threads_leave_the_bits_alone() -> None:
    p = wide_problem()

    def fit() -> bytes:
        optimum = solvers.solve(p)
        assert "free dual variables" in optimum.method
        return np.append(optimum.coef, [optimum.intercept, optimum.gap]).tobytes()

    same_at_any_number_of_threads(fit)


def test_a_budget_is_kept() -> None:
    optimum = solvers.solve(wide_problem(max_passes=60, tol=1e-12))
    assert optimum.status == "budget"
    assert "free dual variables" in optimum.method
    assert 40.0 < optimum.passes <= 61.0  # the last epoch may begin within it
    assert np.isfinite(optimum.gap)


@pytest.mark.parametrize("status", ["stopped", "interrupted"])
def test_it_ends_when_asked_to(status: str) -> None:
    def observe(visit: solvers.problem.Visit) -> bool:
        if visit.passes < 40.0:
            return False
        if status == "interrupted":
            raise KeyboardInterrupt
        return True

    optimum = solvers.solve(wide_problem(observe=observe, tol=1e-12))
    assert optimum.status == status
    assert "free dual variables" in optimum.method
    assert np.isfinite(optimum.coef).all()


@pytest.mark.parametrize("loss", [losses.Hinge(), losses.Quantile(0.3)])
def test_rows_of_zeros_leave_an_intercept(loss: losses.Loss) -> None:
    p = wide_problem()
    rows, columns = p.X.shape
    nothing = np.zeros(rows + 1, np.int32)
    X = _core.CsrMatrix(np.zeros(0), np.zeros(0, np.int32), nothing, columns)
    optimum = solvers.solve(p._replace(X=X, loss=loss))
    assert optimum.status == "certified"
    assert not np.asarray(optimum.coef).any()


def test_nobody_is_free() -> None:
    p = dense_problem("hinge")
    objective = PenalizedObjective(p)
    duals, w = np.zeros(150), np.zeros(20)
    assert DualFace(objective, 1.0, 1.0).step(duals, w, 0.25, 100.0) == 0.25
    assert not duals.any()
    assert not w.any()


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_some_rows_are_those_of_the_dense_matrix(dtype: Any, index: Any) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((30, 7)) * (rng.random((30, 7)) < 0.4)).astype(dtype)
    X[4] = 0.0
    chosen = np.array([0, 4, 5, 29])
    sparse = compress(X, dtype, index)
    found = rows_of(sparse, chosen)
    assert isinstance(found, _core.CsrMatrix)
    dense = csr_array((found.data, found.indices, found.indptr), shape=found.shape).toarray()
    assert dense.dtype == dtype
    assert dense.tolist() == np.asarray(rows_of(X, chosen)).tolist() == X[chosen].tolist()
    assert share_of_rows(sparse, chosen) == np.count_nonzero(X[chosen]) / np.count_nonzero(X)
    assert share_of_rows(X, chosen) == 4 / 30
    assert rows_of(sparse, chosen[:0]).shape == (0, 7)
