"""Duality gaps at the derivatives that quadratic models of the losses expect, against NumPy."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline import _core
from fallline.solvers.narrow.coordinates import Coordinates
from fallline.solvers.narrow.softmax_objective import SoftmaxObjective
from fallline.typing import Float64Array
from loss_cases import PARAMETERS, targets_near
from reference_losses import LOSSES

WITH_CONJUGATE = [name for name, loss in LOSSES.items() if loss.conjugate is not None]
SMOOTH = ["squared", "logistic", "poisson", "gamma"]
EPS = float(np.finfo(np.float64).eps)


def problem(name: str, n: int, seed: int = 0) -> tuple[Float64Array, Float64Array, Float64Array]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return z, z + 0.3 * rng.uniform(-1.0, 1.0, n), targets_near(name, z)


def expected(name: str, z: Any, end: Any, y: Any, s: Any) -> tuple[float, float, float]:
    loss = LOSSES[name]
    p = loss.parameters
    assert loss.conjugate is not None
    slopes = loss.derivative(z, y, *p)
    d = slopes + loss.curvature(z, y, *p) * (end - z)
    terms = loss.value(end, y, *p), loss.conjugate(d, y, *p), d * end
    excess = np.maximum(terms[0] + terms[1] - terms[2], 0.0)
    sizes = sum(np.abs(term) for term in terms)
    return float(s @ excess), float(s @ sizes), float(s @ np.abs(slopes))


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [1, 7, 256, 257, 3000])
@pytest.mark.parametrize("name", SMOOTH)
def test_sums_are_those_of_numpy(name: str, n: int, weighted: bool) -> None:
    z, end, y = problem(name, n)
    s = np.random.default_rng(1).uniform(0.0, 2.0, n) if weighted else np.ones(n)
    found = _core.model_gap(name, PARAMETERS[name], z, end, y, s if weighted else None)
    sums = expected(name, z, end, y, s)
    # A few roundings of each term, and one of each addition, which pairs keep few.
    allowed = 64 * EPS * sums[1]
    assert np.abs(np.array(found) - sums).max() <= allowed


@pytest.mark.parametrize("name", WITH_CONJUGATE)
def test_no_step_leaves_nothing(name: str) -> None:
    z, _, y = problem(name, 500)
    excess, sizes, _ = _core.model_gap(name, PARAMETERS[name], z, z, y, None)
    assert 0.0 <= excess <= 64 * EPS * sizes


def test_what_no_loss_can_have_is_infinite_unless_it_counts_for_nothing() -> None:
    z, end, y = problem("logistic", 3000)
    end = end.copy()
    end[1234] = z[1234] + 50.0 * y[1234]  # the model expects a negative probability
    s = np.ones(len(z))
    assert _core.model_gap("logistic", [], z, end, y, None) == (np.inf, np.inf, np.inf)
    s[1234] = 0.0
    found = _core.model_gap("logistic", [], z, end, y, s)
    rest = np.arange(len(z)) != 1234
    sums = expected("logistic", z[rest], end[rest], y[rest], s[rest])
    assert np.abs(np.array(found) - sums).max() <= 64 * EPS * sums[1]


def test_bits_know_nothing_of_threads() -> None:
    z, end, y = problem("logistic", 100_000)
    found = set()
    for threads in (1, 2, 3):
        fl.set_num_threads(threads)
        found.add(_core.model_gap("logistic", [], z, end, y, None))
    assert len(found) == 1


def test_what_does_not_fit_is_refused() -> None:
    z, end, y = problem("tweedie", 10)
    with pytest.raises(ValueError, match="tweedie has no conjugate in closed form"):
        _core.model_gap("tweedie", PARAMETERS["tweedie"], z, end, y, None)
    with pytest.raises(ValueError, match="ends must be contiguous and of length 10"):
        _core.model_gap("squared", [], z, end[:5], y, None)


@pytest.mark.parametrize("weighted", [False, True])
def test_classes_have_the_relative_entropies_of_what_is_expected(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    n, n_classes = 200, 4
    X = rng.standard_normal((n, 3))
    classes = rng.integers(0, n_classes, n)
    s = rng.integers(0, 3, n).astype(np.float64) if weighted else None
    coordinates = Coordinates(np.zeros(3), np.ones(3), fit_intercept=True)
    objective = SoftmaxObjective(X, classes.astype(float), s, fl.losses.Softmax(), 0.1, coordinates)
    z = rng.standard_normal((n_classes, n))
    end = z + 0.2 * rng.uniform(-1.0, 1.0, z.shape)
    excess, sizes, slopes = objective.model_gap(z, end)
    p, q = (np.exp(m) / np.exp(m).sum(axis=0) for m in (z, end))
    r = p * (1.0 + (end - z) - (p * (end - z)).sum(axis=0))
    weights = np.ones(n) if s is None else s
    exact = float(weights @ (r * np.log(r / q)).sum(axis=0) / weights.sum())
    assert abs(excess - exact) <= 64 * EPS * sizes
    assert slopes >= (np.abs(p - (np.arange(n_classes)[:, None] == classes)).sum(axis=0)).mean()
    end[0, :] += 5.0  # which takes more than the whole probability of others
    assert objective.model_gap(z, end)[0] == np.inf
