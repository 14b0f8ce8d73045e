"""The reference itself, checked against its own definitions, torch, SciPy and published vectors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from fallline.typing import Float64Array
from reference import PHILOX_VECTORS, RULES

EPS = float(np.finfo(np.float64).eps)


def column(*values: float) -> Float64Array:
    return np.array(values, np.float64)


def samples(n: int = 40, d: int = 3) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Rows, targets -1 and +1 that no plane separates, and sample weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = np.where(X[:, 0] + rng.normal(size=n) > 0, 1.0, -1.0)
    return X, y, rng.uniform(0.5, 2.0, n)


# Objective


@pytest.mark.parametrize("name", ["squared", "logistic"])
def test_the_gradient_is_the_finite_difference_of_the_objective(name: str) -> None:
    X, y, s = samples()
    w, b, h = column(0.3, -0.2, 0.5), 0.1, 1e-5
    # With l1_ratio = 0, as the gradient leaves out the l1 term.
    settings: dict[str, Any] = {"loss": name, "alpha": 0.7, "sample_weight": s}

    def difference(dw: Float64Array, db: float) -> float:
        ahead = reference.objective(X, y, w + dw, b + db, **settings)
        return (ahead - reference.objective(X, y, w - dw, b - db, **settings)) / (2 * h)

    g, g_intercept = reference.gradient(X, y, w, b, **settings)
    np.testing.assert_allclose([difference(h * e, 0.0) for e in np.eye(3)], g, atol=1e-9)
    assert difference(np.zeros(3), h) == pytest.approx(g_intercept, abs=1e-9)


def test_a_sample_weight_is_a_repetition() -> None:
    X, y, _ = samples(n=10)
    s = np.array([0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 2.0, 1.0, 1.0, 2.0])
    w, b = column(0.3, -0.2, 0.5), 0.1
    weighted = reference.objective(X, y, w, b, loss="logistic", sample_weight=s)
    rows = np.repeat(np.arange(10), s.astype(np.int64))
    repeated = reference.objective(X[rows], y[rows], w, b, loss="logistic")
    assert weighted == pytest.approx(repeated, rel=16 * EPS)


def test_the_penalty_spares_the_intercept() -> None:
    X, y, _ = samples()
    w, settings = column(1.0, -2.0, 0.0), {"loss": "squared", "l1_ratio": 0.25}
    for b in (0.0, 10.0):
        plain = reference.objective(X, y, w, b, loss="squared")
        penalised = reference.objective(X, y, w, b, alpha=0.5, **settings)  # type: ignore[arg-type]
        assert penalised - plain == pytest.approx(0.5 * (0.75 * 5 / 2 + 0.25 * 3), rel=1e-12)


@given(w=st.floats(-5, 5), threshold=st.floats(0, 3), other=st.floats(-8, 8))
def test_soft_threshold_is_the_minimum_of_its_problem(
    w: float, threshold: float, other: float
) -> None:
    def problem(u: float) -> float:
        return 0.5 * (u - w) ** 2 + threshold * abs(u)

    best = float(reference.soft_threshold(column(w), threshold)[0])
    assert problem(best) <= problem(other) + 8 * EPS * (1 + problem(other))


# Update rules


def torch_optimizers(torch: Any) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Name of the case: torch's optimizer, and the same for `reference.step`."""
    optim = torch.optim
    adam = {"rule": "adam", "parameters": (0.8, 0.95, 1e-3)}
    betas = {"betas": (0.8, 0.95), "eps": 1e-3}
    momentum = {"parameters": (0.9,)}
    return {
        "sgd": (lambda p, lr: optim.SGD(p, lr), {"rule": "sgd"}),
        "sgd-l2": (lambda p, lr: optim.SGD(p, lr, weight_decay=0.3), {"rule": "sgd", "l2": 0.3}),
        "momentum": (
            lambda p, lr: optim.SGD(p, lr, momentum=0.9),
            {"rule": "momentum", **momentum},
        ),
        "nesterov": (
            lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True),
            {"rule": "nesterov", **momentum},
        ),
        "adam": (lambda p, lr: optim.Adam(p, lr, **betas), adam),
        "adam-l2": (lambda p, lr: optim.Adam(p, lr, weight_decay=0.3, **betas), adam | {"l2": 0.3}),
        "adamw": (
            lambda p, lr: optim.AdamW(p, lr, weight_decay=0.3, **betas),
            adam | {"weight_decay": 0.3},
        ),
        "adagrad": (
            lambda p, lr: optim.Adagrad(p, lr, eps=1e-3),
            {"rule": "adagrad", "parameters": (1e-3, 0.0)},
        ),
        "adagrad-initial": (
            lambda p, lr: optim.Adagrad(p, lr, initial_accumulator_value=0.5, eps=1e-3),
            {"rule": "adagrad", "parameters": (1e-3, 0.5)},
        ),
    }


