"""Steps over anybody's arrays: what happens besides the rule, at once and for all of them."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from arrays import eps
from fallline import _core
from fallline.typing import FloatArray

SHAPES = [(7,), (40, 21), (), (0,), (1,)]
OPTIMIZERS = [fl.optim.SGD, fl.optim.AdamW, fl.optim.RMSprop]
DTYPES = [np.float32, np.float64]


def draws(dtype: Any, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def copies(arrays: list[Any]) -> list[Any]:
    return [array.copy() for array in arrays]


def joined(arrays: Any) -> Any:
    return np.concatenate([np.ravel(array) for array in arrays])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_many_arrays_step_as_each_alone(kind: Any, dtype: Any) -> None:
    together, alone = draws(dtype, 0), draws(dtype, 0)
    optimizer, others = kind(0.1, weight_decay=0.1), [kind(0.1, weight_decay=0.1) for _ in SHAPES]
    for seed in range(1, 6):
        grads = draws(dtype, seed)
        optimizer.step(together, grads)
        for other, w, g in zip(others, alone, grads, strict=True):
            other.step(w, g)
    assert joined(together).tobytes() == joined(alone).tobytes()


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_bound_arrays_step_like_others_and_see_new_gradients_rates_and_settings(kind: Any) -> None:
    bound_w, plain_w, g = draws(np.float32, 0), draws(np.float32, 0), draws(np.float32, 1)
    first, second = kind(0.1), kind(0.1)
    bound = first.bind(bound_w, g)
    for k in range(6):
        for of, drawn in zip(g, draws(np.float32, 2 + k), strict=True):
            of[...] = drawn
        if k == 2:
            first.learning_rate = second.learning_rate = fl.schedules.Exponential(0.3, 0.9)
        if k == 4:
            first.weight_decay = second.weight_decay = 0.5
        bound.step()
        second.step(plain_w, copies(g))
    assert joined(bound_w).tobytes() == joined(plain_w).tobytes()
    assert first.steps == second.steps == 6


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("clip_norm", [0.5, 1e6])
def test_gradients_are_clipped_to_a_norm_of_all_of_them(clip_norm: float, dtype: Any) -> None:
    clipped, plain = draws(dtype, 0), draws(dtype, 0)
    first = fl.optim.SGD(0.1, momentum=0.9, clip_norm=clip_norm)
    second = fl.optim.SGD(0.1, momentum=0.9)
    for seed in range(1, 5):
        grads = draws(dtype, seed)
        norm = float(np.sqrt(np.sum(joined(grads).astype(np.float64) ** 2)))
        scale = min(1.0, clip_norm / (norm + 1e-6))
        first.step(clipped, grads)
        second.step(plain, [np.asarray(scale * g, dtype) for g in grads])
    # Ours scales in the step, with a rounding less.
    np.testing.assert_allclose(joined(clipped), joined(plain), rtol=0, atol=32 * eps(dtype))


def test_clipping_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    ours = draws(np.float64, 0)
    theirs = [torch.tensor(w, requires_grad=True) for w in ours]
    mine, target = fl.optim.AdamW(0.1, clip_norm=1.0), torch.optim.AdamW(theirs, 0.1)
    for seed in range(1, 20):
        grads = draws(np.float64, seed)
        for tensor, g in zip(theirs, grads, strict=True):
            tensor.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_(theirs, 1.0)
        target.step()
        mine.step(ours, grads)
    expected = joined([tensor.detach().numpy() for tensor in theirs])
    np.testing.assert_allclose(joined(ours), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_step_with_a_bad_gradient_is_left_out_and_counted(place: int, bad: float) -> None:
    w = draws(np.float32, 0)
    optimizer = fl.optim.AdamW(0.1, skip_nonfinite=True, ema=0.9)
    optimizer.step(w, draws(np.float32, 1))
    before, average = joined(w), joined(optimizer.averaged(w))
    grads = draws(np.float32, 2)
    grads[place].reshape(-1)[-1] = bad
    optimizer.step(w, grads)
    assert (optimizer.steps, optimizer.skipped) == (1, 1)
    assert joined(w).tobytes() == before.tobytes()
    assert joined(optimizer.averaged(w)).tobytes() == average.tobytes()
    other, plain = fl.optim.AdamW(0.1), draws(np.float32, 0)
    for seed in (1, 3):
        other.step(plain, draws(np.float32, seed))
    optimizer.step(w, draws(np.float32, 3))
    assert joined(w).tobytes() == joined(plain).tobytes()


def test_squares_of_large_gradients_are_no_reason_to_leave_out_a_step() -> None:
    w = np.zeros(3, np.float32)
    fl.optim.SGD(1.0, skip_nonfinite=True).step(w, np.full(3, 3e38, np.float32))
    assert (w == np.float32(-3e38)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_averages_fade_exponentially_from_the_first_weights_on(dtype: Any) -> None:
    w = draws(dtype, 0)
    optimizer, expected = fl.optim.Adam(0.1, ema=0.9), np.zeros(0)
    for seed in range(1, 8):
        optimizer.step(w, draws(dtype, seed))
        weights = joined(w).astype(np.float64)
        expected = weights if seed == 1 else 0.9 * expected + 0.1 * weights
    averages = optimizer.averaged(w)
    assert [a.shape for a in averages] == SHAPES
    np.testing.assert_allclose(joined(averages), expected, rtol=0, atol=32 * eps(dtype))


@pytest.mark.parametrize("kind", [*OPTIMIZERS, fl.optim.Lion, fl.optim.Rprop])
def test_going_up_is_going_down_the_negative_gradient(kind: Any) -> None:
    up, down = draws(np.float64, 0), draws(np.float64, 0)
    first, second = kind(0.1, maximize=True), kind(0.1)
    for seed in range(1, 5):
        first.step(up, draws(np.float64, seed))
        second.step(down, [-g for g in draws(np.float64, seed)])
    assert joined(up).tobytes() == joined(down).tobytes()


@pytest.mark.parametrize("dtype", [np.float16, *DTYPES])
def test_gradients_become_zero_when_asked_to(dtype: Any) -> None:
    w, g, kept = draws(dtype, 0), draws(dtype, 1), draws(dtype, 1)
    optimizer = fl.optim.SGD(0.1, momentum=0.5)
    optimizer.step(w, kept)
    assert joined(kept).any()
    optimizer.step(w, g, zero_grads=True)
    assert not joined(g).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_know_nothing_of_threads(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(n).astype(dtype) for n in (300_000, 7, 40_000, 0, 32_768)]
    grads = [rng.standard_normal(len(w)).astype(dtype) for w in start]
    found = set()
    for threads in (1, 2, 3):
        fl.set_num_threads(threads)
        weights = copies(start)
        optimizer = fl.optim.AdamW(0.1, clip_norm=1.0, ema=0.9, skip_nonfinite=True)
        for _ in range(3):
            optimizer.step(weights, grads)
        found.add(joined([*weights, *optimizer.averaged(weights)]).tobytes())
    assert len(found) == 1


def test_groups_have_settings_of_their_own() -> None:
    params = {name: np.ones(3) * k for k, name in enumerate(["weights", "bias", "scale"], 1)}
    plain = {name: array.copy() for name, array in params.items()}
    groups: list[dict[str, Any]] = [
        {"params": ["bias"], "weight_decay": 0.0, "learning_rate": 0.01},
        {"params": ["scale"], "betas": (0.5, 0.5)},
    ]
    grouped = fl.optim.AdamW(0.1, weight_decay=0.5, groups=groups)
    alone = {
        "weights": fl.optim.AdamW(0.1, weight_decay=0.5),
        "bias": fl.optim.AdamW(0.01, weight_decay=0.0),
        "scale": fl.optim.AdamW(0.1, weight_decay=0.5, betas=(0.5, 0.5)),
    }
    for k in range(1, 6):
        grouped.step(params, {name: array * k for name, array in params.items()})
        for name, array in plain.items():
            alone[name].step(array, array * k)
    for name, array in params.items():
        assert array.tobytes() == plain[name].tobytes(), name


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ({"params": [0]}, TypeError, "groups must be a list of dicts, got dict"),
        ([{"weight_decay": 0.0}], TypeError, "groups must be dicts with 'params'"),
        ([{"params": [0]}, {"params": [0]}], ValueError, "groups must have each place once"),
        ([{"params": [9]}], ValueError, "groups must name places of params, .*, got 9"),
        ([{"params": [0], "momentum": 0.9}], ValueError, "groups must keep the rule 'sgd'"),
        ([{"params": [0], "maximize": True}], ValueError, "groups must share .* got 'maximize'"),
    ],
)
def test_bad_groups_are_refused(groups: Any, error: Any, message: str) -> None:
    w = np.ones(3)
    with pytest.raises(error, match=message):
        fl.optim.SGD(0.1, groups=groups).step([w], [np.ones(3)])
    assert (w == 1.0).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be a positive finite number or None"),
        ({"ema": 1.0}, ValueError, r"ema must be a number in \(0, 1\) or None"),
        ({"skip_nonfinite": 1}, TypeError, "skip_nonfinite must be True or False, got 1"),
        ({"maximize": "yes"}, TypeError, "maximize must be True or False"),
        ({"state_dtype": "float16"}, ValueError, "state_dtype must be 'bfloat16' or None"),
        ({"lr": 0.1}, TypeError, "unexpected keyword argument 'lr'"),
    ],
)
def test_bad_options_are_refused(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        fl.optim.Adam(0.1, **options)


@pytest.mark.parametrize(
    "options",
    [{"clip_norm": 1.0}, {"ema": 0.9}, {"skip_nonfinite": True}, {"maximize": True}],
    ids=lambda options: next(iter(options)),
)
def test_a_trainer_takes_none_of_them(options: Any) -> None:
    with pytest.raises(ValueError, match=r"optimizer must leave .* in a Trainer, got Adam"):
        fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.Adam(0.1, **options))


def test_averages_that_are_not_there_are_said() -> None:
    w: FloatArray = np.ones(3)
    optimizer = fl.optim.Adam(0.1)
    with pytest.raises(ValueError, match="averages begin with the first step"):
        optimizer.averaged(w)
    optimizer.step(w, np.ones(3))
    with pytest.raises(ValueError, match=r"ema must be a number .* try ema=0.999"):
        optimizer.averaged(w)


def test_the_core_refuses_what_does_not_fit() -> None:
    w, g = np.ones(3), np.ones(3)
    memory, slots = np.zeros(0), [np.zeros(3), np.zeros(3)]

    def make(of: Any, **changes: Any) -> _core.ArrayStep:
        settings: dict[str, Any] = {
            "sign": 1.0,
            "clip_norm": np.inf,
            "skips_nonfinite": False,
            "fading": 0.0,
            "lazy": True,
        }
        groups = [([of], [0.9, 0.99, 1e-8], memory, 0.0, 0.0)]
        return _core.ArrayStep("adam", groups, **settings | changes)

    make((w, g, slots, None, False)).step(1, 0.1)
    with pytest.raises(ValueError, match="gradient must be contiguous"):
        make((w, g[:2], slots, None, False))
    with pytest.raises(ValueError, match="2 slots"):
        make((w, g, slots[:1], None, False))
    with pytest.raises(TypeError, match="slots must be"):
        make((w, g, [s.astype(np.float32) for s in slots], None, False))
    with pytest.raises(TypeError, match="arrays must be float16"):
        make((w.astype(int), g, slots, None, False))
    rows = _core.RowGradient(np.array([0]), np.ones(2), 2, 2)
    with pytest.raises(ValueError, match="rows must be of an array of this kind and length"):
        make((w, rows, slots, None, False))
    with pytest.raises(ValueError, match="rows must be from 0 to 1, got 2"):
        _core.RowGradient(np.array([2]), np.ones(2), 2, 2)
    with pytest.raises(ValueError, match=r"values must be contiguous, .* 2 elements"):
        _core.RowGradient(np.array([0]), np.ones(3), 2, 2)
    with pytest.raises(ValueError, match="1 groups"):
        make((w, g, slots, None, False)).step_groups([1, 1], [0.1, 0.1])
