"""Arrays of other kinds and libraries: 16 bits, DLPack and the buffer protocol."""

import array
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.typing import Float32Array

ml_dtypes = pytest.importorskip("ml_dtypes")
BRAIN: Any = np.dtype(ml_dtypes.bfloat16)
NARROW = [np.dtype(np.float16), BRAIN]


def every_half() -> Any:
    return np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(np.float16)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_a_step_is_that_of_float32_rounded_to_nearest(dtype: Any) -> None:
    # Zero less the rate times any number: ties, subnormals, overflow, infinity and NaN among them.
    everything = np.arange(2**16, dtype=np.uint32).astype(np.uint16).view(dtype)
    for rate in (1.0, 0.7, 2.0**-11, 3e-6, 300.0):
        w = np.zeros(2**16, dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            fl.optim.SGD(rate).step(w, everything)
            expected = (-(np.float32(rate) * everything.astype(np.float32))).astype(dtype)
        same = w.view(np.uint16) == expected.view(np.uint16)
        # 0 - 0 is 0, where -(0) would be -0.
        assert (same | (np.isnan(w) & np.isnan(expected)) | ((w == 0) & (expected == 0))).all()


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 70_000])
def test_narrow_weights_have_states_of_float32(n: int, dtype: Any) -> None:
    rng = np.random.default_rng(n)
    w, wide = (rng.standard_normal(n).astype(dtype) for _ in range(2))
    wide = w.astype(np.float32)
    optimizer, other = fl.optim.Adam(0.1), fl.optim.Adam(0.1)
    for _ in range(5):
        g = rng.standard_normal(n).astype(dtype)
        optimizer.step(w, g)
        other.step(wide, g.astype(np.float32))
        wide = wide.astype(dtype).astype(np.float32)  # as it is stored
        assert w.tobytes() == wide.astype(dtype).tobytes()


def test_narrow_arrays_step_among_others_and_at_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    kinds = [np.float32, np.float64, np.float16, BRAIN]
    start = [rng.standard_normal(n).astype(k) for k in kinds for n in (5, 70_000)]
    grads = [rng.standard_normal(len(w)).astype(w.dtype) for w in start]
    found = set()
    for threads in (1, 2, 3):
        fl.set_num_threads(threads)
        weights = [w.copy() for w in start]
        optimizer = fl.optim.AdamW(0.1, clip_norm=10.0, ema=0.5, skip_nonfinite=True)
        for _ in range(3):
            optimizer.step(weights, grads)
        averages = optimizer.averaged(weights)
        assert [a.dtype for a in averages] == [np.float32, np.float32, np.float64, np.float64] + [
            np.dtype(np.float32)
        ] * 4
        found.add(b"".join(w.tobytes() for w in [*weights, *averages]))
    assert len(found) == 1


def test_states_of_16_bits_are_right_on_average() -> None:
    # The second moment of gradients of 1 grows by a thousandth of what is left, far less than the
    # last of 8 bits: rounded to nearest it would stop on the way.
    n, steps = 20_000, 3000
    w, g = np.zeros(n, np.float32), np.ones(n, np.float32)
    optimizer = fl.optim.Adam(1e-3, betas=(0.9, 0.999), state_dtype="bfloat16")
    bound = optimizer.bind(w, g)
    for _ in range(steps):
        bound.step()
    state = optimizer._state
    assert state is not None
    assert state.slots[None][1].dtype == np.uint16
    v = state.slots[None][1].view(BRAIN).astype(np.float64)
    expected = 1 - 0.999**steps
    # Each step rounds by up to 2^-8 v; such errors fade within 1000 steps: variance at most
    # sum 0.999^(2k) (2^-8)^2 / 4 of each of the n elements.
    deviation = np.sqrt(500) * 2.0**-9
    assert abs(v.mean() - expected) <= 6 * deviation / np.sqrt(n)
    assert v.std() <= 1.5 * deviation


def test_states_of_16_bits_are_drawn_anew_at_each_step_and_the_same_again() -> None:
    def run() -> Float32Array:
        w, g = np.zeros(4096, np.float32), np.full(4096, 0.3, np.float32)
        optimizer = fl.optim.Adam(0.1, state_dtype="bfloat16")
        for _ in range(10):
            optimizer.step(w, g)
        return w

    first, second = run(), run()
    assert first.tobytes() == second.tobytes()
    assert len(set(first.tolist())) > 100


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_states_of_16_bits_keep_what_is_not_finite(bad: float) -> None:
    w, g = np.zeros(100, np.float32), np.zeros(100, np.float32)
    g[17] = bad
    fl.optim.Adam(0.1, state_dtype="bfloat16").step(w, g)
    assert np.isnan(w[17])
    assert not np.isnan(np.delete(w, 17)).any()