def more_torch_optimizers(torch: Any) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    optim = torch.optim
    betas = {"betas": (0.8, 0.95), "eps": 1e-3}
    rms = {"alpha": 0.8, "eps": 1e-3}
    return {
        "damped_momentum": (
            lambda p, lr: optim.SGD(p, lr, momentum=0.9, dampening=0.25),
            {"rule": "damped_momentum", "parameters": (0.9, 0.25)},
        ),
        "amsgrad": (
            lambda p, lr: optim.Adam(p, lr, amsgrad=True, **betas),
            {"rule": "amsgrad", "parameters": (0.8, 0.95, 1e-3)},
        ),
        "nadam": (
            lambda p, lr: optim.NAdam(p, lr, momentum_decay=2.0, **betas),
            {"rule": "nadam", "parameters": (0.8, 0.95, 1e-3, 0.96**2, 0.0)},
        ),
        "radam": (
            lambda p, lr: optim.RAdam(p, lr, **betas),
            {"rule": "radam", "parameters": (0.8, 0.95, 1e-3)},
        ),
        "adamax": (
            lambda p, lr: optim.Adamax(p, lr, **betas),
            {"rule": "adamax", "parameters": (0.8, 0.95, 1e-3)},
        ),
        "adadelta": (
            lambda p, lr: optim.Adadelta(p, lr, rho=0.8, eps=1e-3),
            {"rule": "adadelta", "parameters": (0.8, 1e-3)},
        ),
        "rmsprop": (
            lambda p, lr: optim.RMSprop(p, lr, **rms),
            {"rule": "rmsprop", "parameters": (0.8, 1e-3)},
        ),
        "rmsprop_momentum": (
            lambda p, lr: optim.RMSprop(p, lr, momentum=0.5, **rms),
            {"rule": "rmsprop_momentum", "parameters": (0.8, 1e-3, 0.5)},
        ),
        "centered_rmsprop": (
            lambda p, lr: optim.RMSprop(p, lr, centered=True, **rms),
            {"rule": "centered_rmsprop", "parameters": (0.8, 1e-3)},
        ),
        "centered_rmsprop_momentum": (
            lambda p, lr: optim.RMSprop(p, lr, centered=True, momentum=0.5, **rms),
            {"rule": "centered_rmsprop_momentum", "parameters": (0.8, 1e-3, 0.5)},
        ),
        "rprop": (
            lambda p, lr: optim.Rprop(p, lr, step_sizes=(0.01, 0.3)),
            {"rule": "rprop", "parameters": (0.5, 1.2, 0.01, 0.3)},
        ),
        "asgd": (
            lambda p, lr: optim.ASGD(p, lr, lambd=0.1, alpha=0.6, t0=5.0),
            {"rule": "asgd", "parameters": (0.1, 0.6, 5.0, 0.1)},
        ),
    }


def test_rules_make_the_steps_of_torch(torch: Any) -> None:
    cases = torch_optimizers(torch) | more_torch_optimizers(torch)
    assert {settings["rule"] for _, settings in cases.values()} == set(RULES) - {"ftrl", "lion"}
    rng = np.random.default_rng(0)
    start, gradients, drawn = rng.normal(size=7), rng.normal(size=(30, 7)), rng.uniform(0, 0.1, 30)
    for name, (make, settings) in cases.items():
        # ASGD takes the rate of the step before, and Rprop none but the first.
        rates = np.full(30, 0.1) if settings["rule"] in ("asgd", "rprop") else drawn
        w, arguments = start, {"parameters": ()} | settings
        slots = [np.zeros(7) for _ in range(RULES[settings["rule"]].n_slots)]
        parameter = torch.nn.Parameter(torch.tensor(start))
        optimizer = make([parameter], 0.1)
        for t, (g, learning_rate) in enumerate(zip(gradients, rates, strict=True), start=1):
            optimizer.param_groups[0]["lr"] = learning_rate
            parameter.grad = torch.tensor(g)
            optimizer.step()
            w = reference.step(w=w, g=g, slots=slots, t=t, learning_rate=learning_rate, **arguments)
            expected = parameter.detach().numpy()
            np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("rule", "parameters", "learning_rate"),
    [
        ("sgd", (), 0.3),
        ("momentum", (0.5,), 0.2),
        ("nesterov", (0.5,), 0.2),
        ("adam", (0.9, 0.999, 1e-8), 0.05),
    ],
)
def test_training_on_all_rows_reaches_least_squares(
    rule: str, parameters: tuple[float, ...], learning_rate: float
) -> None:
    X, _, _ = samples()
    y = X @ column(1.0, -2.0, 0.5) + 3.0
    trained = reference.train(
        X, y, loss="squared", rule=rule, parameters=parameters, learning_rates=[learning_rate] * 800
    )
    np.testing.assert_allclose(trained.coef, [1.0, -2.0, 0.5], rtol=1e-6)
    assert trained.intercept == pytest.approx(3.0, rel=1e-6)


