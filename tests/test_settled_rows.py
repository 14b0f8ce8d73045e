"""Losses with bends over many rows: minima among the rows whose side is open, and their gaps."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from fallline import _core, losses
from fallline.solvers.narrow import interior_point, settled_rows
from fallline.solvers.narrow.coordinates import coordinates_for
from fallline.solvers.narrow.descent import Solution
from fallline.solvers.narrow.objective import Objective
from fallline.solvers.narrow.row_parts import reduced, spaced, whole
from fallline.typing import Float64Array
from loss_cases import of_python, targets_near
from test_same_bits import same_at_any_number_of_threads, same_on_all_fma_targets

EPS = float(np.finfo(np.float64).eps)
N, D = 20_000, 4
BENT = [
    *("hinge", "quantile", "epsilon_insensitive", "huber"),
    *("modified_huber", "squared_hinge", "squared_epsilon_insensitive"),
]


def data(loss: str, *, heavy: bool = False) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Rows, targets and counts; with heavy tails a few rows have nearly all of the leverage."""
    rng = np.random.default_rng(3)
    X = rng.standard_t(1.5, (N, D)) if heavy else rng.standard_normal((N, D))
    z = X @ rng.standard_normal(D) + 3 * rng.standard_normal(N)
    return X, targets_near(loss, z), rng.integers(0, 3, N).astype(np.float64)


def posed(X: Any, y: Float64Array, s: Float64Array | None, loss: losses.Loss) -> Objective:
    return Objective(X, y, s, loss, 1e-4, coordinates_for(X, s, fit_intercept=True))


def settle(objective: Objective, **options: Any) -> Solution:
    settings = {"tol": 1e-6, "max_passes": 1000} | options
    return settled_rows.minimize(objective, objective.start(), **settings)


def narrow(name: str) -> losses.Loss:
    """The loss, or Huber's with a bend that is small for the errors."""
    return losses.Huber(0.01) if name == "huber" else of_python(name)


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", BENT)
def test_the_minimum_is_that_of_the_interior_point(name: str, weighted: bool, heavy: bool) -> None:
    X, y, counts = data(name, heavy=heavy)
    objective = posed(X, y, counts if weighted else None, narrow(name))
    found = settle(objective)
    options: Any = {"tol": 1e-10, "max_passes": 1000}
    best = interior_point.minimize(objective, objective.start(), **options)
    assert found.status == best.status == "certified"
    assert found.value - best.value <= found.gap
    assert best.value - found.value <= best.gap
    assert found.gap <= 1.001e-6 * found.value


@pytest.mark.parametrize("name", ["quantile", "epsilon_insensitive", "huber"])
def test_all_rows_are_read_a_few_times(name: str) -> None:
    X, y, _ = data(name)
    plain, short = (posed(X, y, None, narrow(name)) for _ in range(2))
    interior_point.minimize(plain, plain.start(), tol=1e-6, max_passes=1000)
    assert settle(short).status == "certified"
    assert short.passes < 0.5 * plain.passes


def test_weights_are_repeated_rows() -> None:
    X, y, counts = data("quantile")
    k = counts.astype(np.int64)
    weighted = settle(posed(X, y, counts, losses.Quantile()))
    repeated = settle(posed(np.repeat(X, k, axis=0), np.repeat(y, k), None, losses.Quantile()))
    assert abs(weighted.value - repeated.value) <= max(weighted.gap, repeated.gap)


def test_sparse_rows_are_as_good() -> None:
    X, y, _ = data("quantile")
    X[np.abs(X) < 0.5] = 0.0
    csr = sparse.csr_array(X)
    rows = _core.CsrMatrix(csr.data, csr.indices, csr.indptr, csr.shape[1])
    dense, thin = (settle(posed(given, y, None, losses.Quantile())) for given in (X, rows))
    assert thin.status == dense.status == "certified"
    assert abs(thin.value - dense.value) <= max(thin.gap, dense.gap)


