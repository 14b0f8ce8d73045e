"""An L1 term and many columns: the optimum by way of the few that matter."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

import reference
from fallline import _core, losses, solvers
from fallline.solvers import second_order, working_set
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

EPS = float(np.finfo(np.float64).eps)
SMOOTH = ["squared", "logistic", "poisson", "gamma", "huber", "squared_hinge", "modified_huber"]


def problem(loss: str, n: int = 120, d: int = 600) -> tuple[Float64Array, Float64Array]:
    """Rows with many zeros, of which few columns matter; one column twice, one all zeros."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.3)
    z = X[:, :8].sum(axis=1) + 0.5 * rng.standard_normal(n)
    X[:, 1], X[:, 9] = X[:, 0], 0.0
    return X * 10.0 ** rng.integers(-1, 2, d), targets_near(loss, z)


def csr(X: Float64Array) -> _core.CsrMatrix:
    rows = sparse.csr_array(X)
    return _core.CsrMatrix(rows.data, rows.indices, rows.indptr, rows.shape[1])


def posed(X: Any, y: Any, loss: losses.Loss, **options: Any) -> solvers.Problem:
    settings: dict[str, Any] = {"alpha": 0.05, "l1_ratio": 0.8, "fit_intercept": True, "tol": 1e-6}
    s = options.pop("sample_weight", None)
    return solvers.Problem(X, y, s, loss, **(settings | {"max_passes": 1000} | options))


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("make", [csr, np.asarray])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_optimum_is_that_of_all_columns_at_once(name: str, make: Any, l1_ratio: float) -> None:
    X, y = problem(name)
    s = np.arange(float(len(y))) % 3 + 0.5
    of_all = posed(X, y, of_python(name), l1_ratio=l1_ratio, sample_weight=s)
    found = working_set.solve(of_all._replace(X=make(X)))
    judge = second_order.solve(of_all._replace(tol=1e-13))
    assert found.status == "certified"
    values = [
        reference.objective(
            X,
            y,
            at.coef.astype(np.float64),
            at.intercept,
            loss=name,
            loss_parameters=of_all.loss.parameters,
            alpha=of_all.alpha,
            l1_ratio=l1_ratio,
            sample_weight=s,
        )
        for at in (found, judge)
    ]
    assert found.value == pytest.approx(values[0], rel=1e-13)
    assert values[0] - values[1] <= found.gap <= 1e-6 * found.value + 1e-14
    assert 0 < np.count_nonzero(found.coef) < 400


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["squared", "logistic"])
def test_sparse_rows_and_float32_are_the_same_problem(name: str, dtype: Any) -> None:
    X, y = problem(name)
    X, y = X.astype(dtype), y.astype(dtype)
    dense, thin = (working_set.solve(posed(of, y, of_python(name))) for of in (X, csr(X)))
    assert thin.status == dense.status == "certified"
    assert thin.coef.dtype == dense.coef.dtype == dtype
    assert np.array_equal(thin.coef == 0.0, dense.coef == 0.0)
    assert thin.value == pytest.approx(dense.value, abs=dense.gap + thin.gap)


@pytest.mark.parametrize("make", [csr, np.asarray])
def test_the_bits_depend_on_neither_threads_nor_target(make: Any) -> None:
    X, y = problem("logistic", n=4000)
    rows = make(X)

    def fit() -> bytes:
        found = working_set.solve(posed(rows, y, losses.Logistic(), alpha=0.02))
        assert found.status == "certified"
        return found.coef.tobytes() + np.array([found.intercept, found.gap]).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)


def test_a_large_penalty_leaves_no_weight_and_needs_two_passes() -> None:
    X, y = problem("squared")
    found = working_set.solve(posed(X, y, losses.Squared(), alpha=1e4))
    assert found.status == "certified"
    assert found.passes == 2.0
    assert not found.coef.any()
    assert found.intercept == pytest.approx(y.mean(), rel=4 * EPS)


def test_a_loss_whose_conjugate_is_not_known_is_not_certified() -> None:
    X, y = problem("poisson")
    found = working_set.solve(posed(X, y, losses.Tweedie(1.5)))
    judge = second_order.solve(posed(X, y, losses.Tweedie(1.5), tol=1e-12))
    assert found.status == "estimated"
    assert found.value == pytest.approx(judge.value, rel=1e-6)


def test_the_budget_ends_it_with_the_weights_reached() -> None:
    X, y = problem("logistic")
    found = working_set.solve(posed(X, y, losses.Logistic(), max_passes=5))
    assert found.status == "budget"
    assert found.passes < 8.0
    assert found.value < found.null_value
    assert found.gap > 1e-6 * found.value


def test_an_observer_sees_weights_and_may_end_it() -> None:
    X, y = problem("logistic")
    seen = []

    def observe(visit: Any) -> bool:
        seen.append(visit.weights()[0])
        return len(seen) == 3

    found = working_set.solve(posed(X, y, losses.Logistic(), observe=observe))
    assert found.status == "stopped"
    assert seen[-1].shape == found.coef.shape == (600,)
    assert found.coef.any()


def test_ctrl_c_keeps_the_weights_reached() -> None:
    X, y = problem("logistic")

    def interrupt(visit: Any) -> bool:
        if visit.passes > 4.0:
            raise KeyboardInterrupt
        return False

    found = working_set.solve(posed(X, y, losses.Logistic(), observe=interrupt))
    assert found.status == "interrupted"
    assert found.coef.any()
    assert np.isfinite(found.value)


@pytest.mark.parametrize("make", [csr, np.asarray])
def test_many_columns_and_an_l1_term_come_here(make: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2000)) * (rng.random((60, 2000)) < 0.2)
    y = X[:, 0] - X[:, 1]
    found = solvers.solve(posed(make(X), y, losses.Squared()))
    assert found.status == "certified"
    assert "columns" in found.method
