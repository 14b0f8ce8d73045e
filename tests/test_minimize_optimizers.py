"""Functions minimised by the rules of `fallline.optim`, at learning rates of their own."""

import copy
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.typing import Float64Array
from landscapes import LANDSCAPES, Quadratic, rosenbrock

SCHEDULES = fl.schedules
RULES: dict[str, fl.optim.Optimizer] = {
    "sgd": fl.optim.SGD(2e-3),
    "momentum": fl.optim.SGD(1e-3, momentum=0.9),
    "nesterov": fl.optim.SGD(1e-3, momentum=0.9, nesterov=True),
    "adam": fl.optim.Adam(SCHEDULES.Cosine(0.1, steps=10_000)),
    "adamw": fl.optim.AdamW(SCHEDULES.Cosine(0.1, steps=10_000), weight_decay=0.0),
    "rmsprop": fl.optim.RMSprop(SCHEDULES.Exponential(0.01, 0.999)),
    "adagrad": fl.optim.Adagrad(0.5),
    "adamax": fl.optim.Adamax(0.02),
    "lion": fl.optim.Lion(SCHEDULES.Exponential(0.01, 0.999)),
}
ROSENBROCK = LANDSCAPES["rosenbrock-2"]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("landscape", ["rosenbrock-2", "booth", "himmelblau"])
def test_rules_reach_minima(name: str, landscape: str) -> None:
    at = LANDSCAPES[landscape]
    found = fl.minimize(at.fun, at.start, jac=at.jac, optimizer=RULES[name], maxiter=50_000)
    assert found.success, found.message
    assert np.abs(found.jac).max() <= 1e-5
    # The least curvature is Rosenbrock's, 0.4; twice that, as it changes on the way.
    assert at.distance(found.x) <= 2 * np.sqrt(2) * 1e-5 / 0.4


@pytest.mark.parametrize("name", RULES)
def test_the_steps_are_those_of_the_rule(name: str) -> None:
    w, g = ROSENBROCK.start.copy(), np.zeros(2)
    stepped, lowest = [], [ROSENBROCK.fun(w)]
    bound = copy.deepcopy(RULES[name]).bind(w, g)
    for _ in range(20):
        g[:] = ROSENBROCK.jac(w)
        bound.step()
        stepped.append(w.copy())
        lowest.append(ROSENBROCK.fun(w))
    seen: list[Float64Array] = []
    found = fl.minimize(
        ROSENBROCK.fun,
        ROSENBROCK.start,
        jac=ROSENBROCK.jac,
        optimizer=RULES[name],
        maxiter=20,
        callback=seen.append,
    )
    np.testing.assert_array_equal(seen, stepped)
    assert found.fun == min(lowest)
    assert found.nfev == found.njev == 21


def test_the_optimizer_is_left_as_it_is_and_begins_anew() -> None:
    w = np.array([5.0, 5.0, 5.0])
    optimizer = fl.optim.Adam(fl.schedules.ReduceOnPlateau(0.1, patience=1))
    optimizer.step(w, np.ones(3))
    optimizer.learning_rate.update(1.0)  # type: ignore[attr-defined]
    before = repr(optimizer.state_dict())
    one, other = (
        fl.minimize(
            ROSENBROCK.fun, ROSENBROCK.start, jac=ROSENBROCK.jac, optimizer=optimizer, maxiter=300
        )
        for _ in range(2)
    )
    assert one.x.tobytes() == other.x.tobytes()
    assert repr(optimizer.state_dict()) == before
    assert optimizer.steps == 1


def test_a_plateau_lowers_the_rate() -> None:
    at = Quadratic.random(5, 10.0, seed=0)
    rate = fl.schedules.ReduceOnPlateau(0.19, factor=0.5, patience=2)
    found = fl.minimize(at.fun, np.zeros(5), jac=at.jac, optimizer=fl.optim.SGD(rate))
    assert found.success


def test_a_rate_alone_is_plain_gradient_descent() -> None:
    one, other = (
        fl.minimize(ROSENBROCK.fun, ROSENBROCK.start, jac=ROSENBROCK.jac, maxiter=500, **given)
        for given in ({"learning_rate": 1e-3}, {"optimizer": fl.optim.SGD(1e-3)})
    )
    np.testing.assert_array_equal(one.x, other.x)
    assert one.nit == 500


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_steps_are_projected(name: str) -> None:
    at, bounds = rosenbrock(2), [(-2.0, 0.5), (None, None)]
    seen: list[Float64Array] = []
    found = fl.minimize(
        at.fun,
        [3.0, 3.0],
        jac=at.jac,
        bounds=bounds,
        optimizer=RULES[name],
        callback=seen.append,
        maxiter=50_000,
    )
    assert found.success
    assert all(x[0] <= 0.5 for x in seen)
    np.testing.assert_allclose(found.x, [0.5, 0.25], atol=1e-5)


def test_the_best_place_is_returned_and_not_the_last() -> None:
    at = Quadratic(np.eye(2), np.zeros(2))
    values: list[float] = []
    found = fl.minimize(
        at.fun,
        [3.0, 1.0],
        jac=at.jac,
        optimizer=fl.optim.SGD(0.3, momentum=0.95),
        maxiter=14,
        callback=lambda x: values.append(at.fun(x)),
    )
    assert found.fun == min(values) < values[-1]
    assert found.fun == at.fun(found.x)
    np.testing.assert_array_equal(found.jac, at.jac(found.x))


@pytest.mark.parametrize("rule", [fl.optim.SGD(1.0), fl.optim.SGD(0.1, momentum=0.99)])
def test_a_rate_that_is_too_large_loses_nothing(rule: Any) -> None:
    at = LANDSCAPES["himmelblau"]
    values: list[float] = []

    def fun(x: Float64Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            values.append(at.fun(x))
        return values[-1]

    def jac(x: Float64Array) -> Float64Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return at.jac(x)

    found = fl.minimize(fun, at.start, jac=jac, optimizer=rule)
    assert (found.success, found.status) == (False, 3)
    assert "lower the learning rate, which was" in found.message
    assert f"in iteration {found.nit + 1}" in found.message
    assert found.fun == np.nanmin(values)


def test_differences_serve_an_optimizer_too() -> None:
    at = LANDSCAPES["booth"]
    with pytest.warns(RuntimeWarning, match="jac is None"):
        found = fl.minimize(at.fun, at.start, optimizer=fl.optim.SGD(0.05, momentum=0.5))
    assert found.success
    assert found.nfev == found.njev * (1 + 2 * 2)
