"""Losses with rounded bends: their sums, the central path next to them, and where they lead."""

from typing import Any

import mpmath
import numpy as np
import pytest

from fallline import losses
from fallline.solvers.narrow import interior_point, rounded_bends
from fallline.solvers.narrow.coordinates import coordinates_for
from fallline.solvers.narrow.dual_boxes import dual_boxes
from fallline.solvers.narrow.objective import Objective
from fallline.solvers.narrow.row_parts import whole
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

EPS = float(np.finfo(np.float64).eps)
N, D = 20_000, 4
BOUNDED = ["hinge", "quantile", "epsilon_insensitive", "huber", "modified_huber"]


def posed(name: str, *, weighted: bool = False, heavy: bool = False) -> Objective:
    """Rows whose targets the margins tell roughly; with heavy tails a few of them are far off."""
    rng = np.random.default_rng(11)
    X = rng.standard_t(2.0, (N, D)) if heavy else rng.standard_normal((N, D))
    z = X @ rng.standard_normal(D) + 3 * rng.standard_normal(N)
    s = rng.integers(0, 3, N).astype(np.float64) if weighted else None
    loss = losses.Huber(0.01) if name == "huber" else of_python(name)
    coordinates = coordinates_for(X, s, fit_intercept=True)
    return Objective(X, targets_near(name, z), s, loss, 1e-4, coordinates)


def approach(objective: Objective, max_passes: int = 1000) -> rounded_bends.Nearby:
    return rounded_bends.approach(whole(objective), objective.start(), max_passes)


@pytest.mark.parametrize("mu", [1e-6, 1e-2, 10.0])
@pytest.mark.parametrize("name", BOUNDED)
def test_central_duals_are_the_roots_of_their_equation(name: str, mu: float) -> None:
    z = np.concatenate([np.linspace(-30.0, 30.0, 61), [1e-9, 1e3, -1e6]])
    boxes = dual_boxes(of_python(name), np.where(np.arange(len(z)) % 2, 1.0, -1.0))
    half = 0.5 * float(boxes.upper[0, 0] - boxes.lower[0, 0])
    mu = max(mu, 0.5 * boxes.q * half**2)  # of a bend that is no sharper than it is
    d, to_lower, to_upper = boxes.central(z, mu)
    assert (to_lower > 0.0).all()
    assert (to_upper > 0.0).all()
    with mpmath.workdps(50):
        for arm in range(len(boxes.c)):
            for i in range(len(z)):
                low, high = mpmath.mpf(boxes.lower[arm, i]), mpmath.mpf(boxes.upper[arm, i])
                pull = mpmath.mpf(z[i]) - mpmath.mpf(boxes.c[arm, i])

                def rest(t: Any, low: Any = low, high: Any = high, pull: Any = pull) -> Any:
                    barrier = mu / (high - t) - mu / (t - low)
                    return barrier + boxes.q * t - pull

                ends = low + (high - low) * mpmath.mpf("1e-30"), high - mpmath.mpf("1e-30")
                root = mpmath.findroot(rest, ends, solver="anderson", tol=1e-30, maxsteps=500)
                # Both distances lose the digits of z - c - q m, which is of a size with its terms.
                sizes = (abs(z[i]) + 4.0) / max(abs(float(pull)), 1e-9)
                close = {"rel": 64 * EPS * sizes, "abs": 64 * EPS}
                assert d[arm, i] == pytest.approx(float(root), **close)
                assert to_lower[arm, i] == pytest.approx(float(root - low), **close)
                assert to_upper[arm, i] == pytest.approx(float(high - root), **close)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", BOUNDED)
