"""Optimizers of torch whose steps the core makes: the steps and the state of torch's own."""

import copy
import io
import itertools
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fallline as fl
from optimizer_cases import CASES

RTOL = {"float64": 1e-12, "float32": 1e-5}
SHAPES = [(5,), (3, 4), (), (0,), (2, 3, 4)]
OF_TORCH = [name for name, case in CASES.items() if case.kind != "Lion"]


def parameters(torch: Any, dtype: str, seed: int = 0, shapes: Any = SHAPES) -> list[Any]:
    rng = np.random.default_rng(seed)
    kind = getattr(torch, dtype)
    return [torch.tensor(rng.standard_normal(s), dtype=kind, requires_grad=True) for s in shapes]


def give_gradients(torch: Any, params: list[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for w in params:
        w.grad = torch.tensor(rng.standard_normal(tuple(w.shape)) + 0.5, dtype=w.dtype)


def ours(torch: Any, name: str, params: Any, rate: float = 0.01, decay: float = 0.0) -> Any:
    del torch
    return CASES[name].make_torch(SimpleNamespace(optim=fl.torch), params, rate, decay)


def same_bits(some: Any, others: Any) -> bool:
    pairs = zip(some, others, strict=True)
    return all(a.detach().numpy().tobytes() == b.detach().numpy().tobytes() for a, b in pairs)


@pytest.mark.parametrize("dtype", RTOL)
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", OF_TORCH)
def test_200_steps_of_either_are_those_of_torch(
    name: str, decay: float, dtype: str, torch: Any
) -> None:
    # Two that change places in between, next to torch alone.
    lone, first, second = (parameters(torch, dtype) for _ in range(3))
    alone = CASES[name].make_torch(torch, lone, 0.01, decay)
    core = ours(torch, name, first, 0.01, decay)
    other = CASES[name].make_torch(torch, second, 0.01, decay)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR
    schedulers = [cosine(optimizer, 250) for optimizer in (alone, core, other)]
    for t in range(200):
        for params in (lone, first, second):
            give_gradients(torch, params, t)
        if t in (50, 100):
            of_core, of_other = copy.deepcopy(core.state_dict()), copy.deepcopy(other.state_dict())
            assert of_core["state"].keys() >= of_other["state"].keys()
            assert of_core["param_groups"][0].keys() == of_other["param_groups"][0].keys()
            core.load_state_dict(of_other)
            other.load_state_dict(of_core)
        for optimizer, scheduler in zip((alone, core, other), schedulers, strict=True):
            optimizer.step()
            scheduler.step()
    for expected, a, b in zip(lone, first, second, strict=True):
        scale = float(expected.detach().abs().sum() and expected.detach().abs().max())
        for w in (a, b):
            np.testing.assert_allclose(
                w.detach(), expected.detach(), rtol=RTOL[dtype], atol=RTOL[dtype] * scale
            )


@pytest.mark.parametrize("name", OF_TORCH)
def test_each_is_one_of_torch_and_has_its_state(name: str, torch: Any) -> None:
    first, second = parameters(torch, "float32"), parameters(torch, "float32")
    core = ours(torch, name, first)
    other = CASES[name].make_torch(torch, second, 0.01, 0.0)
    assert isinstance(core, type(other))
    for k in range(2):
        for params, optimizer in ((first, core), (second, other)):
            give_gradients(torch, params, k)
            optimizer.step()
    for w, v in zip(first, second, strict=True):
        found = {key: value for key, value in other.state[v].items() if value is not None}
        assert core.state[w].keys() == found.keys()
        for key, value in found.items():
            assert core.state[w][key].shape == value.shape
            assert core.state[w][key].dtype == value.dtype


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("state_dtype", [None, "bfloat16"])
def test_steps_have_the_bits_of_those_over_arrays(state_dtype: Any, dtype: str, torch: Any) -> None:
    options: dict[str, Any] = {"weight_decay": 0.1, "clip_norm": 1.0, "skip_nonfinite": True}
    options["ema"] = 0.9
    tensors, arrays = parameters(torch, dtype), parameters(torch, dtype)
    kind = state_dtype and torch.bfloat16
    optimizer = fl.torch.AdamW(tensors, lr=0.1, state_dtype=kind, **options)
    plain = fl.optim.AdamW(0.1, state_dtype=state_dtype, **options)
    for t in range(8):
        give_gradients(torch, tensors, t)
        give_gradients(torch, arrays, t)
        if t == 4:
            tensors[0].grad[0] = arrays[0].grad[0] = float("nan")
        optimizer.step()
        plain.step(arrays, [w.grad for w in arrays])
    assert optimizer.skipped == plain.skipped == 1
    assert all(torch.equal(a, b) for a, b in zip(tensors, arrays, strict=True))
    means = zip(optimizer.averaged(tensors), plain.averaged(arrays), strict=True)
    assert all(a.numpy().tobytes() == b.tobytes() for a, b in means)


def test_lion_is_that_of_arrays(torch: Any) -> None:
    tensors, arrays = parameters(torch, "float32"), parameters(torch, "float32")
    optimizer = fl.torch.Lion(tensors, lr=0.1, weight_decay=0.1, maximize=True)
    plain = fl.optim.Lion(0.1, weight_decay=0.1, maximize=True)
    for t in range(5):
        give_gradients(torch, tensors, t)
        optimizer.step()
        plain.step(arrays, [w.grad for w in tensors])
    assert same_bits(tensors, arrays)


def test_groups_have_settings_of_their_own_and_parameters_steps_of_their_own(torch: Any) -> None:
    first, second = parameters(torch, "float64"), parameters(torch, "float64")
    optimizers = []
    for make, params in ((fl.torch.AdamW, first), (torch.optim.AdamW, second)):
        groups = [
            {"params": params[:2], "lr": 0.1, "amsgrad": True},
            {"params": params[2:4], "weight_decay": 0.5, "maximize": True},
        ]
        optimizer = make(groups, lr=0.01)
        optimizer.add_param_group({"params": params[4:], "betas": [0.5, 0.9]})
        optimizers.append(optimizer)
    for t in range(30):
        for params, optimizer in zip((first, second), optimizers, strict=True):
            give_gradients(torch, params, t)
            if t % 3 == 1:
                params[1].grad = params[4].grad = None
            if t == 10:
                optimizer.param_groups[1]["weight_decay"] = 0.25
            optimizer.step()
    for w, v in zip(first, second, strict=True):
        np.testing.assert_allclose(w.detach(), v.detach(), rtol=1e-12, atol=1e-12)
    steps = [optimizers[0].state[w]["step"].item() for w in first]
    assert steps == [optimizers[1].state[w]["step"].item() for w in second]
    assert steps[0] == 30
    assert steps[1] == 20


def test_a_closure_is_called_with_gradients_and_its_loss_returned(torch: Any) -> None:
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = fl.torch.SGD([w], lr=0.25)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = w.square().sum()
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [optimizer.step(closure).item() for _ in range(3)]
    assert losses == [5.0, 1.25, 0.3125]
    assert optimizer.step() is None


def test_tensors_are_stepped_where_they_lie_whatever_their_layout(torch: Any) -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((4, 3, 2, 2))

    def laid_out() -> list[Any]:
        held = torch.tensor(values, dtype=torch.float32)
        last = held.clone().to(memory_format=torch.channels_last)
        wide = torch.zeros(4, 6, 2, 2)[:, ::2].copy_(held)
        turned = held.clone().transpose(0, 1)
        return [tensor.requires_grad_() for tensor in (held, last, wide, turned)]

    params, like_torch = laid_out(), laid_out()
    memory = [w.data_ptr() for w in params]
    optimizers = [fl.torch.AdamW(params, lr=0.1), torch.optim.AdamW(like_torch, lr=0.1)]
    for t in range(5):
        for optimizer, tensors in zip(optimizers, (params, like_torch), strict=True):
            give_gradients(torch, tensors, t)
            tensors[0].grad = tensors[0].grad.flip(0).transpose(2, 3)
            tensors[2].grad = tensors[2].grad[:1, :1, :1, :1].expand(4, 3, 2, 2)
            optimizer.step()
    assert [w.data_ptr() for w in params] == memory
    for w, v in zip(params, like_torch, strict=True):
        assert w.stride() == v.stride()
        np.testing.assert_allclose(w.detach(), v.detach(), rtol=1e-5, atol=1e-5)


def test_what_moves_between_steps_is_found_again(torch: Any) -> None:
    first, second = parameters(torch, "float32"), parameters(torch, "float32")
    optimizers = [fl.torch.Adam(first, lr=0.1), torch.optim.Adam(second, lr=0.1)]
    kept = []  # so that nothing new lies where something old did
    for t in range(12):
        for optimizer, params in zip(optimizers, (first, second), strict=True):
            optimizer.zero_grad(set_to_none=t % 2 == 0)
            give_gradients(torch, params, t)
            w = params[1]
            if t == 3:
                kept.append(w.data)
                w.data = w.data.clone()
            if t == 5:
                kept.append(optimizer.state[w]["exp_avg"])
                optimizer.state[w]["exp_avg"] = kept[-1].clone()
            if t == 7:
                optimizer.state[w]["step"] = torch.tensor(3.0)
            if t == 9:
                optimizer.param_groups[0]["params"] = params[::-1]
            optimizer.step()
    for w, v in zip(first, second, strict=True):
        np.testing.assert_allclose(w.detach(), v.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize(
    ("name", "state_dtype"),
    [
        *itertools.product(["adamw-amsgrad", "dampening", "adagrad-begun"], [None, "bfloat16"]),
        ("asgd", None),  # whose state has weights in it
    ],
)
def test_going_on_from_a_file_has_the_bits_of_never_having_stopped(
    name: str, state_dtype: Any, dtype: str, torch: Any
) -> None:
    case = CASES[name]
    options = case.options | {"clip_norm": 1.0}
    if case.kind != "ASGD":
        options["ema"] = 0.9
    kind = getattr(fl.torch, case.kind)

    def made(params: Any) -> Any:
        return kind(params, lr=0.1, state_dtype=state_dtype and torch.bfloat16, **options)

    through, stopped = parameters(torch, dtype), parameters(torch, dtype)
    first, second = made(through), made(stopped)
    for t in range(10):
        if t == 5:
            file = io.BytesIO()
            torch.save(second.state_dict(), file)
            file.seek(0)
            second = made(stopped)
            second.load_state_dict(torch.load(file, weights_only=True))
        for params, optimizer in ((through, first), (stopped, second)):
            give_gradients(torch, params, t)
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(through, stopped, strict=True))
    averaged = zip(first.averaged(through), second.averaged(stopped), strict=True)
    assert all(torch.equal(a, b) for a, b in averaged)


def test_copies_and_pickles_step_on_their_own(torch: Any) -> None:
    params = parameters(torch, "float32")
    optimizer = fl.torch.AdamW(params, lr=0.1, clip_norm=1.0, ema=0.9)
    for t in range(3):
        give_gradients(torch, params, t)
        optimizer.step()
    twins = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    give_gradients(torch, params, 9)
    optimizer.step()
    for twin in twins:
        held = twin.param_groups[0]["params"]
        assert not same_bits(held[:1], params[:1])
        give_gradients(torch, held, 9)
        twin.step()
        assert same_bits(held, params)
        assert same_bits(twin.averaged(held), optimizer.averaged(params))


@pytest.mark.parametrize("name", ["adamw", "momentum", "rprop"])
def test_any_number_of_threads_gives_the_same_bits(name: str, torch: Any) -> None:
    results = []
    before = fl.get_num_threads()
    try:
        for threads in (1, 2, 3):
            fl.set_num_threads(threads)
            params = parameters(torch, "float32", shapes=[(300_000,), (7,), (1000, 70)])
            optimizer = ours(torch, name, params)
            for t in range(3):
                give_gradients(torch, params, t)
                optimizer.step()
            results.append(params)
    finally:
        fl.set_num_threads(before)
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])


