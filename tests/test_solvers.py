"""The solver that the estimators run on, and the change of variables below it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import reference
from fallline import _core
from fallline.solvers import nesterov, scaled
from fallline.solvers.nesterov import Solution, minimize
from fallline.typing import Float64Array, FloatArray

EPS = float(np.finfo(np.float64).eps)
LOSSES = ["squared", "logistic"]


def problem(
    n_samples: int = 200, n_features: int = 5, *, loss: str = "squared", seed: int = 0
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Rows, targets and weights: columns of very different scale and mean, one pair correlated."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    X[:, 1] += 3 * X[:, 0]
    z = X @ rng.standard_normal(n_features) + rng.standard_normal(n_samples)
    X = X * 10.0 ** np.arange(-2, n_features - 2) + np.arange(n_features)
    return X, np.where(z > 0, 1.0, -1.0) if loss == "logistic" else z, rng.random(n_samples)


def solve(X: FloatArray, y: FloatArray, loss: str = "squared", **options: Any) -> Solution:
    options = {"sample_weight": None, "tol": 1e-12, "max_iter": 10_000} | options
    return minimize(X, y, options.pop("sample_weight"), loss, **options)


# The moments.


def test_moments_agree_with_a_longer_type() -> None:
    X, _, weights = problem(n_samples=30_000)  # more than one block of rows
    X[:, 2] = X[:, 2] / 1000 + 1e6
    mean, variance = _core.column_moments(X, weights)
    long = X.astype(np.longdouble)
    exact = np.average(long, axis=0, weights=weights)
    # Rows are added one after the other within a block of 2**16 / 5, and blocks likewise.
    additions = 2**16 // 5 + 3
    size = np.average(np.abs(X), axis=0, weights=weights)
    assert (np.abs(mean - exact) <= additions * EPS * size).all()
    exact_variance = np.average((long - exact) ** 2, axis=0, weights=weights)
    # What centring rounds is eps of each entry, against a root mean square of the deviations.
    tolerance = 2 * additions * EPS * exact_variance + 4 * EPS * size * np.sqrt(exact_variance)
    assert (np.abs(variance - exact_variance) <= tolerance).all()


def test_weights_count_as_repeated_rows_in_the_moments() -> None:
    X, _, _ = problem(n_samples=50)
    counts = np.arange(50) % 4
    weighted = _core.column_moments(X, counts.astype(np.float64))
    repeated = _core.column_moments(np.repeat(X, counts, axis=0), None)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-13)


def test_blocks_without_weight_do_not_disturb_the_moments() -> None:
    X, _, _ = problem(n_samples=40_000)
    weights = (np.arange(40_000) >= 30_000).astype(np.float64)
    np.testing.assert_allclose(
        _core.column_moments(X, weights), _core.column_moments(X[30_000:], None), rtol=1e-12
    )


# The objective in scaled coordinates.


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_scaled_objective_is_the_objective(loss: str, fit_intercept: bool) -> None:
    X, y, weights = problem(loss=loss)
    F = scaled.ScaledObjective(X, y, weights, loss, l2=0.3, l1=0.2, fit_intercept=fit_intercept)
    point = np.append(np.random.default_rng(1).standard_normal(5), 0.7 * fit_intercept)
    value, gradient = F.evaluate(point)
    w, b = point[:-1] * F.inverse_scale, F.weights(point)[1]
    options: dict[str, Any] = {
        "loss": loss,
        "alpha": 0.5,
        "l1_ratio": 0.4,
        "sample_weight": weights,
    }
    expected = reference.objective(X, y, w, b, **options)
    np.testing.assert_allclose(value + F.l1_term(point), expected, rtol=1e-12)
    by_weight, by_intercept = reference.gradient(X, y, w, b, **options)
    expected_gradient = (by_weight - F.mean * by_intercept) * F.inverse_scale
    np.testing.assert_allclose(gradient[:-1], expected_gradient, atol=F.rounding)
    np.testing.assert_allclose(gradient[-1], by_intercept * fit_intercept, atol=F.rounding)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_no_coordinate_curves_more_than_the_smoothness(loss: str, fit_intercept: bool) -> None:
    X, y, weights = problem(loss=loss)
    for l2 in [0.0, 1e-3, 1e3]:
        F = scaled.ScaledObjective(X, y, weights, loss, l2=l2, l1=0.0, fit_intercept=fit_intercept)
        hessian = np.array([F.curvature(row) for row in np.eye(6)[:5]])[:, :5]
        np.testing.assert_allclose(np.diag(hessian), F.smoothness, rtol=1e-9)
        np.testing.assert_allclose(hessian, hessian.T, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_rounding_error_of_a_gradient_is_within_its_bound(loss: str, dtype: type) -> None:
    X, y, weights = problem(loss=loss, n_samples=2000)
    if dtype == np.float32:  # what the pass reads is to be exact
        X, y, weights = (array.astype(dtype).astype(np.float64) for array in (X, y, weights))
    F = scaled.ScaledObjective(
        X.astype(dtype),
        y.astype(dtype),
        weights.astype(dtype),
        loss,
        l2=0.0,
        l1=0.0,
        fit_intercept=True,
    )
    point = np.append(np.random.default_rng(1).standard_normal(5), 0.7)
    _, gradient = F.evaluate(point)
    w = point[:-1] * F.inverse_scale  # in float64, where the pass takes weights in the dtype of X
    b = float(point[-1] - F.mean @ w)
    by_weight, by_intercept = reference.gradient(X, y, w, b, loss=loss, sample_weight=weights)
    exact = np.append((by_weight - F.mean * by_intercept) * F.inverse_scale, by_intercept)
    error = np.abs(gradient - exact).max()
    assert error <= F.rounding
    assert error >= F.rounding / 1e4  # the bound is of use


# Minima.


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_least_squares_has_the_coefficients_of_lstsq(fit_intercept: bool, weighted: bool) -> None:
    X, y, weights = problem()
    s = weights if weighted else np.ones(len(y))
    A = np.column_stack([X, np.ones(len(y))]) if fit_intercept else X
    root = np.sqrt(s)
    expected = np.linalg.lstsq(A * root[:, np.newaxis], y * root, rcond=None)[0]
    solution = solve(X, y, sample_weight=weights if weighted else None, fit_intercept=fit_intercept)
    assert solution.status == "converged"
    got = np.append(solution.coef, [solution.intercept] if fit_intercept else [])
    np.testing.assert_allclose(got, expected, rtol=1e-8)
    assert fit_intercept or solution.intercept == 0.0


@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e6])
def test_ridge_has_the_coefficients_of_the_normal_equations(alpha: float) -> None:
    X, y, weights = problem()
    p = weights / weights.sum()
    centred = X - p @ X
    gram = centred.T @ (p[:, np.newaxis] * centred) + alpha * np.eye(5)
    expected = np.linalg.solve(gram, centred.T @ (p * (y - p @ y)))
    solution = solve(X, y, sample_weight=weights, alpha=alpha)
    assert solution.status == "converged"
    np.testing.assert_allclose(solution.coef, expected, rtol=1e-7)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 10.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_logistic_has_the_coefficients_of_newtons_method(alpha: float, fit_intercept: bool) -> None:
    X, y, weights = problem(loss="logistic")
    expected = reference.newton_logistic(
        X, y, alpha, sample_weight=weights, fit_intercept=fit_intercept
    )
    solution = solve(
        X, y, "logistic", sample_weight=weights, alpha=alpha, fit_intercept=fit_intercept
    )
    assert solution.status == "converged"
    # Newton's last step promised a decrease of 1e-12: its square root, in standard deviations.
    scale = X.std(axis=0)
    np.testing.assert_allclose(solution.coef * scale, expected.coef * scale, atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(solution.objective[-1], expected.objective, rtol=1e-11)


@pytest.mark.parametrize(("loss", "alpha"), [("squared", 0.5), ("logistic", 0.1)])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_an_l1_term_satisfies_its_optimality_conditions(
    loss: str, alpha: float, l1_ratio: float
) -> None:
    X, y, weights = problem(loss=loss)
    X = X / X.std(axis=0)
    options: dict[str, Any] = {"alpha": alpha, "l1_ratio": l1_ratio, "sample_weight": weights}
    solution = solve(X, y, loss, **options)
    assert solution.status == "converged"
    w, b = solution.coef, solution.intercept
    by_weight, by_intercept = reference.gradient(X, y, w, b, loss=loss, **options)
    threshold = alpha * l1_ratio
    assert 0 < np.count_nonzero(w) < len(w)
    np.testing.assert_allclose(by_weight[w != 0], -threshold * np.sign(w[w != 0]), atol=1e-11)
    assert (np.abs(by_weight[w == 0]) <= threshold).all()
    assert abs(by_intercept) <= 1e-11
    value = reference.objective(X, y, w, b, loss=loss, **options)
    np.testing.assert_allclose(solution.objective[-1], value, rtol=1e-12)


def test_more_columns_than_rows_are_interpolated() -> None:
    X, y, _ = problem(n_samples=20, n_features=10)
    X = np.hstack([X / X.std(axis=0), np.random.default_rng(2).standard_normal((20, 90))])
    solution = solve(X, y)
    assert solution.status == "converged"
    np.testing.assert_allclose(X @ solution.coef + solution.intercept, y, atol=1e-9)


def test_weights_count_as_repeated_rows() -> None:
    X, y, _ = problem()
    counts = np.arange(len(y)) % 4
    weighted = solve(X, y, sample_weight=counts.astype(np.float64), alpha=0.01)
    repeated = solve(np.repeat(X, counts, axis=0), np.repeat(y, counts), alpha=0.01)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-8)


def test_powers_of_two_as_units_change_nothing() -> None:
    X, y, _ = problem()
    units = 2.0 ** np.arange(-20, 5, 5)
    plain, other = solve(X, y), solve(X * units, y)
    assert (other.coef * units).tobytes() == plain.coef.tobytes()
    assert other.n_iter == plain.n_iter


@pytest.mark.parametrize("loss", LOSSES)
def test_one_and_two_threads_give_the_same_bits(loss: str) -> None:
    X, y, weights = problem(n_samples=20_000, n_features=20, loss=loss)
    X[:] = (X - X.mean(axis=0)) / X.std(axis=0)
    before = _core.get_num_threads()
    try:
        results = []
        for threads in [1, 2]:
            _core.set_num_threads(threads)
            results.append(solve(X, y, loss, sample_weight=weights, alpha=1e-3))
    finally:
        _core.set_num_threads(before)
    assert results[0].coef.tobytes() == results[1].coef.tobytes()
    assert results[0].intercept == results[1].intercept
    assert results[0].objective == results[1].objective


# How it ends.


def test_constant_targets_need_no_step() -> None:
    X, _, _ = problem()
    solution = solve(X, np.full(len(X), 0.1))
    assert solution.status == "converged"
    assert not solution.coef.any()
    assert solution.intercept == 0.1
    assert solution.gradient_norm == 0.0


def test_a_constant_column_has_no_weight_next_to_an_intercept() -> None:
    X, y, _ = problem()
    X[:, 3] = 0.1
    with_it, without = solve(X, y), solve(np.delete(X, 3, axis=1), y)
    assert with_it.coef[3] == 0.0
    np.testing.assert_allclose(np.delete(with_it.coef, 3), without.coef, rtol=1e-8)


def test_a_column_of_ones_is_an_intercept_where_there_is_none() -> None:
    X, y, _ = problem()
    X[:, 3] = 1.0
    solution = solve(X, y, fit_intercept=False)
    np.testing.assert_allclose(
        solution.coef[3], solve(np.delete(X, 3, axis=1), y).intercept, rtol=1e-7
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_single_row_is_fitted(fit_intercept: bool) -> None:
    solution = solve(np.array([[1.0, 2.0]]), np.array([3.0]), fit_intercept=fit_intercept)
    assert solution.status == "converged"
    np.testing.assert_allclose(solution.coef @ [1.0, 2.0] + solution.intercept, 3.0, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_without_a_tolerance_the_floor_is_found(loss: str, dtype: type) -> None:
    X, y, _ = problem(loss=loss)
    solution = solve(X.astype(dtype), y, loss, tol=0.0)
    assert solution.status == "floor" or solution.gradient_norm == 0.0
    assert solution.gradient_norm <= 1e3 * np.finfo(dtype).eps


def test_weights_are_no_finer_than_the_dtype_of_the_data() -> None:
    X, y, _ = problem()
    solution = solve(X.astype(np.float32), y)
    assert solution.coef.dtype == np.float64
    assert (solution.coef == solution.coef.astype(np.float32)).all()


@pytest.mark.parametrize("max_iter", [1, 2, 3, 5, 20])
def test_the_budget_counts_every_pass(max_iter: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_passes(monkeypatch)
    X, y, _ = problem()
    solution = solve(X, y, max_iter=max_iter)
    assert solution.status == "budget"
    assert solution.n_iter == max_iter
    assert len(calls) == max_iter - 1  # the moments count as one
    assert np.isfinite(solution.coef).all()


def test_ctrl_c_keeps_the_best_point(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = problem()
    unbroken = solve(X, y, max_iter=30)
    count_passes(monkeypatch, interrupt_after=29)
    solution = solve(X, y)
    assert solution.status == "interrupted"
    assert solution.coef.tobytes() == unbroken.coef.tobytes()
    assert solution.objective == unbroken.objective


def test_a_curvature_underestimated_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nesterov, "_POWER_PASSES", 0)
    X = (
        np.random.default_rng(0).standard_normal((500, 20))
        + 3 * np.arange(500)[:, np.newaxis] / 500
    )
    y = X @ np.arange(20.0)
    solution = solve(X, y)  # starts from L = 1, where it is about 10
    assert solution.status == "converged"
    np.testing.assert_allclose(solution.coef, np.arange(20.0), atol=1e-9)
    assert max(solution.objective) == solution.objective[0]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1e200], [2e200]], [0.0, 1.0], "got values up to 2.0e[+]200 in column 0; rescale it"),
        ([[1.0], [2.0]], [1e200, -1e200], "F must stay finite, got inf in pass 2; rescale y"),
    ],
)
def test_squares_that_overflow_are_named(
    X: list[list[float]], y: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        solve(np.array(X), np.array(y))


def count_passes(monkeypatch: pytest.MonkeyPatch, interrupt_after: int | None = None) -> list[str]:
    """Record the loss of every pass; interrupt the one after so many."""
    calls: list[str] = []
    original: Callable[..., tuple[float, Float64Array, float]] = _core.loss_gradient

    def recorded(X: Any, y: Any, s: Any, loss: str, *weights: Any, **options: Any) -> Any:
        if len(calls) == interrupt_after:
            raise KeyboardInterrupt
        calls.append(loss)
        return original(X, y, s, loss, *weights, **options)

    monkeypatch.setattr(_core, "loss_gradient", recorded)
    return calls


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_columns_far_from_zero_lose_no_digits(offset: float, loss: str) -> None:
    X, y, _ = problem(loss=loss)
    far = (X / X.std(axis=0) + offset).astype(np.float32)
    # What float32 has left of the columns is exact in the reference; only the arithmetic differs.
    exact = solve(far.astype(np.float64) - offset, y, loss)
    found = solve(far, y.astype(np.float32), loss)
    assert found.status in {"converged", "floor"}
    # A gradient within its rounding, divided by the smallest curvature.
    condition = float(np.linalg.cond(np.corrcoef(far.T.astype(np.float64))))
    tolerance = 4 * float(np.finfo(np.float32).eps) * condition * np.abs(exact.coef).max()
    assert np.abs(found.coef - exact.coef).max() <= tolerance