def test_sums_are_those_of_the_formula(name: str, weighted: bool) -> None:
    objective = posed(name, weighted=weighted)
    rows = whole(objective)
    rounded = rounded_bends._Rounded(rows)
    u, width = np.random.default_rng(2).standard_normal(D + 1), 2.0
    point = rounded.at(u, width)
    coordinates = objective.coordinates
    X = np.asarray(objective.X)[slice(None) if rows.rows is None else rows.rows]
    columns = np.column_stack([(X - coordinates.mean) * coordinates.inverse_scale, np.ones(len(X))])
    boxes, s = rows.boxes, rows.s / rows.s.sum()
    middle, half = 0.5 * (boxes.lower + boxes.upper), 0.5 * (boxes.upper - boxes.lower)
    r = columns @ u - boxes.c - boxes.q * middle
    slopes = (middle + half * np.clip(r / width, -1.0, 1.0)).sum(axis=0)
    curves = (half / width * (np.abs(r) < width)).sum(axis=0)
    gradient = (s * slopes) @ columns + objective.ridge * u
    hessian = (columns.T * (s * curves)) @ columns + np.diag(objective.ridge)
    # Sums of N terms of either sign, of a dozen operations each.
    terms = (np.abs(s * slopes)[:, np.newaxis] * np.abs(columns)).sum(axis=0).max()
    rounding = (np.sqrt(N) + D + 12) * EPS
    np.testing.assert_allclose(point.gradient, gradient, rtol=0, atol=4 * rounding * (terms + 1.0))
    np.testing.assert_allclose(
        point.hessian, hessian, rtol=0, atol=4 * rounding * hessian.diagonal().max()
    )
    # F itself where the bends are as sharp as they are, or nearly so.
    width = max(rounded.sharpest, 1e-12)
    value, sharp = rows.value(u, point.margins), rounded.value(u, point.margins, width)
    assert value == pytest.approx(sharp, rel=N * EPS, abs=len(boxes.c) * rounded.half * 1e-12)


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", BOUNDED)
def test_it_leads_next_to_the_minimum(name: str, weighted: bool, heavy: bool) -> None:
    objective = posed(name, weighted=weighted, heavy=heavy)
    found = approach(objective)
    assert found.status == ""
    assert objective.passes < 20.0  # an interior point takes twice as many, or more
    options: Any = {"tol": 1e-6, "max_passes": 1000}
    best = interior_point.minimize(objective, objective.start(), **options)
    assert found.value <= 1.001 * best.value
    assert found.value == min(found.values)


@pytest.mark.parametrize("name", ["quantile", "epsilon_insensitive", "hinge"])
def test_from_there_the_interior_point_is_near(name: str) -> None:
    cold, warm = posed(name), posed(name)
    interior_point.minimize(cold, cold.start(), tol=1e-6, max_passes=1000)
    rows = whole(warm)
    nearby = rounded_bends.approach(rows, warm.start(), 1000)
    state = interior_point.near_path(rows, nearby.u, nearby.z, nearby.mu)
    products = state.below * state.to_lower, state.above * state.to_upper
    np.testing.assert_allclose(products, nearby.mu, rtol=2 * EPS)
    method = interior_point.InteriorPoint(rows, state)
    method.approach(lambda value: 1e-6 * value, 1000)
    value, gap = method.value_and_gap()
    assert gap <= 1e-6 * value
    assert warm.passes < cold.passes


def test_targets_on_a_plane_and_all_alike_are_no_trouble() -> None:
    X = np.random.default_rng(1).standard_normal((500, 2))
    for y in (np.ones(500), X @ [1.0, 2.0] + 3.0):
        coordinates = coordinates_for(X, None, fit_intercept=True)
        objective = Objective(X, y, None, losses.Quantile(), 0.0, coordinates)
        found = approach(objective)
        assert np.isfinite(found.u).all()
        assert found.value <= 1e-12 * (1.0 + np.abs(y).mean())
        assert found.mu > 0.0


def test_an_observer_a_budget_or_an_interrupt_ends_it() -> None:
    objective = posed("quantile")
    told: list[float] = []

    def enough(_: Float64Array, value: float) -> bool:
        told.append(value)
        return True

    objective.observe = enough
    found = approach(objective)
    assert (found.status, told) == ("stopped", [found.value])
    found = approach(posed("quantile"), max_passes=1)
    assert len(found.values) == 1

    def interrupt(_u: Float64Array, _value: float) -> bool:
        raise KeyboardInterrupt

    objective.observe = interrupt
    found = approach(objective)
    assert found.status == "interrupted"
    assert found.value == whole(objective).value(found.u, found.z)


@pytest.mark.parametrize("name", ["quantile", "epsilon_insensitive"])
def test_the_bits_depend_on_neither_threads_nor_target(name: str) -> None:
    def fit() -> bytes:
        found = approach(posed(name))
        return found.u.tobytes() + np.array(found.mu).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)
