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
    clipped = np.zeros(n)
    found = _core.model_gap(name, PARAMETERS[name], z, end, y, s if weighted else None, clipped)
    sums = expected(name, z, end, y, s)
    assert found[3] == 0
    assert not clipped.any()
    # A few roundings of each term, and one of each addition, which pairs keep few.
    allowed = 64 * EPS * sums[1]
    assert np.abs(np.array(found[:3]) - sums).max() <= allowed


@pytest.mark.parametrize("name", WITH_CONJUGATE)
def test_no_step_leaves_nothing(name: str) -> None:
    z, _, y = problem(name, 500)
    gap = _core.model_gap(name, PARAMETERS[name], z, z, y, None, np.zeros(500))
    excess, sizes, *_ = gap
    assert 0.0 <= excess <= 64 * EPS * sizes


@pytest.mark.parametrize("weight", [1.0, 0.0])
@pytest.mark.parametrize(("name", "row"), [("logistic", 17), ("poisson", 1234), ("gamma", 2999)])
def test_what_no_loss_can_have_is_clipped_unless_it_counts_for_nothing(
    name: str, row: int, weight: float
) -> None:
    z, end, y = problem(name, 3000)
    towards = {"logistic": y[row], "poisson": -1.0, "gamma": 1.0}[name]
    end = end.copy()
    end[row] = z[row] + 40.0 * towards  # the model expects a derivative beyond all that there are
    s = np.ones(len(z))
    s[row] = weight
    clipped = np.zeros(len(z))
    *found, n_clipped = _core.model_gap(name, PARAMETERS[name], z, end, y, s, clipped)
    loss = LOSSES[name]
    d = loss.derivative(z, y) + loss.curvature(z, y) * (end - z)
    limit = {"logistic": 0.0, "poisson": -y[row], "gamma": 1.0}[name]
    assert n_clipped == weight
    assert list(np.flatnonzero(clipped)) == [row] * int(weight)
    assert clipped[row] == pytest.approx(weight * (limit - d[row]), rel=64 * EPS)
    rest = np.arange(len(z)) != row
    sums = np.array(expected(name, z[rest], end[rest], y[rest], s[rest]))
    assert loss.conjugate is not None
    at_limit = np.array([limit])
    conjugate = float(loss.conjugate(at_limit, y[row : row + 1])[0])
    value = float(loss.value(end[row : row + 1], y[row : row + 1])[0])
    terms = value, conjugate, -limit * end[row]
    sums[0] += weight * sum(terms)
    sums[1] += weight * float(np.abs(terms).sum())
    sums[2] += weight * (abs(loss.derivative(z, y)[row]) + abs(clipped[row]))
    assert np.abs(np.array(found) - sums).max() <= 64 * EPS * (sums[1] + sums[2])


def test_what_is_no_number_is_infinite() -> None:
    z, end, y = problem("poisson", 300)
    end = end.copy()
    end[7] = 1e308  # and so is its loss
    found = _core.model_gap("poisson", [], z, end, y, None, np.zeros(300))
    assert found == (np.inf, np.inf, np.inf, 0)


def test_bits_know_nothing_of_threads() -> None:
    z, end, y = problem("logistic", 100_000)
    found = set()
    for threads in (1, 2, 3):
        fl.set_num_threads(threads)
        found.add(_core.model_gap("logistic", [], z, end, y, None, np.zeros(100_000)))
    assert len(found) == 1


def test_what_does_not_fit_is_refused() -> None:
    z, end, y = problem("tweedie", 10)
    with pytest.raises(ValueError, match="tweedie has no conjugate in closed form"):
        _core.model_gap("tweedie", PARAMETERS["tweedie"], z, end, y, None, np.zeros(10))
    with pytest.raises(ValueError, match="ends must be contiguous and of length 10"):
        _core.model_gap("squared", [], z, end[:5], y, None, np.zeros(10))


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
    excess, sizes, slopes, _ = objective.model_gap(z, end)
    p, q = (np.exp(m) / np.exp(m).sum(axis=0) for m in (z, end))
    r = p * (1.0 + (end - z) - (p * (end - z)).sum(axis=0))
    weights = np.ones(n) if s is None else s
    exact = float(weights @ (r * np.log(r / q)).sum(axis=0) / weights.sum())
    assert abs(excess - exact) <= 64 * EPS * sizes
    assert slopes >= (np.abs(p - (np.arange(n_classes)[:, None] == classes)).sum(axis=0)).mean()
    end[0, :] += 5.0  # which takes more than the whole probability of others
    assert objective.model_gap(z, end)[0] == np.inf
