"""Optimizers: against the reference, against torch, and down two hard valleys."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference
from fallline import schedules
from fallline.typing import Float64Array
from optimizer_cases import CASES

RTOL: dict[Any, float] = {np.float64: 1e-12, np.float32: 1e-5}
SHAPES = [(7,), (3, 5), (2, 3, 4), (), (1,), (0,), (1000,)]
STRUCTURES: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "tuple": tuple,
    "dict": lambda arrays: {f"layer {k}": array for k, array in enumerate(arrays)},
}


def draws(dtype: type, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def expected_after(
    name: str, params: list[Any], gradients: list[list[Any]], rates: list[float], decay: float
) -> list[Float64Array]:
    rule, parameters = CASES[name].rule, CASES[name].parameters
    decays = {CASES[name].decay: decay} if CASES[name].decay else {}
    n_slots = reference.RULES[rule].n_slots
    results = []
    for k, array in enumerate(params):
        w = np.asarray(array, np.float64)
        slots = [np.zeros(w.shape) for _ in range(n_slots)]
        for t, (grads, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
            g = np.asarray(grads[k], np.float64)
            w = reference.step(rule, w, g, slots, parameters, t, rate, **decays)
        results.append(w)
    return results


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_the_reference(
    name: str, decay: float, structure: str, dtype: type
) -> None:
    params = draws(dtype, seed=0)
    gradients = [draws(dtype, seed) for seed in range(1, 31)]
    expected = expected_after(name, params, gradients, [0.05] * 30, decay)
    optimizer = CASES[name].make(0.05, decay)
    held = STRUCTURES[structure](params)
    for grads in gradients:
        copies = [g.copy() for g in grads]
        optimizer.step(held, STRUCTURES[structure](grads))
        assert all(map(np.array_equal, grads, copies))
    assert optimizer.steps == 30
    tolerance = RTOL[dtype]
    for w, w_expected in zip(params, expected, strict=True):
        assert w.dtype == dtype
        np.testing.assert_allclose(w, w_expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_a_bare_array_steps_as_one_in_a_list(name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    bare = np.asarray(rng.standard_normal(shape))
    listed = bare.copy()
    first, second = (CASES[name].make(0.1) for _ in range(2))
    for _ in range(5):
        g = np.asarray(rng.standard_normal(shape))
        first.step(bare, g)
        second.step([listed], (g,))
    np.testing.assert_array_equal(bare, listed)
    assert bare.shape == shape


def test_subclasses_and_views_are_stepped_in_place() -> None:
    matrix = np.ones((2, 3)).view(np.matrix)
    table = np.ones((4, 3))
    fl.optim.SGD(0.5).step([matrix, table[1:3]], [np.ones((2, 3)), np.ones((2, 3))])
    assert (matrix == 0.5).all()
    assert table[:, 0].tolist() == [1.0, 0.5, 0.5, 1.0]


def test_dtypes_may_be_mixed() -> None:
    single, double = np.ones(3, np.float32), np.ones(3)
    fl.optim.Adam(0.5).step({"s": single, "d": double}, {"s": np.ones(3, "f4"), "d": np.ones(3)})
    np.testing.assert_allclose(double, 0.5, rtol=1e-7)
    np.testing.assert_allclose(single, 0.5, rtol=1e-6)


# Against torch.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decay", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.kind != "Lion"])
def test_200_steps_are_those_of_torch(name: str, decay: float, dtype: type, torch: Any) -> None:
    rng = np.random.default_rng(0)
    ours: list[Any] = [np.asarray(rng.standard_normal(shape), dtype) for shape in [(5,), (3, 4)]]
    theirs = [torch.tensor(w, requires_grad=True) for w in ours]
    target = CASES[name].make_torch(torch, theirs, 0.01, decay)
    optimizer = CASES[name].make(0.01, decay)
    for _ in range(200):
        grads: list[Any] = [np.asarray(rng.standard_normal(w.shape) + 0.5, dtype) for w in ours]
        for tensor, g in zip(theirs, grads, strict=True):
            tensor.grad = torch.from_numpy(g.copy())
        target.step()
        optimizer.step(ours, grads)
    for w, tensor in zip(ours, theirs, strict=True):
        expected = tensor.detach().numpy()
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(w, expected, rtol=RTOL[dtype], atol=RTOL[dtype] * scale)


# Learning rates.


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "schedule",
    [
        schedules.Cosine(0.1, steps=15),
        schedules.Step(0.1, steps=4),
        schedules.Constant(0.1).warmup(5, 0.0),
        schedules.Linear(0.1, 10, start_factor=0.0).then(0.01, at=10),
        lambda step: 0.1 / (1 + step),
    ],
    ids=["cosine", "step", "warmup", "linear", "function"],
)
def test_the_rate_of_each_step_is_that_of_the_schedule(name: str, schedule: Any) -> None:
    params = draws(np.float64, seed=0)
    gradients = [draws(np.float64, seed) for seed in range(1, 21)]
    rates = [float(schedule(k)) for k in range(20)]
    expected = expected_after(name, params, gradients, rates, 0.1)
    optimizer = CASES[name].make(schedule, 0.1)
    for grads in gradients:
        optimizer.step(params, grads)
    for w, w_expected in zip(params, expected, strict=True):
        np.testing.assert_allclose(w, w_expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in CASES if "rprop" not in name])  # never still
def test_a_warm_up_from_zero_begins_by_standing_still(name: str) -> None:
    w, g = np.arange(1.0, 4.0), np.ones(3)
    optimizer = CASES[name].make(schedules.Constant(0.1).warmup(2, 0.0), 0.5)
    optimizer.step(w, g)
    np.testing.assert_array_equal(w, [1.0, 2.0, 3.0])
    optimizer.step(w, g)
    assert (w < [1.0, 2.0, 3.0]).all()


@pytest.mark.parametrize("name", CASES)
def test_a_rate_assigned_between_steps_counts_from_the_next_one(name: str) -> None:
    params = draws(np.float64, seed=0)
    gradients = [draws(np.float64, seed) for seed in range(1, 10)]
    rates = [0.1] * 3 + [0.02] * 3 + [0.5 * 0.9**k for k in (6, 7, 8)]
    expected = expected_after(name, params, gradients, rates, 0.1)
    optimizer = CASES[name].make(0.1, 0.1)
    for k, grads in enumerate(gradients):
        if k == 3:
            optimizer.learning_rate = 0.02
            assert optimizer.learning_rate == schedules.Constant(0.02)
        if k == 6:
            optimizer.learning_rate = schedules.Exponential(0.5, gamma=0.9)
        optimizer.step(params, grads)
    for w, w_expected in zip(params, expected, strict=True):
        np.testing.assert_allclose(w, w_expected, rtol=1e-12, atol=1e-12)


# Weight decay.


def test_decay_goes_through_the_gradient_or_past_it() -> None:
    still = np.zeros(2)
    coupled, decoupled = np.array([1.0, -4.0]), np.array([1.0, -4.0])
    fl.optim.Adam(0.1, weight_decay=0.5).step(coupled, still)
    fl.optim.AdamW(0.1, weight_decay=0.5).step(decoupled, still)
    # Adam divides the decay by its own size, so that all weights lose the same.
    np.testing.assert_allclose(coupled, [0.9, -3.9], rtol=1e-7)
    np.testing.assert_allclose(decoupled, [0.95, -3.8], rtol=1e-15)


def test_decay_of_sgd_enters_the_velocity() -> None:
    w = np.array([1.0])
    sgd = fl.optim.SGD(0.1, momentum=0.5, weight_decay=1.0)
    sgd.step(w, np.zeros(1))
    np.testing.assert_allclose(w, 0.9)
    sgd.step(w, np.zeros(1))
    np.testing.assert_allclose(w, 0.9 - 0.1 * (0.5 + 0.9))


# Convergence.

CURVATURES = np.logspace(0, 3, 8)  # a condition number of 1000
FADING, FADING_SLOWLY = schedules.Exponential(0.1, 0.995), schedules.Exponential(0.1, 0.9995)
RATES: dict[str, tuple[Any, Any]] = {  # for the quadratic and for Rosenbrock's function
    "sgd": (1.9e-3, 1e-3),
    "momentum": (1.5e-3, 5e-4),
    "dampening": (1.5e-3, 5e-4),
    "nesterov": (1e-3, 5e-4),
    "adam": (FADING, FADING_SLOWLY),
    "adam-fast": (FADING, schedules.Exponential(0.02, 0.9998)),
    "adamw": (FADING, FADING_SLOWLY),
    "amsgrad": (FADING, 0.1),
    "nadam": (FADING, FADING_SLOWLY),
    "radam": (1e-3, schedules.Exponential(5e-4, 0.9999)),  # its first steps are those of momentum
    "adamax": (FADING, FADING_SLOWLY),
    "adagrad": (0.5, 0.5),
    "adagrad-begun": (0.5, 0.5),
    "adadelta": (1.0, schedules.Exponential(1.0, 0.9998)),
    "rmsprop": (FADING, FADING_SLOWLY),
    "rmsprop-momentum": (FADING, FADING_SLOWLY),
    "rmsprop-centered": (FADING, FADING_SLOWLY),
    "rmsprop-both": (FADING, FADING_SLOWLY),
    "asgd": (1.9e-3, 1e-3),
    "rprop-narrow": (0.01, 0.01),
    "lion": (FADING, FADING_SLOWLY),
}


def test_every_rule_is_sent_down_the_valleys() -> None:
    assert {CASES[name].rule for name in RATES} == set(reference.RULES) - {"ftrl"}


def descend(
    name: str, rate: Any, w: Any, gradient: Callable[[Any], Any], steps: int
) -> fl.optim.Optimizer:
    optimizer = CASES[name].make(rate, 0.0)
    for _ in itertools.repeat(None, steps):
        optimizer.step(w, gradient(w))
    return optimizer


@pytest.mark.parametrize("name", RATES)
def test_an_ill_conditioned_quadratic_is_solved(name: str) -> None:
    center, w = np.linspace(-1.0, 1.0, 8), np.ones(8)
    descend(name, RATES[name][0], w, lambda w: CURVATURES * (w - center), 8000)
    penalty = 1e-4 if name == "asgd" else 0.0  # lambd
    np.testing.assert_allclose(w, CURVATURES / (CURVATURES + penalty) * center, atol=1e-6)


@pytest.mark.parametrize("name", RATES)
def test_the_valley_of_rosenbrock_is_followed(name: str) -> None:
    def gradient(w: Any) -> Any:
        x, y = w
        return np.array([2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)])

    w = np.array([-1.2, 1.0])
    descend(name, RATES[name][1], w, gradient, 40000)
    np.testing.assert_allclose(w, [1.0, 1.0], atol=1e-3)


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_momentum_gets_further_than_none(name: str) -> None:
    distances = []
    for kind in ("sgd", name):
        w = np.ones(8)
        descend(kind, 1e-3, w, lambda w: CURVATURES * w, 300)
        distances.append(np.linalg.norm(w))
    assert distances[1] < 0.1 * distances[0]
