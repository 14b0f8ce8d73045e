"""Gradients of some rows: lazy steps against the reference and torch, exact ones against dense."""

import mmap
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference
import reference_row_gradients as reference_rows
from arrays import eps
from fallline.optim import RowGradient
from optimizer_cases import CASES, Case, case
from reference_row_gradients import dense
from refusals import Refusal, argument, named

FTRL = case("FTRL", "ftrl", [1.0, 0.01, 0.1], "", l1=0.01, l2=0.1)
LAZY = {name: c for name, c in CASES.items() if getattr(fl.optim, c.kind).takes_sparse}
LAZY["ftrl"] = FTRL
OF_ALL_ROWS = [fl.optim.ASGD, fl.optim.Rprop, fl.optim.Prodigy, fl.optim.DoWG]
OF_ALL_ROWS += [fl.optim.ScheduleFreeSGD, fl.optim.ScheduleFreeAdamW]
RTOL: dict[Any, float] = {np.float64: 1e-12, np.float32: 1e-5}
ROW_SHAPES = [(), (1,), (16,), (7,), (2, 3)]


def draw(rng: Any, n_rows: int, row: tuple[int, ...], dtype: Any, k: int = 12) -> RowGradient:
    rows = rng.integers(n_rows, size=k)
    return RowGradient(rows, rng.standard_normal((k, *row)).astype(dtype))


def of_all(gradient: RowGradient, n_rows: int) -> Any:
    return dense(gradient.rows.tolist(), gradient.values, n_rows)


