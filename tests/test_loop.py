"""The mini-batch loop of the compiled code, against the reference's and against itself."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

import reference
from arrays import DType, eps
from fallline import _core
from fallline.typing import Float64Array
from loss_cases import PARAMETERS as LOSS_PARAMETERS
from loss_cases import has_log_link, targets_near
from rule_cases import PARAMETERS, pairs

SIZES = [(27, 1), (27, 8), (203, 64), (203, 203), (1700, 1500), (1700, 1700)]  # rows, mini-batch
REGULARIZATION = {"l2": 0.05, "l1": 0.02, "weight_decay": 0.1}
PLAIN = dict.fromkeys(REGULARIZATION, 0.0)
D = 5


class Problem(NamedTuple):
    X: Float64Array
    y: Float64Array
    s: Float64Array


@cache
def problem(loss: str, n: int, d: int = D) -> Problem:
    """Numbers that float32 holds exactly, with |x| <= 1."""
    rng = np.random.default_rng([n, d])
    X, s = rng.uniform(-1.0, 1.0, (n, d)), rng.uniform(0.5, 2.0, n)
    z = X @ rng.normal(size=d) + 0.5 + rng.normal(size=n)
    y = targets_near(loss, z)
    return Problem(*(a.astype(np.float32).astype(np.float64) for a in (X, y, s)))


def rates(n_steps: int) -> Float64Array:
    return np.asarray(0.05 / np.sqrt(1.0 + np.arange(n_steps)))


def make_loop(p: Problem, loss: str, rule: str, dtype: DType, **options: Any) -> Any:
    settings: dict[str, Any] = {
        "sample_weight": p.s.astype(dtype),
        "parameters": PARAMETERS[rule],
        "batch_size": 8,
        "shuffle": "none",
        "seed": 0,
        "fit_intercept": True,
        **PLAIN,
        **options,
    }
    kind: Any = _core.LoopFloat32 if dtype == np.float32 else _core.LoopFloat64
    settings["loss_parameters"] = LOSS_PARAMETERS[loss]
    return kind(X=p.X.astype(dtype), y=p.y.astype(dtype), loss=loss, rule=rule, **settings)


class Expected(NamedTuple):
    coef: Float64Array
    intercept: float
    loss: float
    weight: float
    n_steps: int
    condition: float  # change of weights and intercept per relative change of the data
    loss_condition: float

    def tolerance(self, batch_size: int, dtype: DType) -> float:
        """What rounding may do to the weights.

        Margins and gradients as computed are exact for data changed by as many eps as a sum has
        additions, one per row of a mini-batch, or of the tile of 1024 rows that float64 takes over
        from, and some for the margin, the loss and the rule. Storing rounds the weights themselves.
        """
        additions = min(batch_size, 1024) + 16
        largest = max(float(np.max(np.abs(self.coef))), abs(self.intercept))
        return eps(dtype) * (additions * self.condition + self.n_steps * largest)


@cache
def expected_training(loss: str, rule: str, n: int, batch_size: int, whole: bool) -> Expected:
    """Two epochs and a step, ``whole`` with weights, penalties and intercept, or with none."""
    p = problem(loss, n)
    n_steps = 2 * -(-n // batch_size) + 1
    s = p.s if whole else np.ones(n)
    options: dict[str, Any] = REGULARIZATION if whole else PLAIN

    def train(X: Float64Array, s: Float64Array) -> reference.Trained:
        return reference.train(
            X,
            p.y,
            loss=loss,
            loss_parameters=LOSS_PARAMETERS[loss],
            rule=rule,
            parameters=PARAMETERS[rule],
            learning_rates=rates(n_steps),
            batch_size=batch_size,
            sample_weight=s,
            fit_intercept=whole,
            **options,
        )

    rng, change = np.random.default_rng(0), 1e-9
    exact = train(p.X, s)
    changed = train(
        p.X * (1 + change * rng.choice([-1.0, 1.0], p.X.shape)),
        s * (1 + change * rng.choice([-1.0, 1.0], n)),
    )
    moved = np.append(changed.coef - exact.coef, changed.intercept - exact.intercept)
    total, changed_total = (float(np.sum(t.running_losses)) for t in (exact, changed))
    return Expected(
        exact.coef,
        exact.intercept,
        total,
        2 * float(np.sum(s)) + float(np.sum(s[:batch_size])),
        n_steps,
        float(np.max(np.abs(moved))) / change,
        abs(changed_total - total) / change,
    )


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "plain"])
@pytest.mark.parametrize(("n", "batch_size"), SIZES)
@pytest.mark.parametrize(("loss", "rule"), pairs(_core.losses()))
def test_training_is_that_of_the_reference(
    loss: str, rule: str, n: int, batch_size: int, whole: bool, dtype: DType
) -> None:
    expected = expected_training(loss, rule, n, batch_size, whole)
    options: dict[str, Any] = REGULARIZATION if whole else {"sample_weight": None}
    options = {"batch_size": batch_size, "fit_intercept": whole, **options}
    loop = make_loop(problem(loss, n), loss, rule, dtype, **options)
    assert loop.steps_per_epoch == -(-n // batch_size)
    assert loop.step == 0
    steps, total, weight = loop.run(rates(expected.n_steps))
    assert (steps, loop.step) == (expected.n_steps, expected.n_steps)

    error = expected.tolerance(batch_size, dtype)
    assert loop.coef.dtype == dtype
    assert float(np.max(np.abs(loop.coef - expected.coef))) <= error
    assert abs(loop.intercept - expected.intercept) <= error
    assert whole or loop.intercept == 0
    assert weight == pytest.approx(expected.weight, rel=1e-12)
    # Each loss is off by some roundings and by what the weights before it were off.
    roundings = 16 * expected.loss + (min(batch_size, 1024) + 16) * expected.loss_condition
    # Slopes are at most 1, or the square root of twice the loss and the curvature (Cauchy and
    # Schwarz), which is that of means up to 64 where the loss has no largest.
    curvature = reference.LOSSES[loss].smoothness
    if has_log_link(loss):
        curvature = 64.0
    slopes = expected.weight
    if np.isfinite(curvature):
        slopes += float(np.sqrt(2 * curvature * expected.loss * expected.weight))
    assert abs(total - expected.loss) <= eps(dtype) * roundings + (D + 1) * error * slopes


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("shuffle", ["none", "rows", "blocks"])
@pytest.mark.parametrize("rule", _core.rules())
def test_calls_go_on_where_the_last_one_ended(rule: str, shuffle: str, dtype: DType) -> None:
    p, options = problem("logistic", 203), {"shuffle": shuffle, "batch_size": 64, "seed": 5}
    in_one = make_loop(p, "logistic", rule, dtype, **options, **REGULARIZATION)
    in_parts = make_loop(p, "logistic", rule, dtype, **options, **REGULARIZATION)
    lr = rates(11)
    whole = in_one.run(lr)
    parts = [in_parts.run(lr[a:b].copy()) for a, b in ((0, 0), (0, 3), (3, 4), (4, 11))]
    assert parts[0] == (0, 0.0, 0.0)
    assert sum(part[0] for part in parts) == whole[0] == in_parts.step == 11
    assert sum(part[1] for part in parts) == pytest.approx(whole[1], rel=1e-14)
    assert sum(part[2] for part in parts) == pytest.approx(whole[2], rel=1e-14)
    assert np.array_equal(in_one.coef, in_parts.coef)
    assert in_one.intercept == in_parts.intercept


@pytest.mark.usefixtures("target")
def test_the_bits_do_not_depend_on_the_threads(dtype: DType) -> None:
    p, results = problem("logistic", 9001, 33), []
    for n_threads in (1, 2, 3):
        _core.set_num_threads(n_threads)
        loop = make_loop(p, "logistic", "adam", dtype, batch_size=5000, shuffle="rows")
        done = loop.run(rates(5))
        results.append(np.array([*done, *loop.coef, loop.intercept]))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(("loss", "rule"), pairs(_core.losses()))
def test_a_step_without_a_finite_loss_is_not_taken(
    loss: str, rule: str, bad: float, dtype: DType
) -> None:
    p = problem(loss, 27)
    clean = make_loop(p, loss, rule, dtype, **REGULARIZATION)
    _, _, clean_weight = clean.run(rates(2))
    side = np.sign(clean.coef[0])
    X, y = p.X.copy(), p.y.copy()
    # In the third mini-batch of four; infinitely far on the wrong side.
    X[17, 0], y[17] = bad, 1.0 if has_log_link(loss) else -side
    loop = make_loop(Problem(X, y, p.s), loss, rule, dtype, **REGULARIZATION)
    first = loop.run(rates(6))
    assert first[0] == loop.step == 2
    assert np.isnan(first[1]) if np.isnan(bad) else first[1] == np.inf
    assert first[2] == pytest.approx(clean_weight + np.sum(p.s[16:24]), rel=1e-12)
    assert np.array_equal(loop.coef, clean.coef)
    assert loop.intercept == clean.intercept

    w = np.full(D, 0.25 * side, dtype)
    loop.coef, loop.intercept = w, -1.5
    again = loop.run(rates(6))
    assert (again[0], loop.step) == (0, 2)
    assert not np.isfinite(again[1])
    assert again[2] == pytest.approx(np.sum(p.s[16:24]), rel=1e-12)
    assert np.array_equal(loop.coef, w)
    assert loop.intercept == -1.5


def test_weights_are_copied_out_and_set(dtype: DType) -> None:
    loop = make_loop(problem("squared", 27), "squared", "sgd", dtype)
    assert not np.any(loop.coef)
    loop.run(rates(2))
    before = loop.coef
    loop.coef[:] = 7.0  # a copy
    assert np.array_equal(loop.coef, before)
    w = np.arange(D).astype(dtype)
    loop.coef, loop.intercept = w, 0.5
    w[:] = -1.0
    assert np.array_equal(loop.coef, np.arange(D))
    assert loop.intercept == 0.5
    for wrong in (np.zeros(D + 1, dtype), np.zeros((D, 1), dtype), np.zeros(2 * D, dtype)[::2]):
        with pytest.raises(ValueError, match="coef"):
            loop.coef = wrong
    assert np.array_equal(loop.coef, np.arange(D))


def test_wrong_arguments_raise_and_nothing_is_converted(dtype: DType) -> None:
    p = Problem(*(a.astype(dtype) for a in problem("squared", 27)))
    right: dict[str, Any] = {"X": p.X, "y": p.y, "sample_weight": p.s, "loss": "squared"}
    right |= {"rule": "momentum", "parameters": [0.9], "batch_size": 8, "shuffle": "none"}
    right |= {"seed": 0, "fit_intercept": True, **PLAIN}
    kind: Any = _core.LoopFloat32 if dtype == np.float32 else _core.LoopFloat64
    other = np.float32 if dtype == np.float64 else np.float64
    loop = kind(**right)
    wrong: list[tuple[type[Exception], dict[str, Any]]] = [
        (ValueError, {"shift": np.zeros(D + 1, dtype)}),
        (ValueError, {"X": p.X[0]}),
        (ValueError, {"X": p.X[1:]}),
        (ValueError, {"y": p.y[1:]}),
        (ValueError, {"sample_weight": p.s[1:]}),
        (ValueError, {"sample_weight": np.repeat(p.s, 2)[::2]}),
        (ValueError, {"loss": "cauchy"}),
        (ValueError, {"loss": "huber"}),
        (ValueError, {"loss_parameters": [1.0]}),
        (ValueError, {"rule": "newton"}),
        (ValueError, {"parameters": []}),
        (ValueError, {"parameters": [0.9, 0.9]}),
        (ValueError, {"batch_size": 0}),
        (ValueError, {"batch_size": -1}),
        (ValueError, {"shuffle": "stored"}),
        (TypeError, {"seed": -1}),
    ]
    for name in ("X", "y", "sample_weight"):
        kinds = (other, dtype.newbyteorder(), np.complex64, np.longdouble)
        wrong += [(TypeError, {name: right[name].astype(kind)}) for kind in kinds]
        wrong.append((TypeError, {name: right[name].tolist()}))
    for error, change in wrong:
        with pytest.raises(error):
            kind(**{**right, **change})
    with pytest.raises(TypeError):
        loop.run(rates(4).astype(np.float32))
    with pytest.raises(ValueError, match="contiguous"):
        loop.run(rates(4)[::2])
    assert loop.step == 0