def test_float64_arrays_keep_states_of_float64() -> None:
    w, plain = np.ones(5), np.ones(5)
    fl.optim.Adam(0.1, state_dtype="bfloat16").step(w, np.ones(5))
    fl.optim.Adam(0.1).step(plain, np.ones(5))
    assert w.tobytes() == plain.tobytes()


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_are_stepped_in_place(kind: str) -> None:
    torch = pytest.importorskip("torch")
    w = torch.linspace(-1, 1, 24, dtype=getattr(torch, kind)).reshape(4, 6).requires_grad_()
    g = torch.ones_like(w)
    array_of = w.detach().to(torch.float64).numpy().copy()
    optimizer = fl.optim.SGD(0.25, ema=0.5)
    optimizer.step([w], [g])
    found = w.detach().to(torch.float64).numpy()
    np.testing.assert_allclose(found, array_of - 0.25, atol=2.0**-8 if kind == "bfloat16" else 1e-3)
    assert not np.array_equal(found, array_of)
    optimizer.step([w], [g], zero_grads=True)
    assert not g.any()
    assert optimizer.averaged([w])[0].shape == (4, 6)


def test_tensors_live_as_long_as_the_arrays_they_are_bound_to() -> None:
    torch = pytest.importorskip("torch")
    w = torch.ones(3)
    view = w[:]  # of the same memory
    optimizer = fl.optim.SGD(0.5)
    bound = optimizer.bind(w, torch.ones(3))  # which nobody else holds
    del w
    bound.step()
    assert view.tolist() == [0.5] * 3


def test_a_buffer_is_stepped_in_place() -> None:
    w, g = array.array("f", [1.0, 2.0]), array.array("f", [1.0, 1.0])
    fl.optim.SGD(0.5).step(w, g)
    assert w.tolist() == [0.5, 1.5]


def test_numbers_and_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"params\[0\] must be an array, got the number"):
        fl.optim.SGD(0.5).step([np.float64(1.0)], [np.ones(())])
    with pytest.raises(TypeError, match="got uint16"):
        fl.optim.SGD(0.5).step(array.array("H", [1, 2]), array.array("H", [1, 2]))


def test_arrays_that_never_change_are_refused_as_weights() -> None:
    jax = pytest.importorskip("jax.numpy")
    fixed = jax.ones(3)
    with pytest.raises(ValueError, match="params must be writeable, got a read-only ArrayImpl"):
        fl.optim.SGD(0.5).step(fixed, np.ones(3, np.float32))
    w = np.ones(3, np.float32)
    fl.optim.SGD(0.5).step(w, fixed)  # as a gradient it may be
    assert w.tolist() == [0.5] * 3


def test_tensors_with_new_memory_are_stepped_there() -> None:
    torch = pytest.importorskip("torch")
    w, g, sgd = torch.ones(3), torch.ones(3), fl.optim.SGD(0.5)
    sgd.step(w, g)
    w.data = torch.full((3,), 7.0)
    sgd.step(w, g)
    assert w.tolist() == [6.5] * 3


def test_arrays_of_other_devices_and_strides_are_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="params must be in the memory of the CPU"):
        fl.optim.SGD(0.5).step(_OfAnotherDevice(), np.ones(3))
    square = torch.ones(3, 3)
    with pytest.raises(ValueError, match=r"params\[0\] must be C-contiguous"):
        fl.optim.SGD(0.5).step([square.T], [torch.ones(3, 3)])
    with pytest.raises(TypeError, match="arrays must be of float16"):
        fl.optim.SGD(0.5).step(torch.ones(3, dtype=torch.int32), torch.ones(3))
    assert bool((square == 1.0).all())


class _OfAnotherDevice:
    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def __dlpack__(self) -> object:
        raise AssertionError


@pytest.mark.parametrize("n", [1, 31, 33, 1025, 5000])
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), *NARROW], ids=str)
def test_states_of_16_bits_are_near_those_of_32(n: int, dtype: Any) -> None:
    rng = np.random.default_rng(n)
    start = rng.standard_normal(n).astype(dtype)
    rough, fine = start.copy(), start.copy()
    first, second = fl.optim.Adam(0.1, state_dtype="bfloat16"), fl.optim.Adam(0.1)
    for _ in range(3):
        g = rng.choice([-1.0, 1.0], n).astype(dtype)
        first.step(rough, g)
        second.step(fine, g)
    # Three roundings of both moments, by at most 2^-7 of each, of steps of at most the rate; and of
    # weights of 16 bits, of up to 4.
    allowed = 3 * 3 * 0.1 * 2.0**-7 + (0 if dtype == np.float32 else 3 * 2.0**-6)
    error = np.abs(rough.astype(np.float64) - fine.astype(np.float64))
    assert error.max() <= allowed
    assert dtype != np.float32 or (error > 0).any()


@pytest.mark.parametrize(
    "kind",
    [
        fl.optim.Prodigy,
        fl.optim.DoWG,
        fl.optim.ScheduleFreeSGD,
        fl.optim.ScheduleFreeAdamW,
        fl.optim.ASGD,
    ],
)
def test_states_with_weights_in_them_stay_wide(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"state_dtype must be None with {kind.__name__}"):
        kind(0.1, state_dtype="bfloat16")
