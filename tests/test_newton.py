"""Newton's method on growing parts of the rows: minima, and how it ends."""

from typing import Any

import numpy as np
import pytest

import reference
from fallline import losses, solvers
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

SMOOTH = [
    *("squared", "logistic", "squared_hinge", "modified_huber", "huber"),
    *("squared_epsilon_insensitive", "poisson", "gamma", "tweedie"),
]


def problem(loss: str, n: int = 3000, d: int = 6) -> tuple[Float64Array, Float64Array]:
    """More rows than the first part, columns of different scale and mean, one pair correlated."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    X[:, 1] += 3 * X[:, 0]
    z = 0.3 * X @ rng.standard_normal(d) + 0.5 * rng.standard_normal(n)
    y = targets_near(loss, z)
    return X * 10.0 ** np.arange(-2, d - 2) + np.arange(d), y


def solve(X: Any, y: Any, loss: losses.Loss, **options: Any) -> solvers.Optimum:
    settings: dict[str, Any] = {"alpha": 1e-4, "l1_ratio": 0.0, "fit_intercept": True, "tol": 1e-6}
    counts = options.pop("sample_weight", None)
    settings |= {"max_passes": 100, **options}
    return solvers.solve(solvers.Problem(X, y, counts, loss, **settings))


def weights(optimum: solvers.Optimum) -> tuple[Float64Array, float]:
    return optimum.coef.astype(np.float64), optimum.intercept


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", SMOOTH)
def test_gaps_are_those_to_a_closer_minimum(name: str, fit_intercept: bool) -> None:
    X, y = problem(name)
    loss = of_python(name)
    rough, close = (
        solve(X, y, loss, fit_intercept=fit_intercept, tol=tol) for tol in (1e-3, 1e-13)
    )
    options: Any = {"loss": name, "loss_parameters": loss.parameters, "alpha": 1e-4}
    values = [reference.objective(X, y, *weights(at), **options) for at in (rough, close)]
    assert rough.status == close.status == "certified"
    assert values[0] - values[1] <= rough.gap
    assert rough.gap <= 1.001e-3 * max(values[0], 1e-3)
    assert close.gap <= 1e-12 * max(values[0], 1.0)
    slope, at_intercept = reference.gradient(X, y, *weights(close), **options)
    # A gap of 1e-12 is a gradient of its root, in columns of deviation 1 and curvature of some 1.
    assert np.abs(slope / X.std(axis=0)).max() <= 1e-5 * (1 + np.abs(y).max())
    assert abs(at_intercept) <= 1e-5 * (1 + np.abs(y).max()) or not fit_intercept


@pytest.mark.parametrize("name", ["squared", "logistic"])
def test_rows_without_weight_and_units_change_nothing(name: str) -> None:
    X, y = problem(name, n=400)
    counts = (np.arange(len(y)) % 4).astype(np.float64)
    loss, repeats = of_python(name), counts.astype(int)
    weighted = solve(X, y, loss, sample_weight=counts, tol=1e-12)
    repeated = solve(np.repeat(X, repeats, axis=0), np.repeat(y, repeats), loss, tol=1e-12)
    assert weights(weighted)[0] == pytest.approx(weights(repeated)[0], rel=1e-6)
    units = 2.0 ** np.arange(-20, 10, 5)
    plain, other = (solve(X * by, y, loss, alpha=0.0) for by in (np.ones(6), units))
    assert (other.coef * units).tobytes() == plain.coef.tobytes()


def test_weights_of_many_rows_are_read_in_place() -> None:
    X, y = problem("squared", n=9000)  # of which every other one says how large columns are
    s = np.arange(9000) % 3 + 0.5
    optimum = solve(X, y, losses.Squared(), sample_weight=s)
    assert optimum.status == "certified"


def test_constant_columns_and_targets_are_no_difficulty() -> None:
    X, y = problem("squared", n=50)
    X[:, 3] = 0.1
    optimum = solve(X, y, losses.Squared(), alpha=0.0)
    without = solve(np.delete(X, 3, axis=1), y, losses.Squared(), alpha=0.0)
    assert optimum.status == without.status == "certified"
    assert optimum.coef[3] == 0.0
    assert np.delete(optimum.coef, 3) == pytest.approx(weights(without)[0], rel=1e-10)
    level = solve(X, np.full(50, 0.1), losses.Squared())
    assert level.status == "certified"
    assert np.abs(level.coef).max() <= 1e-14
    assert level.intercept == pytest.approx(0.1, rel=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
def test_a_single_row_is_fitted(alpha: float) -> None:
    optimum = solve(np.array([[1.0, 2.0]]), np.array([3.0]), losses.Squared(), alpha=alpha)
    assert optimum.status == "certified"
    np.testing.assert_allclose(optimum.coef @ [1.0, 2.0] + optimum.intercept, 3.0, rtol=1e-12)


def test_collinear_columns_without_a_penalty_share_the_weight_and_are_not_certified() -> None:
    X, y = problem("squared", n=60, d=3)
    X = np.column_stack([X, 2 * X[:, 0]])
    optimum = solve(X, y, losses.Squared(), alpha=0.0)
    assert optimum.status == "estimated"
    # Per standard deviation the two have the same weight: the shortest there is.
    assert optimum.coef[0] == pytest.approx(2 * optimum.coef[3], rel=1e-6)
    alone = solve(X[:, :3], y, losses.Squared(), alpha=0.0)
    np.testing.assert_allclose(
        X @ optimum.coef + optimum.intercept, X[:, :3] @ alone.coef + alone.intercept, atol=1e-8
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_depend_on_neither_threads_nor_target(dtype: Any) -> None:
    X, y = problem("logistic", n=20_000, d=9)

    def fit() -> bytes:
        found = solve(X.astype(dtype), y.astype(dtype), losses.Logistic())
        return found.coef.tobytes() + np.array([found.intercept, found.gap]).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)


def test_the_budget_counts_every_pass() -> None:
    X, y = problem("logistic")
    optimum = solve(X, y, losses.Logistic(), tol=0.0, max_passes=2)
    assert optimum.status == "budget"
    assert 2 <= optimum.passes < 3


def test_float32_weights_keep_their_certificate_and_its_gap_counts_their_rounding() -> None:
    X, y = problem("logistic")
    X32, y32 = X.astype(np.float32), y.astype(np.float32)
    optimum = solve(X32, y32, losses.Logistic())
    assert optimum.status == "certified"
    assert optimum.coef.dtype == np.float32
    close = solve(X32.astype(np.float64), y, losses.Logistic(), tol=1e-13)
    reached, best = (
        reference.objective(X32.astype(np.float64), y, *weights(at), loss="logistic", alpha=1e-4)
        for at in (optimum, close)
    )
    assert reached - best <= optimum.gap
    strict = solve(X32, y32, losses.Logistic(), tol=0.0)
    assert strict.status == "floor"
    assert strict.events == ["rounding the weights to float32 took F out of the tolerance"]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1e200], [2e200]], [0.0, 1.0], "got values up to 2.0e[+]200 in column 0; rescale it"),
        ([[1.0], [2.0]], [1e200, -1e200], "F must stay finite, got inf .*rescale y and X"),
    ],
)
def test_squares_that_overflow_are_named(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solve(np.array(X), np.array(y), losses.Squared())
