"""Several heads in Newton's method: softmax, classes against the rest, targets."""

from typing import Any

import numpy as np
import pytest

from fallline import _core, losses, solvers
from fallline.typing import Float64Array
from reference_heads import softmax_value
from test_newton import problem
from test_newton import solve as solve_one
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets


def classes(n: int = 3000, K: int = 4) -> tuple[Float64Array, Float64Array]:
    """Columns of different scale and mean, and classes of different size that overlap."""
    X, _ = problem("squared", n=n, d=6)
    rng = np.random.default_rng(1)
    z = (X - X.mean(axis=0)) / X.std(axis=0) @ rng.standard_normal((6, K)) + np.arange(K)
    return X, np.argmax(z + rng.gumbel(size=z.shape), axis=1).astype(np.float64)


def solve(X: Any, y: Any, loss: losses.Loss | None = None, **options: Any) -> solvers.Optimum:
    return solve_one(X, y, loss or losses.Softmax(), heads="classes", **options)


def value(X: Float64Array, y: Float64Array, at: solvers.Optimum, alpha: float) -> float:
    coef = at.coef.astype(np.float64)
    found = np.mean(softmax_value(X @ coef + at.intercept, y))
    return float(found) + 0.5 * alpha * float(np.sum(coef**2))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("K", [2, 3, 6])
def test_gaps_are_those_to_a_closer_minimum(K: int, fit_intercept: bool) -> None:
    X, y = classes(K=K)
    rough, close = (solve(X, y, fit_intercept=fit_intercept, tol=tol) for tol in (1e-3, 1e-13))
    assert rough.status == close.status == "certified"
    assert value(X, y, rough, 1e-4) - value(X, y, close, 1e-4) <= rough.gap
    assert close.gap <= 1e-12
    assert close.coef.shape == (6, K)
    size = np.abs(close.coef).max(axis=1)
    assert np.all(np.abs(close.coef.sum(axis=1)) <= K * K * 1e-16 * size)


def test_two_classes_of_softmax_are_the_logistic_loss_with_half_the_penalty() -> None:
    X, y = classes(K=2)
    two = solve(X, y, alpha=1e-3, tol=1e-13)
    one = solve_one(X, 2 * y - 1, losses.Logistic(), alpha=5e-4, tol=1e-13)
    np.testing.assert_allclose(two.coef[:, 1] - two.coef[:, 0], one.coef, rtol=1e-6)
    assert value(X, y, two, 1e-3) == pytest.approx(one.objective[-1], rel=1e-12)


def test_rows_without_weight_change_nothing() -> None:
    X, y = classes(n=600)
    counts = np.arange(600) % 4
    weighted = solve(X, y, sample_weight=counts.astype(np.float64), tol=1e-12)
    repeated = solve(np.repeat(X, counts, axis=0), np.repeat(y, counts), tol=1e-12)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-5, atol=1e-9)


def test_the_order_of_the_classes_does_not_matter() -> None:
    X, y = classes()
    order = np.array([2, 0, 3, 1])
    plain, other = solve(X, y, tol=1e-13), solve(X, order[y.astype(int)].astype(float), tol=1e-13)
    np.testing.assert_allclose(other.coef[:, order], plain.coef, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 1e-4])
def test_separable_classes_have_no_optimum_without_a_penalty(alpha: float) -> None:
    X = np.column_stack([np.cos(np.arange(30)), np.sin(np.arange(30))])
    y = np.arange(30) % 3
    X += 10 * np.column_stack([np.cos(2 * np.pi * y / 3), np.sin(2 * np.pi * y / 3)])
    optimum = solve(X, y.astype(np.float64), alpha=alpha)
    assert optimum.status == ("certified" if alpha else "separable")
    assert np.array_equal(np.argmax(X @ optimum.coef + optimum.intercept, axis=1), y)


def test_collinear_columns_without_a_penalty_are_not_certified_and_share_the_weight() -> None:
    X, y = classes(n=500)
    optimum = solve(np.column_stack([X, 2 * X[:, 0]]), y, alpha=0.0)
    assert optimum.status == "estimated"
    np.testing.assert_allclose(optimum.coef[0], 2 * optimum.coef[-1], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_depend_on_neither_threads_nor_target(dtype: Any) -> None:
    X, y = classes(n=12_000)

    def fit() -> bytes:
        found = solve(X.astype(dtype), y.astype(dtype))
        return b"".join(np.asarray(part).tobytes() for part in found[:2]) + repr(found.gap).encode()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)


def test_float32_weights_keep_their_certificate() -> None:
    X, y = classes()
    X32 = X.astype(np.float32)
    optimum = solve(X32, y.astype(np.float32))
    assert optimum.status == "certified"
    assert optimum.coef.dtype == np.float32
    rows = X32.astype(np.float64)
    close = solve(rows, y, tol=1e-13)
    assert value(rows, y, optimum, 1e-4) - value(rows, y, close, 1e-4) <= optimum.gap


def test_what_newtons_method_cannot_take_is_refused_with_a_remedy() -> None:
    X, y = classes(n=400)
    with pytest.raises(ValueError, match=r"no L1 term with softmax of 4 classes, got l1_ratio=0.5"):
        solve(X, y, l1_ratio=0.5)
    wide, deviation = np.ones((400, 500)), np.ones(500)
    with pytest.raises(ValueError, match=r"standardize must be False .* got True with 1503; name"):
        solve(wide, y, deviation=deviation)


def test_independent_heads_are_what_each_is_alone() -> None:
    X, y = classes()
    Y = np.column_stack([y, y**2, X[:, 0] * y])
    together = solve_one(X, Y, losses.Squared(), heads="per_head")
    alone = [solve_one(X, Y[:, k].copy(), losses.Squared()) for k in range(3)]
    assert np.array_equal(together.coef, np.stack([one.coef for one in alone], axis=1))
    assert np.array_equal(together.intercept, [one.intercept for one in alone])
    assert together.status == "certified"
    assert together.gap == sum(one.gap for one in alone)
    assert together.passes == sum(one.passes for one in alone)
    assert together.objective[-1] == pytest.approx(sum(one.objective[-1] for one in alone))


def test_each_class_against_the_rest_and_what_is_said_is_the_weakest() -> None:
    X, y = classes()
    X[y == 2, 5] += 1e8  # that class alone can be told apart from the others
    rest = solve(X, y, losses.Logistic(), alpha=0.0)
    assert rest.coef.shape == (6, 4)
    one = solve_one(X, np.where(y == 1, 1.0, -1.0), losses.Logistic(), alpha=0.0)
    assert one.status == "certified"
    assert np.array_equal(rest.coef[:, 1], one.coef)
    assert rest.status == "separable"
    assert rest.method.endswith("for each of 4 outputs")


def test_ctrl_c_leaves_the_heads_that_were_done(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = classes(n=500)
    Y = np.column_stack([y, 2 * y, 3 * y])
    alone = solve_one(X, Y[:, 0].copy(), losses.Squared())
    original, calls = _core.newton_pass, [0]

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] > np.ceil(alone.passes):
            raise KeyboardInterrupt
        return original(*arguments, **options)

    monkeypatch.setattr(_core, "newton_pass", interrupted)
    optimum = solve_one(X, Y, losses.Squared(), heads="per_head")
    assert optimum.status == "interrupted"
    assert np.isnan(optimum.gap)
    assert np.array_equal(optimum.coef[:, 0], alone.coef)
    assert not optimum.coef[:, 2].any()