@pytest.mark.parametrize("name", BENT)
def test_means_make_no_row_dearer_and_none_on_its_line_cheaper(name: str) -> None:
    X, y, counts = data(name)
    rows = whole(posed(X, y, counts, narrow(name)))
    rng = np.random.default_rng(5)
    u = rng.standard_normal(D + 1)
    z = rows.margins(u)
    depths = rows.boxes.depths(z)
    part, places = reduced(rows, z, depths <= np.median(depths[depths > 0.0]))
    assert 0 < len(part.means) <= 4
    np.testing.assert_allclose(np.bincount(places, rows.s), part.s)

    def value(of: Any, v: Float64Array) -> float:
        nothing = np.zeros((len(of.boxes.c), len(of.s)))
        return float(of.value_and_gap(v, of.margins(v), nothing, np.zeros(D + 1))[0])

    # A sum of n terms of one sign, of five operations each and with those of the margins.
    rounding = (N + D + 9) * EPS
    assert value(part, u) == pytest.approx(value(rows, u), rel=rounding)
    for _ in range(20):
        v = u + rng.standard_normal(D + 1)
        assert value(part, v) <= value(rows, v) * (1 + rounding)


def test_spaced_rows_have_the_weight_of_all() -> None:
    X, y, counts = data("quantile")
    rows = whole(posed(X, y, counts, losses.Quantile()))
    part = spaced(rows, 1000)
    assert part.rows is not None
    assert rows.rows is not None
    step = len(rows.s) // 1000
    np.testing.assert_array_equal(part.rows, rows.rows[::step])
    np.testing.assert_array_equal(part.boxes.c[0], y[part.rows])
    assert part.s.sum() == pytest.approx(rows.s.sum(), rel=len(part.s) * EPS)
    assert np.ptp(part.s / counts[part.rows]) <= 2 * EPS * part.s.max()


@pytest.mark.parametrize("ordered", [False, True])
def test_each_leverage_is_told(ordered: bool) -> None:
    X, _, _ = data("quantile")
    order = np.arange(N - 1, 0, -7) if ordered else None
    visited = X if order is None else X[order]
    found = np.empty(len(visited))
    factor = np.diag(np.arange(1.0, D + 1))
    nowhere, ones = np.zeros(D), np.ones(D)
    options: Any = {"order": order, "leverages": found}
    largest = _core.leverage_pass(X, nowhere, ones, False, factor, **options)
    assert found.max() == largest
    expected = ((visited / np.arange(1.0, D + 1)) ** 2).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=(D + 3) * EPS)  # a quotient, a square, sums


def test_rows_that_change_sides_count_as_rows_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = data("quantile", heavy=True)
    best = settle(posed(X, y, None, losses.Quantile()))
    monkeypatch.setattr(settled_rows, "_WIDTH", 0.3)
    found = settle(posed(X, y, None, losses.Quantile()))
    assert found.status == "certified"
    assert len(found.values) > 1
    assert abs(found.value - best.value) <= max(found.gap, best.gap)


def test_a_budget_or_an_observer_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled_rows, "_WIDTH", 0.3)  # one round is not enough
    X, y, _ = data("quantile")
    objective = posed(X, y, None, losses.Quantile())
    stopped = settle(objective, max_passes=5)
    assert stopped.status == "budget"
    assert objective.passes < 12
    told: list[float] = []

    def enough(_: Float64Array, value: float) -> bool:
        told.append(value)
        return True

    objective = posed(X, y, None, losses.Quantile())
    objective.observe = enough
    ended = settle(objective)
    assert ended.status == "stopped"
    assert told == [ended.value]


def test_an_interrupt_leaves_the_best_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled_rows, "_WIDTH", 0.3)
    X, y, _ = data("quantile")
    objective = posed(X, y, None, losses.Quantile())

    def interrupt(_u: Float64Array, _value: float) -> bool:
        raise KeyboardInterrupt

    objective.observe = interrupt
    ended = settle(objective)
    assert ended.status == "interrupted"
    rounding = 2 * (N + D + 9) * EPS  # as above, of the weights in the units of X too
    value = objective.value_of(*objective.weights(ended.u))
    assert value == pytest.approx(ended.value, rel=rounding)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_depend_on_neither_threads_nor_target(dtype: Any) -> None:
    X, y, _ = data("huber")

    def fit() -> bytes:
        found = settle(posed(X.astype(dtype), y, None, narrow("huber")))
        assert found.status == "certified"
        return found.u.tobytes() + np.array(found.gap).tobytes()

    same_at_any_number_of_threads(fit)
    same_on_all_fma_targets(fit)