def test_an_epoch_of_mini_batches_is_what_the_formulas_say() -> None:
    X, y, s = column(1.0, 2.0, 3.0)[:, np.newaxis], column(1.0, 0.0, 2.0), column(1.0, 2.0, 3.0)
    trained = reference.train(
        X, y, loss="squared", rule="sgd", learning_rates=[0.1, 0.2], batch_size=2, l2=0.5, l1=0.01,
        sample_weight=s, coef=column(1.0), intercept=-1.0,
    )  # fmt: skip
    # Batch 1: margins 0 and 1, residuals -1 and 1, weighted -1 and 2, times 3 / (6 * 2).
    w, b = 1 - 0.1 * (0.25 * 3 + 0.5) - 0.001, -1 - 0.1 * 0.25
    losses = [1 * 0.5 + 2 * 0.5]
    # Batch 2, one row: weight 3, times 3 / (6 * 1).
    residual = 3 * w + b - 2
    losses += [3 * 0.5 * residual**2]
    w, b = w - 0.2 * (1.5 * 3 * residual + 0.5 * w) - 0.002, b - 0.2 * 1.5 * residual
    np.testing.assert_allclose(trained.coef, [w], rtol=8 * EPS)
    assert trained.intercept == pytest.approx(b, rel=8 * EPS)
    np.testing.assert_allclose(trained.running_losses, losses, rtol=8 * EPS)


def test_mini_batches_begin_again_after_the_last() -> None:
    X, y, _ = samples(n=10)
    settings: dict[str, Any] = {"loss": "logistic", "rule": "sgd", "batch_size": 4}
    whole = reference.train(X, y, learning_rates=[0.1] * 6, **settings)
    half = reference.train(X, y, learning_rates=[0.1] * 3, **settings)
    resumed = reference.train(
        X, y, learning_rates=[0.1] * 3, coef=half.coef, intercept=half.intercept, **settings
    )
    np.testing.assert_array_equal(resumed.coef, whole.coef)
    assert resumed.intercept == whole.intercept


def test_without_an_intercept_it_stays_where_it_was() -> None:
    X, y, _ = samples()
    trained = reference.train(
        X, y, loss="logistic", rule="sgd", learning_rates=[0.1], fit_intercept=False, intercept=0.5
    )
    assert trained.intercept == 0.5
    assert np.all(trained.coef != 0)


# Newton


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 1e-3, 1.0])
def test_newton_finds_the_optimum(alpha: float, fit_intercept: bool) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    X, y, s = samples(n=200)
    settings: dict[str, Any] = {"loss": "logistic", "alpha": alpha, "sample_weight": s}
    best = reference.newton_logistic(X, y, alpha, sample_weight=s, fit_intercept=fit_intercept)

    g, g_intercept = reference.gradient(X, y, best.coef, best.intercept, **settings)
    assert np.max(np.abs(g)) <= 1e-12
    assert abs(g_intercept) <= 1e-12 or not fit_intercept
    again = reference.objective(X, y, best.coef, best.intercept, **settings)
    assert best.objective == pytest.approx(again, rel=1e-14)

    def value(v: Float64Array) -> float:
        return reference.objective(X, y, v[:3], float(v[3]) * fit_intercept, **settings)

    found = optimize.minimize(value, np.zeros(4), method="BFGS", options={"gtol": 1e-6})
    assert best.objective <= found.fun
    assert best.objective == pytest.approx(found.fun, rel=1e-9)
    np.testing.assert_allclose(found.x[:3], best.coef, atol=1e-4)


def test_newton_is_damped_where_a_full_step_would_overshoot() -> None:
    X = column(-1.0, 1.0, 100.0, -100.0)[:, np.newaxis]
    y = column(1.0, -1.0, 1.0, -1.0)
    best = reference.newton_logistic(X, y, 1e-6)
    g, g_intercept = reference.gradient(
        X, y, best.coef, best.intercept, loss="logistic", alpha=1e-6
    )
    assert max(np.max(np.abs(g)), abs(g_intercept)) <= 1e-12


def test_newton_says_when_there_is_no_optimum() -> None:
    X, _, _ = samples()
    with pytest.raises(ArithmeticError, match="need alpha > 0"):
        reference.newton_logistic(X, np.sign(X[:, 0]), 0.0)


# Random numbers


@pytest.mark.parametrize(("counter", "key", "expected"), PHILOX_VECTORS)
def test_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    words = reference.philox4x32(np.array([counter, counter], np.uint32), key)
    assert words.dtype == np.uint32
    np.testing.assert_array_equal(words, [expected, expected])