# Lazy.


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", LAZY)
def test_lazy_steps_are_those_of_the_reference(name: str, decay: float, dtype: Any) -> None:
    of: Case = LAZY[name]
    rng = np.random.default_rng(0)
    params = [rng.standard_normal((20, *row)).astype(dtype) for row in ROW_SHAPES]
    expected = [w.astype(np.float64) for w in params]
    n_slots = reference.RULES[of.rule].n_slots
    slots = [[np.zeros(w.shape) for _ in range(n_slots)] for w in params]
    optimizer = of.make(0.05, decay)
    decays = {of.decay: decay} if of.decay else {}
    for t in range(1, 31):
        grads = [draw(rng, 20, row, dtype) for row in ROW_SHAPES]
        optimizer.step(params, grads)
        for w, g, of_w in zip(expected, grads, slots, strict=True):
            gradient = g.rows.tolist(), g.values.astype(np.float64)
            reference_rows.lazy_step(of.rule, w, gradient, of_w, of.parameters, t, 0.05, **decays)
    for w, w_expected in zip(params, expected, strict=True):
        np.testing.assert_allclose(w, w_expected, rtol=RTOL[dtype], atol=RTOL[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["SparseAdam", "SGD", "Adagrad"])
def test_200_lazy_steps_are_those_of_torch(kind: str, dtype: Any, torch: Any) -> None:
    # Next to eps SparseAdam has no bias correction: it must count for nothing.
    rng = np.random.default_rng(0)
    ours = rng.standard_normal((30, 8)).astype(dtype)
    theirs = torch.tensor(ours, requires_grad=True)
    options = {"eps": 1e-30} if kind == "SparseAdam" else {}
    target = getattr(torch.optim, kind)([theirs], lr=0.01, **options)
    optimizer = getattr(fl.optim, kind.removeprefix("Sparse"))(0.01, **options)
    for _ in range(200):
        g = draw(rng, 30, (8,), dtype)
        with torch.sparse.check_sparse_tensor_invariants(True):  # torch warns otherwise
            rows, values = torch.from_numpy(g.rows[None]), torch.from_numpy(g.values)
            theirs.grad = torch.sparse_coo_tensor(rows, values, (30, 8))
            target.step()
        optimizer.step(ours, g)
    expected = theirs.detach().numpy()
    scale = float(np.abs(expected).max())
    np.testing.assert_allclose(ours, expected, rtol=RTOL[dtype], atol=RTOL[dtype] * scale)


def test_rows_without_a_name_stay_as_they_are_decay_and_state_included() -> None:
    w = np.ones((5, 3))
    optimizer = fl.optim.AdamW(0.1, weight_decay=0.5)
    optimizer.step(w, RowGradient(np.array([1, 3]), np.ones((2, 3))))
    assert (w[[0, 2, 4]] == 1.0).all()
    assert (w[[1, 3]] < 0.95).all()
    m, v = optimizer.state_dict()["slots"][None]
    assert not m.reshape(5, 3)[[0, 2, 4]].any()
    assert v.reshape(5, 3)[[1, 3]].all()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc/self/statm")
def test_a_lazy_step_passes_by_all_other_rows() -> None:
    w = np.zeros((1_500_000, 64), np.float32)  # which take no memory before they are touched
    before = resident_bytes()
    optimizer = fl.optim.AdamW(0.1, clip_norm=1.0, skip_nonfinite=True)
    optimizer.step(w, RowGradient(np.arange(10) * 150_000, np.ones((10, 64), np.float32)))
    # A row of weights and two moments, each on a page of at most 2 MB; and what Python needs.
    assert resident_bytes() - before <= 10 * 3 * 2**21 + 2**22 < w.nbytes


@pytest.mark.parametrize("make", [lambda: fl.optim.SGD(0.1), lambda: fl.optim.Adagrad(0.1)])
def test_lazy_and_exact_are_the_same_where_a_gradient_of_zero_changes_nothing(make: Any) -> None:
    rng = np.random.default_rng(0)
    lazy, exact = np.ones((20, 5), np.float32), np.ones((20, 5), np.float32)
    first, second = make(), make()
    second.sparse = "exact"
    for _ in range(10):
        g = draw(rng, 20, (5,), np.float32)
        first.step(lazy, g)
        second.step(exact, g)
    assert lazy.tobytes() == exact.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_norm_that_is_clipped_is_that_of_the_sums(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    clipped, plain = np.zeros((9, 4), dtype), np.zeros((9, 4), dtype)
    head, other = np.zeros(3, dtype), np.zeros(3, dtype)
    first, second = fl.optim.SGD(0.1, clip_norm=0.5), fl.optim.SGD(0.1)
    for _ in range(5):
        g, of_head = draw(rng, 9, (4,), dtype), rng.standard_normal(3).astype(dtype)
        whole = of_all(g, 9)
        norm = np.sqrt(sum(np.sum(x.astype(np.float64) ** 2) for x in (whole, of_head)))
        scale = 0.5 / (norm + 1e-6)
        first.step([clipped, head], [g, of_head])
        second.step([plain, other], [np.asarray(scale * x, dtype) for x in (whole, of_head)])
    # Ours scales in the step, with a rounding less; five steps of at most 0.1.
    np.testing.assert_allclose(clipped, plain, rtol=0, atol=8 * eps(dtype))
    np.testing.assert_allclose(head, other, rtol=0, atol=8 * eps(dtype))


@pytest.mark.parametrize("row", [(32,), (7,), ()])
def test_lazy_states_of_16_bits_are_near_those_of_32(row: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    rough, fine = np.ones((50, *row), np.float32), np.ones((50, *row), np.float32)
    first, second = fl.optim.Adam(0.1, state_dtype="bfloat16"), fl.optim.Adam(0.1)
    for _ in range(3):
        rows = rng.permutation(50)[:20]
        g = RowGradient(rows, rng.choice([-1.0, 1.0], (20, *row)).astype(np.float32))
        first.step(rough, g)
        second.step(fine, g)
    # Three roundings of both moments, by at most 2^-7 of each, of steps of at most twice the rate.
    assert np.abs(rough - fine).max() <= 3 * 3 * 0.2 * 2.0**-7
    assert (rough != fine).any()


def test_rows_that_follow_each_other_are_rounded_by_numbers_of_their_own() -> None:
    n_rows = 4000
    w, g = np.zeros((n_rows, 3), np.float32), np.full((n_rows, 3), 0.3, np.float32)
    optimizer = fl.optim.Adam(0.1, state_dtype="bfloat16")
    optimizer.step(w, RowGradient(np.arange(n_rows), g))
    m = optimizer.state_dict()["slots"][None][0].astype(np.float64)
    ups = m - m.mean()  # all were rounded from the same number
    for shift in range(1, 33):
        # A mean of so many products of numbers without correlation, of variance 1.
        correlation = np.mean(ups[:-shift] * ups[shift:]) / np.mean(ups**2)
        assert abs(correlation) <= 5 / np.sqrt(m.size - shift)


@pytest.mark.parametrize("kind", OF_ALL_ROWS)
def test_rules_whose_steps_are_of_all_rows_are_never_lazy(kind: Any) -> None:
    w, g = np.ones((3, 2)), RowGradient(np.array([1]), np.ones((1, 2)))
    pattern = f"sparse must be 'exact' for a RowGradient with {kind.__name__}.*got 'lazy'"
    with pytest.raises(ValueError, match=pattern):
        kind(0.1).step(w, g)
    assert (w == 1.0).all()
    kind(0.1, sparse="exact").step(w, g)


def test_averages_of_all_weights_are_never_lazy() -> None:
    w, g = np.ones((3, 2)), RowGradient(np.array([1]), np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"sparse must be 'exact' .* with ema=0.9.*got 'lazy'"):
        fl.optim.SGD(0.1, ema=0.9).step(w, g)
    assert (w == 1.0).all()


# Either.


def test_without_rows_a_lazy_step_counts_and_changes_nothing() -> None:
    w, optimizer = np.ones((3, 2)), fl.optim.AdamW(0.1)
    optimizer.step(w, RowGradient(np.zeros(0, np.int64), np.zeros((0, 2))))
    assert (w == 1.0).all()
    assert optimizer.steps == 1
    empty = np.zeros((0, 2))
    fl.optim.SGD(0.1).step(empty, RowGradient(np.zeros(0, np.int64), np.zeros((0, 2))))


def test_rows_and_values_are_left_as_they_are_unless_they_are_to_become_zero() -> None:
    rows, values = np.array([2, 0, 2]), np.ones((3, 2))
    w, head, g = np.ones((4, 2)), np.ones(2), np.ones(2)
    optimizer = fl.optim.SGD(0.25, skip_nonfinite=True)
    optimizer.step([w, head], [RowGradient(rows, values), g])
    assert rows.tolist() == [2, 0, 2]
    assert (values == 1.0).all()
    optimizer.step([w, head], [RowGradient(rows, values), g], zero_grads=True)
    assert not values.any()
    assert not g.any()
    assert w[:, 0].tolist() == [0.5, 1.0, 0.0, 1.0]
    values[1] = np.nan
    optimizer.step([w, head], [RowGradient(rows, values), g], zero_grads=True)
    assert optimizer.skipped == 1
    assert not values.any()


@pytest.mark.parametrize("kind", ["int8", "uint16", "int32", "int64", "uint64"])
def test_rows_are_integers_of_any_kind(kind: str) -> None:
    w = np.ones((4, 2))
    fl.optim.SGD(0.5).step(w, RowGradient(np.array([3, 1], kind), np.ones((2, 2))))
    assert w[:, 0].tolist() == [1.0, 0.5, 1.0, 0.5]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_have_rows_too(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    w = torch.ones((4, 2), dtype=getattr(torch, dtype)).requires_grad_()
    rows = torch.tensor([3, 1, 3], dtype=torch.int32)
    values = torch.ones((3, 2), dtype=w.dtype)
    fl.optim.SGD(0.25).step({"w": w}, {"w": RowGradient(rows, values)})
    assert w[:, 0].tolist() == [1.0, 0.75, 1.0, 0.5]
    assert bool((values == 1.0).all())


def test_sums_of_16_bits_are_those_of_float32() -> None:
    w = np.zeros((2, 1), np.float16)
    values = np.array([[2048.0], [1.0], [1.0], [-2048.0]], np.float16)
    fl.optim.SGD(1.0).step(w, RowGradient([1, 1, 1, 1], values))
    assert w.tolist() == [[0.0], [-2.0]]  # in float16 2048 + 1 is 2048


def test_groups_and_states_go_on_with_the_same_bits() -> None:
    def make() -> fl.optim.Optimizer:
        return fl.optim.Adam(0.1, groups=[{"params": ["b"], "weight_decay": 0.1}])

    rng = np.random.default_rng(0)
    whole = make()
    params: dict[str, Any] = {"a": np.ones((9, 3)), "b": np.ones((5, 2), np.float32)}
    steps = [
        {"a": draw(rng, 9, (3,), np.float64), "b": draw(rng, 5, (2,), np.float32)} for _ in range(6)
    ]
    for g in steps[:3]:
        whole.step(params, g)
    resumed, copies = make(), {key: w.copy() for key, w in params.items()}
    resumed.load_state_dict(whole.state_dict())
    for g in steps[3:]:
        whole.step(params, g)
        resumed.step(copies, g)
    for key, w in params.items():
        assert w.tobytes() == copies[key].tobytes()


def test_dense_gradients_and_those_of_rows_may_take_turns() -> None:
    w, expected = np.ones((3, 2)), np.ones((3, 2))
    optimizer, other, g = fl.optim.Adagrad(0.1), fl.optim.Adagrad(0.1), np.ones((3, 2))
    for rows in ([0], None, None, [2, 1], None):
        optimizer.step(w, g if rows is None else RowGradient(rows, np.ones((len(rows), 2))))
        other.step(expected, g if rows is None else dense(rows, np.ones((len(rows), 2)), 3))
    assert w.tobytes() == expected.tobytes()


# Refusals.


def step(name: str, gradient: Any, error: type[Exception], *patterns: str) -> Refusal:
    w = np.ones((4, 2))
    return Refusal(name, lambda: fl.optim.SGD(0.1).step([w], [gradient()]), error, patterns)


def rows_of(rows: Any, values: Any = None) -> Any:
    return lambda: RowGradient(rows, np.ones((len(rows), 2)) if values is None else values)


SHARED = np.ones((4, 2))
REFUSALS = [
    step("mask", rows_of(np.ones(4, bool)), TypeError, "rows must be integers", "bool", "flatnonz"),
    step("floats", rows_of([1.0]), TypeError, "rows must be integers, got float64"),
    step("2-d", rows_of(np.ones((1, 2), int)), ValueError, r"1-dimensional, got shape \(1, 2\)"),
    step("negative", rows_of([0, -1]), ValueError, r"grads\[0\]\.rows must .*4 rows of.* got -1"),
    step("beyond", rows_of([0, 4]), ValueError, r"grads\[0\]\.rows must .* less than .* got 4"),
    step("far beyond", rows_of(np.array([2**63], "u8")), ValueError, "rows must be at least 0"),
    step(
        "few values",
        rows_of([0, 1], np.ones((1, 2))),
        ValueError,
        r"grads\[0\]\.values must have a row .*\(2, 2\) float64; got \(1, 2\)",
    ),
    step("wide", rows_of([0], np.ones((1, 3))), ValueError, r"\(1, 2\) .*; got \(1, 3\)"),
    step("dtype", rows_of([0], np.ones((1, 2), "f4")), ValueError, r"float64; got .* float32"),
    step("list", rows_of([0], [[1.0, 1.0]]), TypeError, r"grads\[0\]\.values must be an array"),
    step("strided", rows_of([0, 1], np.ones((2, 4))[:, ::2]), ValueError, "values must be C-cont"),
    Refusal(
        "number",
        lambda: fl.optim.SGD(0.1).step(np.ones(()), RowGradient([0], np.ones(1))),
        ValueError,
        (r"params must have rows for a RowGradient, got shape \(\)",),
    ),
    Refusal(
        "own weights",
        lambda: fl.optim.SGD(0.1).step(SHARED, RowGradient([3, 2, 1, 0], SHARED)),
        ValueError,
        ("must not share memory", "pass .* a copy"),
    ),
    Refusal(
        "weights",
        lambda: fl.optim.SGD(0.1).step(RowGradient([0], np.ones((1, 2))), np.ones((4, 2))),
        TypeError,
        ("params must be an array of NumPy", "got RowGradient"),
    ),
    Refusal(
        "bound",
        lambda: fl.optim.SGD(0.1).bind(np.ones((4, 2)), RowGradient([0], np.ones((1, 2)))),
        TypeError,
        ("grads must be arrays to be bound, got a RowGradient; use step",),
    ),
    argument(lambda **of: fl.optim.SGD(0.1, **of), "sparse", "lazi", ValueError, "", "'lazy'\\?"),
    argument(lambda **of: fl.optim.SGD(0.1, **of), "sparse", None, TypeError, ""),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_what_does_not_fit_is_refused(refusal: Refusal) -> None:
    refusal.check()
    assert (SHARED == 1.0).all()