def test_hooks_are_called_and_nothing_happens_without_gradients(torch: Any) -> None:
    params = parameters(torch, "float32")
    before = [w.detach().clone() for w in params]
    optimizer = fl.torch.AdamW(params)
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    optimizer.step()
    assert calls == ["after"]
    assert same_bits(params, before)
    assert not optimizer.state


def test_a_step_that_is_left_out_leaves_nothing_behind(torch: Any) -> None:
    first, second = parameters(torch, "float32"), parameters(torch, "float32")
    options: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}
    guarded = fl.torch.SGD(first, skip_nonfinite=True, **options)
    give_gradients(torch, first, 0)
    first[4].grad[0, 0, 0] = float("inf")
    guarded.step()
    assert guarded.skipped == 1
    assert not guarded.state
    assert same_bits(first, second)
    plain = fl.torch.SGD(second, **options)
    for t in range(2):
        for params, optimizer in ((first, guarded), (second, plain)):
            give_gradients(torch, params, t)
            optimizer.step()
    assert same_bits(first, second)


# What is refused.


def test_tensors_that_cannot_be_stepped_are_refused(torch: Any) -> None:
    on_meta = torch.zeros(3, device="meta", requires_grad=True)
    with pytest.raises(ValueError, match=r"tensors of the CPU, got one of \(3,\) on meta; use"):
        fl.torch.AdamW([on_meta])
    with pytest.raises(TypeError, match=r"float64, got torch.complex64"):
        fl.torch.AdamW([torch.zeros(3, dtype=torch.complex64, requires_grad=True)])
    optimizer = fl.torch.AdamW(parameters(torch, "float32"))
    with pytest.raises(ValueError, match=r"tensors of the CPU"):
        optimizer.add_param_group({"params": [on_meta]})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", ["foreach", "fused", "capturable", "differentiable"])
