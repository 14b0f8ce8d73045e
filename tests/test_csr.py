"""Training on sparse rows: the model of the same numbers in a dense array."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from arrays import DType, eps
from fallline import _core
from fallline.typing import Float64Array
from sparse_problems import (
    EXACT,
    PARAMETERS,
    PENALTIES,
    RULES,
    Problem,
    compress,
    make_loop,
    problem,
)

N, D, DENSITY = 203, 30, 0.1
LOSSES = ["squared", "logistic", "hinge"]
SHUFFLES = ["none", "rows", "blocks"]


def rates(n_steps: int) -> Float64Array:
    return np.asarray(0.2 / np.sqrt(1.0 + np.arange(n_steps)))


class Expected(NamedTuple):
    coef: Float64Array
    intercept: float
    running_loss: float
    tolerance: float  # in roundings


@cache
def expected_training(
    loss: str, rule: str, penalty: str, batch_size: int, density: float
) -> Expected:
    """Two epochs and a step of the reference, and how far rounding may lead from it.

    A mini-batch as computed is exact for data changed by as many eps as its sums have additions:
    one for every row of it and every feature of a row, and some for the loss and the rule. What
    such changes do to the weights is tried out. Storing a weight, with its scale and its
    thresholds, rounds it some times a step.
    """
    p = problem(loss, N, D, density)
    n_steps = 2 * -(-N // batch_size) + 1
    options: dict[str, Any] = PENALTIES[penalty]

    def train(X: Float64Array, s: Float64Array) -> reference.Trained:
        return reference.train(
            X,
            p.y,
            loss=loss,
            rule=rule,
            parameters=PARAMETERS[rule],
            learning_rates=rates(n_steps),
            batch_size=batch_size,
            sample_weight=s,
            **options,
        )

    rng, change = np.random.default_rng(0), 1e-9
    exact = train(p.X, p.s)
    changed = train(
        p.X * (1 + change * rng.choice([-1.0, 1.0], p.X.shape)),
        p.s * (1 + change * rng.choice([-1.0, 1.0], N)),
    )
    moved = np.append(changed.coef - exact.coef, changed.intercept - exact.intercept)
    largest = max(float(np.max(np.abs(exact.coef))), abs(exact.intercept))
    condition = float(np.max(np.abs(moved))) / change
    tolerance = (batch_size + D + 16) * condition + 6 * n_steps * largest
    return Expected(exact.coef, exact.intercept, float(np.sum(exact.running_losses)), tolerance)


def check_training(
    loss: str, rule: str, penalty: str, batch_size: int, density: float, dtype: DType
) -> None:
    expected = expected_training(loss, rule, penalty, batch_size, density)
    p = problem(loss, N, D, density)
    loop = make_loop(
        compress(p.X, dtype), p, loss, rule, dtype, batch_size=batch_size, **PENALTIES[penalty]
    )
    n_steps = 2 * loop.steps_per_epoch + 1
    steps, total, _ = loop.run(rates(n_steps))
    assert steps == loop.step == n_steps
    tolerance = eps(dtype) * expected.tolerance
    assert loop.coef.dtype == dtype
    assert float(np.max(np.abs(loop.coef - expected.coef))) <= tolerance
    assert abs(loop.intercept - expected.intercept) <= tolerance
    assert total == pytest.approx(expected.running_loss, rel=1e-3 if dtype == np.float32 else 1e-9)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("batch_size", [1, 8, N])
@pytest.mark.parametrize(("rule", "penalty"), EXACT)
@pytest.mark.parametrize("loss", LOSSES)
def test_training_is_that_of_the_reference_where_absence_can_be_made_up_for(
    loss: str, rule: str, penalty: str, batch_size: int, dtype: DType
) -> None:
    check_training(loss, rule, penalty, batch_size, DENSITY, dtype)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("batch_size", [1, 8, N])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("rule", RULES)
def test_training_is_that_of_the_reference_where_no_feature_is_ever_absent(
    rule: str, penalty: str, batch_size: int, dtype: DType
) -> None:
    check_training("logistic", rule, penalty, batch_size, 1.0, dtype)


def test_mini_batches_beyond_a_block_have_the_same_sums(dtype: DType) -> None:
    n = 3000
    p = problem("logistic", n, D, DENSITY)
    for rule in ("sgd", "adagrad"):
        for batch_size in (1024, 1025, 2999):
            options: dict[str, Any] = {"batch_size": batch_size, "shuffle": "rows"}
            options |= {"l2": 0.05, "l1": 0.01} if rule == "sgd" else {}
            X = compress(p.X, dtype)
            loops = [make_loop(rows, p, "logistic", rule, dtype, **options) for rows in (X, p.X)]
            for loop in loops:
                loop.run(rates(7))
            # Weights of about 1 after 7 sums of 1024 terms at most, where none cancels.
            np.testing.assert_allclose(loops[0].coef, loops[1].coef, atol=1024 * 7 * eps(dtype))


@st.composite
def csr_matrices(draw: st.DrawFn) -> tuple[Any, Any, Any, int]:
    """Values, columns in any order and more than once, and ends of rows."""
    n_features = draw(st.integers(1, 12))
    lengths = draw(st.lists(st.integers(0, 9), min_size=1, max_size=40))
    indptr = np.cumsum([0, *lengths])
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.choice([-1.0, -0.5, 0.0, 0.25, 1.0], indptr[-1])
    return values, rng.integers(0, n_features, indptr[-1]), indptr, n_features


@given(
    matrix=csr_matrices(),
    index=st.sampled_from([np.int32, np.int64]),
    batch_size=st.integers(1, 50),
    shuffle=st.sampled_from(SHUFFLES),
    penalty=st.sampled_from(sorted(PENALTIES)),
    fit_intercept=st.booleans(),
)
def test_columns_may_come_in_any_order_and_more_than_once(
    matrix: tuple[Any, Any, Any, int],
    index: Any,
    batch_size: int,
    shuffle: str,
    penalty: str,
    fit_intercept: bool,
) -> None:
    values, columns, indptr, d = matrix
    n = len(indptr) - 1
    dense = np.zeros((n, d))
    np.add.at(dense, (np.repeat(np.arange(n), np.diff(indptr)), columns), values)
    y = np.where(np.arange(n) % 3 == 0, -1.0, 1.0)
    p = Problem(dense, y, np.where(np.arange(n) % 2, 1.5, 0.5))
    X = _core.CsrMatrix(values, columns.astype(index), indptr.astype(index), d)
    options: dict[str, Any] = {"batch_size": batch_size, "shuffle": shuffle, "seed": 7}
    options |= {"fit_intercept": fit_intercept, **PENALTIES[penalty]}
    loops = [make_loop(rows, p, "logistic", "sgd", "float64", **options) for rows in (X, dense)]
    for loop in loops:
        loop.run(np.full(20, 0.02))
    # A row is no longer than 9, so that a step brings two runs no further apart: rounding adds up.
    # One of 20 steps moves a weight by at most 0.02 * 1.5 * 9 in fewer than 600 roundings.
    tolerance = 20 * 600 * 0.3 * eps(np.dtype(float))
    np.testing.assert_allclose(loops[0].coef, loops[1].coef, rtol=0, atol=tolerance)
    assert abs(loops[0].intercept - loops[1].intercept) <= tolerance
    assert fit_intercept or loops[0].intercept == 0


@pytest.mark.parametrize("rule", ["sgd", "momentum", "damped_momentum"])
def test_thousands_of_absences_are_made_up_for(rule: str) -> None:
    # More steps than MissedSteps holds, and L2 that takes the scale past 2^-60 again and again.
    n = 5000
    X = np.zeros((n, 3))
    X[:, 0], X[1000, 1], X[-1, 2] = 1.0, 1.0, 1.0
    p = Problem(X, np.where(np.arange(n) % 2, 1.0, -1.0), np.ones(n))
    for l2 in (0.0, 1e-4, 0.5):
        results = []
        for rows in (compress(X, "float64"), X):
            loop = make_loop(rows, p, "logistic", rule, "float64", l2=l2, batch_size=1)
            loop.coef = np.array([0.5, 3.0, -2.0])
            loop.run(np.full(n - 1, 0.3))
            results.append(np.append(loop.coef, loop.intercept))
        # Relative to themselves, as far as 5000 factors are off; the weights may be tiny by then.
        tolerance = 5000 * 8 * eps(np.dtype(float))
        np.testing.assert_allclose(results[0], results[1], rtol=tolerance, atol=1e-300)


def test_weights_and_moments_of_absent_features_stay_with_adam(dtype: DType) -> None:
    X = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    p = Problem(X, np.array([1.0, -1.0, -1.0]), np.ones(3))
    options: dict[str, Any] = {"batch_size": 1, "weight_decay": 0.5}
    loop = make_loop(compress(X, dtype), p, "logistic", "adam", dtype, **options)
    loop.run(np.array([0.1]))
    first = loop.coef[0]
    loop.run(np.array([0.1, 0.1]))
    assert first > 0
    # Decoupled decay is made up for: two steps of 1 - 0.1 * 0.5.
    assert loop.coef[0] == pytest.approx(first * 0.95**2, rel=4 * eps(dtype))


def test_thresholds_of_absences_are_taken_together_with_momentum() -> None:
    X = np.array([[1.0, 0.0], *[[0.0, 1.0]] * 30])
    p = Problem(X, np.ones(31), np.ones(31))
    loop = make_loop(compress(X, "float64"), p, "squared", "momentum", "float64", l1=0.3)
    loop.coef = np.array([0.5, 0.0])
    loop.run(np.full(4, 0.1))
    assert loop.coef[0] > 0
    loop.run(np.full(40, 0.1))
    assert loop.coef[0] == 0


def all_bits(
    rule: str, batch_size: int, dtype: Any, index: Any = np.int32, parts: int = 1
) -> bytes:
    p = problem("logistic", N, D, DENSITY)
    options: dict[str, Any] = {"batch_size": batch_size, "shuffle": "blocks", "weight_decay": 0.1}
    # L2 that takes the scale out of its range every 30 steps, without the thresholds of L1 or with.
    options |= {"l2": 6.0} if batch_size == 1 else {"l2": 0.3, "l1": 0.01}
    loop = make_loop(compress(p.X, dtype, index), p, "logistic", rule, dtype, **options)
    for lr in np.split(rates(60), parts):
        loop.run(lr)
        assert loop.coef.any()  # reading the weights changes nothing
    return loop.coef.tobytes() + np.float64(loop.intercept).tobytes()


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("rule", RULES)
def test_bits_depend_neither_on_chunks_nor_on_index_types_nor_on_threads(
    rule: str, batch_size: int, dtype: DType
) -> None:
    expected = all_bits(rule, batch_size, dtype)
    assert all_bits(rule, batch_size, dtype, np.int64) == expected
    for parts in (12, 60):
        assert all_bits(rule, batch_size, dtype, parts=parts) == expected
    _core.set_num_threads(3)
    assert all_bits(rule, batch_size, dtype) == expected


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("rule", RULES)
def test_bits_are_those_of_every_target_with_fma(rule: str, batch_size: int, dtype: DType) -> None:
    found = set()
    for target in _core.targets():
        if target != "baseline":
            _core.set_target(target)
            found.add(all_bits(rule, batch_size, dtype))
    assert len(found) <= 1


@pytest.mark.parametrize("rule", RULES)
def test_a_step_without_a_finite_loss_is_not_taken(rule: str, dtype: DType) -> None:
    p = problem("squared", 27, D, DENSITY)
    y = p.y.copy()
    y[17] = np.inf
    X = compress(p.X, dtype)
    clean = make_loop(X, p, "squared", rule, dtype)
    clean.run(rates(2))
    loop = make_loop(X, Problem(p.X, y, p.s), "squared", rule, dtype)
    steps, total, _ = loop.run(rates(6))
    assert (steps, loop.step, total) == (2, 2, np.inf)
    assert np.array_equal(loop.coef, clean.coef)
    assert loop.intercept == clean.intercept
    w = np.arange(D).astype(dtype)
    loop.coef = w
    assert loop.run(rates(1))[0] == 0
    assert np.array_equal(loop.coef, w)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("n", [1, 255, 256, 257, 3001])
@pytest.mark.parametrize("loss", LOSSES)
def test_passes_are_those_over_the_dense_rows(loss: str, n: int, dtype: DType) -> None:
    p = problem(loss, max(n, 3), D, DENSITY)
    X, y, s = p.X[:n], p.y[:n].astype(dtype), p.s[:n].astype(dtype)
    w = np.random.default_rng(1).normal(size=D).astype(dtype)
    rows = compress(X, dtype)
    margins = X @ w.astype(np.float64) + 0.25
    terms = np.abs(X) @ np.abs(w.astype(np.float64)) + 0.25
    errors = 4 * eps(dtype) * terms
    assert np.all(np.abs(_core.margins(rows, w, 0.25) - margins) <= errors)
    value, derivative = reference.LOSSES[loss].value, reference.LOSSES[loss].derivative
    expected = float(np.sum(p.s[:n] * value(margins, p.y[:n])))
    slopes = np.abs(derivative(margins, p.y[:n])) + errors
    bound = float(np.sum(p.s[:n] * slopes * errors)) + 16 * eps(dtype) * (expected + np.sum(s))
    assert abs(_core.loss_sum(rows, y, s, loss, w, 0.25) - expected) <= bound
    found = set()
    for n_threads in (1, 2, 3):
        _core.set_num_threads(n_threads)
        found.add(_core.loss_sum(rows, y, s, loss, w, 0.25))
    assert len(found) == 1
