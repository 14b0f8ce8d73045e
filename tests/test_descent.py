"""One-example gradient descent straight into the weights, at every row length that is special.

Short rows look ahead: the margin of a row is known before the step of the row before it is in the
weights. That is the same step up to rounding, and nothing of it may be seen from outside.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

import reference
from arrays import OFFSETS, DType, eps
from fallline import _core
from fallline.typing import Float64Array, FloatArray
from loss_cases import PARAMETERS, has_log_link, targets_near

# A line holds 16 float32 or 8 float64: one to five of them, and around the ten that look ahead.
COLUMNS = [1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40, 41, 47, 48, 49, 63, 64, 65, 79, 80]
COLUMNS += [81, 159, 160, 161, 200]
NEAR, FAR = 20, 161  # look ahead in either dtype, in none
N = 37
SHUFFLES = ["none", "rows", "blocks"]
PENALTIES: dict[str, Any] = {
    "none": {"l2": 0.0, "weight_decay": 0.0},
    "l2": {"l2": 0.05, "weight_decay": 0.0},
    "both": {"l2": 0.05, "weight_decay": 0.1},
}


class Problem(NamedTuple):
    X: Float64Array
    y: Float64Array
    s: Float64Array


@cache
def problem(loss: str, d: int, n: int = N) -> Problem:
    """Numbers that float32 holds exactly, rows no longer than 1."""
    rng = np.random.default_rng([n, d])
    X = rng.uniform(-1.0, 1.0, (n, d)) / np.sqrt(d)
    z = X @ rng.normal(size=d) + 0.5 + rng.normal(size=n)
    arrays = (X, targets_near(loss, z), rng.uniform(0.5, 2.0, n))
    return Problem(*(a.astype(np.float32).astype(np.float64) for a in arrays))


def rates(n_steps: int) -> Float64Array:
    return np.asarray(0.5 / np.sqrt(1.0 + np.arange(n_steps)))


def among_nans(values: Float64Array, dtype: DType, offset: int) -> FloatArray:
    """A copy that begins ``offset`` elements into a buffer, its rows three NaNs apart."""
    n, d = values.shape
    buffer: FloatArray = np.full(offset + n * (d + 3), np.nan, dtype)
    view = buffer[offset:].reshape(n, d + 3)[:, :d]
    view[:] = values
    return view


def by_column(values: Float64Array, dtype: DType, offset: int) -> FloatArray:
    del offset
    return np.asfortranarray(values.astype(dtype))


def make_loop(p: Problem, loss: str, dtype: DType, offset: int = 0, **options: Any) -> Any:
    kind: Any = _core.LoopFloat32 if dtype == np.float32 else _core.LoopFloat64
    settings: dict[str, Any] = {"weighted": True, "shuffle": "none", "fit_intercept": True}
    settings |= PENALTIES["both"] | {"layout": among_nans} | options
    weights = p.s.astype(dtype) if settings.pop("weighted") else None
    return kind(
        settings.pop("layout")(p.X, dtype, offset),
        p.y.astype(dtype),
        weights,
        loss=loss,
        loss_parameters=PARAMETERS[loss],
        rule="sgd",
        parameters=[],
        l1=0.0,
        batch_size=1,
        seed=3,
        **settings,
    )


def state(loop: Any) -> bytes:
    return bytes(loop.coef.tobytes() + np.float64(loop.intercept).tobytes())


class Expected(NamedTuple):
    coef: Float64Array
    intercept: float
    tolerance: float  # in roundings


@cache
def expected_training(
    loss: str, d: int, penalty: str, weighted: bool, fit_intercept: bool, shuffle: str
) -> Expected:
    """An epoch of the reference along the same order, and how far rounding may lead from it.

    A margin as computed is that of data changed by as many eps as its sums have additions: d, or
    twice as many where it is made of two products, and some for the loss and the step. What such
    changes do is tried out. Storing rounds the weights themselves once a step.
    """
    p = problem(loss, d)
    order = np.arange(N) if shuffle == "none" else _core.epoch_order(shuffle, N, d, 3, 0)
    X, y, s = p.X[order], p.y[order], p.s[order] if weighted else np.ones(N)

    def train(X: Float64Array, s: Float64Array) -> Float64Array:
        fit = reference.train(
            X,
            y,
            loss=loss,
            loss_parameters=PARAMETERS[loss],
            rule="sgd",
            learning_rates=rates(N),
            batch_size=1,
            sample_weight=s,
            fit_intercept=fit_intercept,
            **PENALTIES[penalty],
        )
        return np.append(fit.coef, fit.intercept)

    rng, change = np.random.default_rng(0), 1e-9
    exact = train(X, s)
    changed = train(
        X * (1 + change * rng.choice([-1.0, 1.0], X.shape)),
        s * (1 + change * rng.choice([-1.0, 1.0], N)),
    )
    condition = float(np.max(np.abs(changed - exact))) / change
    tolerance = (2 * d + 16) * condition + N * float(np.max(np.abs(exact)))
    return Expected(exact[:-1], float(exact[-1]), tolerance)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "unweighted"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("d", COLUMNS)
def test_descent_is_that_of_the_reference_at_every_address(
    d: int, penalty: str, weighted: bool, shuffle: str, dtype: DType
) -> None:
    for loss, fit_intercept in (("logistic", True), ("squared", False)):
        options: dict[str, Any] = {"weighted": weighted, "fit_intercept": fit_intercept}
        expected = expected_training(loss, d, penalty, **options, shuffle=shuffle)
        options |= {"shuffle": shuffle, **PENALTIES[penalty]}
        loops = [make_loop(problem(loss, d), loss, dtype, at, **options) for at in OFFSETS]
        for loop in loops:
            assert loop.run(rates(N))[0] == N
        assert len({state(loop) for loop in loops}) == 1
        error = eps(dtype) * expected.tolerance
        assert float(np.max(np.abs(loops[0].coef - expected.coef))) <= error
        assert abs(loops[0].intercept - expected.intercept) <= error


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("d", [NEAR, FAR])
@pytest.mark.parametrize("loss", _core.losses())
def test_neither_chunks_nor_reading_change_a_bit(
    loss: str, d: int, shuffle: str, dtype: DType
) -> None:
    p = problem(loss, d)
    in_one, in_parts = (make_loop(p, loss, dtype, shuffle=shuffle) for _ in range(2))
    lr = 0.1 * rates(2 * N + 5)
    whole = in_one.run(lr)
    total = weight = 0.0
    for a, b in ((0, 0), (0, 1), (1, 8), (8, N), (N, N + 3), (N + 3, 2 * N + 5)):
        part = in_parts.run(lr[a:b].copy())
        total, weight = total + part[1], weight + part[2]
        assert state(in_parts) == state(in_parts)
    assert whole[0] == in_one.step == in_parts.step == len(lr)
    assert state(in_one) == state(in_parts)
    assert (total, weight) == pytest.approx(whole[1:], rel=1e-14)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("d", [NEAR, FAR])
def test_columns_unpacked_window_by_window_give_the_bits_of_rows(
    d: int, shuffle: str, dtype: DType
) -> None:
    p = problem("logistic", d, 3000)
    rows, columns = (
        make_loop(p, "logistic", dtype, layout=layout, shuffle=shuffle)
        for layout in (among_nans, by_column)
    )
    lr = 0.1 * rates(4000)
    rows.run(lr)
    for part in np.split(lr, [1, 7, 2990, 3100]):
        columns.run(part)
        assert state(columns) == state(columns)
    assert state(rows) == state(columns)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("d", [NEAR, FAR])
def test_at_the_end_of_an_epoch_the_weights_are_all_a_fit_goes_on_from(
    d: int, dtype: DType
) -> None:
    p = problem("logistic", d)
    stayed, came = (make_loop(p, "logistic", dtype) for _ in range(2))
    stayed.run(rates(N))
    came.coef, came.intercept = stayed.coef, stayed.intercept
    for loop in (stayed, came):
        loop.run(rates(5))
    assert state(stayed) == state(came)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("d", [NEAR, FAR])
def test_setting_one_leaves_the_other_with_every_step(d: int, dtype: DType) -> None:
    loop = make_loop(problem("logistic", d), "logistic", dtype)
    loop.run(rates(5))
    coef, intercept = loop.coef, loop.intercept
    loop.intercept = 2.0
    assert np.array_equal(loop.coef, coef)
    assert loop.intercept == 2.0
    loop.run(rates(2))
    intercept, w = loop.intercept, np.zeros(d, dtype)
    loop.coef = w
    assert np.array_equal(loop.coef, w)
    assert loop.intercept == intercept


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("d", [NEAR, FAR])
@pytest.mark.parametrize("loss", _core.losses())
def test_a_step_without_a_finite_loss_is_not_taken(
    loss: str, d: int, bad: float, dtype: DType
) -> None:
    p = problem(loss, d)
    clean = make_loop(p, loss, dtype)
    clean_weight = clean.run(0.1 * rates(17))[2]
    side = np.sign(clean.coef[0])
    X, y = p.X.copy(), p.y.copy()
    # Infinitely far on the wrong side.
    X[17, 0], y[17] = bad, 1.0 if has_log_link(loss) else -side
    loop = make_loop(Problem(X, y, p.s), loss, dtype)
    first = loop.run(0.1 * rates(30))
    assert first[0] == loop.step == 17
    assert np.isnan(first[1]) if np.isnan(bad) else first[1] == np.inf
    assert first[2] == pytest.approx(clean_weight + p.s[17], rel=1e-12)
    assert state(loop) == state(clean)

    w = np.full(d, 0.25 * side, dtype)
    loop.coef, loop.intercept = w, -1.5
    again = loop.run(rates(6))
    assert (again[0], loop.step) == (0, 17)
    assert not np.isfinite(again[1])
    assert np.array_equal(loop.coef, w)
    assert loop.intercept == -1.5


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("d", [NEAR, FAR])
def test_rows_whose_products_overflow_are_no_divergence(d: int, dtype: DType) -> None:
    """Their margins and losses are finite, all 0."""
    X = np.full((N, d), np.sqrt(float(np.finfo(dtype).max)))
    loop = make_loop(Problem(X, np.zeros(N), np.ones(N)), "squared", dtype)
    assert loop.run(rates(N)) == (N, 0.0, N)
    assert not np.any(loop.coef)