def test_ways_of_torch_are_refused(name: str, torch: Any) -> None:
    options: dict[str, Any] = {name: True}
    with pytest.raises(ValueError, match=rf"{name} must be left out, as the core makes the steps"):
        fl.torch.AdamW(parameters(torch, "float32"), **options)


def test_settings_that_do_not_fit_are_refused(torch: Any) -> None:
    params = parameters(torch, "float32")
    with pytest.raises(ValueError, match=r"clip_norm must be a positive finite number or None"):
        fl.torch.AdamW(params, clip_norm=0.0)
    with pytest.raises(ValueError, match=r"state_dtype must be torch.bfloat16 or None, got"):
        fl.torch.AdamW(params, state_dtype=torch.float16)
    with pytest.raises(ValueError, match=r"state_dtype must be None with ASGD"):
        fl.torch.ASGD(params, state_dtype=torch.bfloat16)
    with pytest.raises(ValueError, match=r"ema must be a number in \(0, 1\) for averages"):
        fl.torch.AdamW(params).averaged(params)
    with pytest.raises(ValueError, match=r"lr must be a finite number >= 0, got -1.0"):
        fl.torch.Lion(params, lr=-1.0)
    with pytest.raises(ValueError, match=r"betas\[0\] must be a number in \[0, 1\), got 2.0"):
        fl.torch.Lion(params, betas=(2.0, 0.9))
    with pytest.raises(ValueError, match=r"fused must be left out, as the core makes the steps"):
        fl.torch.AdamW([{"params": params, "fused": True}])
    with pytest.raises(TypeError, match=r"CoreOptimizer must be given a rule; use AdamW"):
        fl.torch.CoreOptimizer(params)


def test_a_state_of_another_shape_is_refused(torch: Any) -> None:
    params = parameters(torch, "float32")
    optimizer = fl.torch.AdamW(params)
    give_gradients(torch, params, 0)
    optimizer.step()
    optimizer.state[params[0]]["exp_avg"] = torch.zeros(3)
    before = [w.detach().clone() for w in params]
    with pytest.raises(ValueError, match=r"state must have the shape of their parameter, \(5,\); "):
        optimizer.step()
    assert same_bits(params, before)
