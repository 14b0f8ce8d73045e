"""An L1 term and many columns: the optimum by way of the few that matter."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import linear_model

import fallline as fl
import reference
from fallline import _core, losses, solvers
from fallline.solvers.l1 import working_set
from fallline.solvers.narrow import second_order
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

EPS = float(np.finfo(np.float64).eps)
SMOOTH = ["squared", "logistic", "poisson", "gamma", "huber", "squared_hinge", "modified_huber"]


def problem(loss: str, n: int = 160, d: int = 300) -> tuple[Float64Array, Float64Array]:
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


def test_a_step_to_where_f_is_infinite_is_cut() -> None:
    X, _ = problem("poisson")
    y = np.zeros(len(X))
    y[:2] = [1e6, 1.0]
    found = working_set.solve(posed(csr(1e3 * X), y, losses.Poisson(), alpha=1.0))
    assert found.status == "certified"
    assert np.isfinite(found.value)


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
    assert seen[-1].shape == found.coef.shape == (300,)
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


def wide_rows() -> tuple[Any, Float64Array]:
    """Sparse rows with more columns than a Hessian may have."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((300, 2000), density=0.05, format="csr", rng=rng)
    return X, np.asarray(X[:, :20].sum(axis=1)) + 0.1 * rng.standard_normal(300)


@pytest.mark.parametrize(("n_features", "standardize"), [(499, False), (500, False), (500, True)])
def test_from_500_columns_on_they_are_chosen(n_features: int, standardize: bool) -> None:
    X, y = np.eye(30, n_features), np.arange(30.0)
    trainer = fl.Trainer(
        fl.losses.Squared(), penalty=fl.penalties.L1(1e-3), standardize=standardize
    )
    fit = trainer.fit(X, y)
    assert fit.status == "certified"
    chosen = "columns" in str(fit.report["method"])
    assert chosen == (n_features == 500 and not standardize)


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("make", [sparse.csr_array, lambda X: X.toarray()])
def test_elastic_net_has_the_weights_of_scikit_learn(make: Any, l1_ratio: float) -> None:
    X, y = wide_rows()
    found = fl.ElasticNet(alpha=1e-3, l1_ratio=l1_ratio, tol=1e-10).fit(make(X), y)
    peer = linear_model.ElasticNet(alpha=1e-3, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000)
    peer.fit(X.toarray(), y)
    assert found.status_ == "certified"
    assert np.array_equal(found.coef_ == 0.0, peer.coef_ == 0.0)
    # Both gaps are below 1e-10 of F; its root, over the root of the smallest curvature.
    assert found.coef_ == pytest.approx(peer.coef_, abs=1e-4 * np.abs(peer.coef_).max())
    assert found.report_["events"][0].startswith("copies of columns, ")


def test_logistic_regression_has_the_objective_of_liblinear() -> None:
    X, z = wide_rows()
    y = z > np.median(z)
    found = fl.LogisticRegression(C=5.0, l1_ratio=1.0, tol=1e-8, fit_intercept=False).fit(X, y)
    # Of some orders of the columns it goes on for ever at a smaller tolerance.
    settings: dict[str, Any] = {"solver": "liblinear", "tol": 1e-9, "random_state": 0}
    peer = linear_model.LogisticRegression(
        C=5.0, l1_ratio=1.0, fit_intercept=False, max_iter=10_000, **settings
    ).fit(X, y)
    options: dict[str, Any] = {"loss": "logistic", "alpha": 1 / (5.0 * 300), "l1_ratio": 1.0}
    mine, theirs = (
        reference.objective(X.toarray(), np.where(y, 1.0, -1.0), model.coef_[0], 0.0, **options)
        for model in (found, peer)
    )
    assert found.status_ == "certified"
    assert mine - theirs <= found.gap_ <= 1.001e-8 * mine
    assert found.coef_.any()


def test_trainer_takes_any_loss_and_several_targets() -> None:
    X, y = wide_rows()
    penalty = fl.penalties.L1(1e-3)
    fit = fl.Trainer(fl.losses.Huber(0.5), penalty=penalty).fit(X, np.column_stack([y, -y]))
    assert fit.status == "certified"
    assert fit.coef[:, 0] == pytest.approx(-fit.coef[:, 1], abs=1e-4)


def test_an_intercept_may_be_all_there_is() -> None:
    X, y = sparse.csr_array((5, 2000)), np.arange(5.0)
    found = fl.Lasso(alpha=1e-3).fit(X, y)
    assert found.status_ == "certified"
    assert not found.coef_.any()
    assert found.intercept_ == pytest.approx(2.0, rel=4 * EPS)


@pytest.mark.parametrize("make", [csr, np.asarray])
def test_more_weights_than_a_hessian_may_have(make: Any) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((4000, 2000)) * (rng.random((4000, 2000)) < 0.02)
    y = X @ rng.standard_normal(2000)
    found = solvers.solve(posed(make(X), y, losses.Squared(), alpha=1e-3))
    assert found.status == "certified"
    assert np.count_nonzero(found.coef) > 1500
    options: dict[str, Any] = {"loss": "squared", "alpha": 1e-3, "l1_ratio": 0.8}
    value = reference.objective(X, y, found.coef.astype(np.float64), found.intercept, **options)
    assert found.value == pytest.approx(value, rel=1e-12)
