"""What happens to tensors between and during steps: no step may read or write what is gone."""

import inspect
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline import _core
from test_torch import give_gradients, parameters, same_bits


@pytest.mark.parametrize("n", [2, 12])
def test_weights_of_another_size_at_the_same_place_are_seen(n: int, torch: Any) -> None:
    held = torch.ones(12)
    results = []
    for make in (fl.torch.SGD, torch.optim.SGD):
        w = torch.nn.Parameter(held.clone()[:8])
        optimizer = make([w], lr=1.0)
        w.grad = torch.ones(8)
        optimizer.step()
        w.data = w.data[:n] if n < 8 else held.clone()
        w.grad = None
        w.grad = torch.full((n,), 0.25)
        optimizer.step()
        results.append(w.detach())
    assert torch.equal(*results)


def test_weights_of_another_dtype_are_seen(torch: Any) -> None:
    w = torch.nn.Parameter(torch.ones(100_000, dtype=torch.float32))
    optimizer = fl.torch.AdamW([w], lr=0.5, weight_decay=0.0)
    for dtype in (torch.float32, torch.float64, torch.float16):
        w.grad = None
        w.data = w.data.to(dtype)
        w.grad = torch.ones(100_000, dtype=dtype)
        optimizer.step()
    # Adam's steps of equal gradients have the length of the rate.
    np.testing.assert_allclose(w.detach().numpy(), -0.5, atol=1e-3)


def test_a_state_of_another_size_is_refused_where_it_lay(torch: Any) -> None:
    w = torch.nn.Parameter(torch.ones(8))
    optimizer = fl.torch.Adam([w])
    w.grad = torch.ones(8)
    optimizer.step()
    slot = optimizer.state[w]["exp_avg"]
    slot.data = slot.data[:2]
    with pytest.raises(ValueError, match=r"state must have the shape of their parameter"):
        optimizer.step()


def test_a_gradient_may_be_dropped_while_it_is_stepped(
    monkeypatch: pytest.MonkeyPatch, torch: Any
) -> None:
    w = torch.nn.Parameter(torch.ones(4_000_000, dtype=torch.float32))
    optimizer = fl.torch.SGD([w], lr=1.0)
    step = _core.step_tensors

    def dropping(*arguments: Any, **options: Any) -> bool:
        optimizer.zero_grad()  # as another thread may, now that the core has the addresses
        return step(*arguments, **options)

    monkeypatch.setattr(_core, "step_tensors", dropping)
    for _ in range(5):
        w.grad = torch.ones_like(w)
        optimizer.step()
    assert torch.equal(w.detach(), torch.full_like(w, -4.0))


def test_autograd_is_told_that_weights_have_changed(torch: Any) -> None:
    layer = torch.nn.Linear(3, 3)
    optimizer = fl.torch.SGD(layer.parameters(), lr=0.1)
    x = torch.ones(2, 3, requires_grad=True)
    first, second = (layer(layer(x)).square().mean() for _ in range(2))
    first.backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation"):
        second.backward()


def test_a_gradient_with_a_lazy_sign_has_it(torch: Any) -> None:
    w = torch.nn.Parameter(torch.ones(1))
    optimizer = fl.torch.SGD([w], lr=1.0)
    for _ in range(2):
        w.grad = None
        z = torch.complex(torch.ones(1), w)
        (z.conj() * torch.tensor([2 + 3j])).real.sum().backward()
        assert w.grad is not None
        expected = (w - w.grad.resolve_neg()).detach()
        optimizer.step()
        assert torch.equal(w.detach(), expected)


def test_a_tensor_that_is_there_twice_is_refused(torch: Any) -> None:
    w = torch.nn.Parameter(torch.ones(3))
    with (
        pytest.warns(UserWarning, match=r"duplicate parameters"),
        pytest.raises(ValueError, match=r"params must have each tensor once, got one of them"),
    ):
        fl.torch.Adam([w, w])


@pytest.mark.parametrize(
    ("kind", "options"),
    [("NAdam", {}), ("Adam", {}), ("SGD", {"momentum": 0.9}), ("RMSprop", {"momentum": 0.9})],
)
@pytest.mark.parametrize("schedule", ["OneCycleLR", "CyclicLR", "SequentialLR"])
def test_schedules_that_turn_other_settings_too_have_the_steps_of_torch(
    schedule: str, kind: str, options: dict[str, Any], torch: Any
) -> None:
    of = torch.optim.lr_scheduler
    make: Any = {
        "OneCycleLR": lambda o: of.OneCycleLR(o, max_lr=0.1, total_steps=60),
        "CyclicLR": lambda o: of.CyclicLR(o, 0.01, 0.1, step_size_up=7),
        "SequentialLR": lambda o: of.SequentialLR(
            o, [of.LinearLR(o, 0.1, total_iters=9), of.CosineAnnealingLR(o, 50)], [9]
        ),
    }[schedule]
    first, second = parameters(torch, "float64"), parameters(torch, "float64")
    optimizers = [
        (getattr(room, kind)(params, lr=0.05, **options), params)
        for room, params in ((fl.torch, first), (torch.optim, second))
    ]
    schedulers = [make(optimizer) for optimizer, _ in optimizers]
    for t in range(60):
        for (optimizer, params), scheduler in zip(optimizers, schedulers, strict=True):
            give_gradients(torch, params, t)
            optimizer.step()
            if t < 59:
                scheduler.step()
    for w, v in zip(first, second, strict=True):
        np.testing.assert_allclose(w.detach(), v.detach(), rtol=1e-12, atol=1e-12)


def test_the_norm_is_that_of_all_groups_whatever_their_rules(torch: Any) -> None:
    first, second = parameters(torch, "float64"), parameters(torch, "float64")
    groups = [
        [{"params": params[:2], "amsgrad": True}, {"params": params[2:], "maximize": True}]
        for params in (first, second)
    ]
    core = fl.torch.AdamW(groups[0], lr=0.1, clip_norm=0.5, skip_nonfinite=True)
    other = torch.optim.AdamW(groups[1], lr=0.1)
    for t in range(10):
        give_gradients(torch, first, t)
        give_gradients(torch, second, t)
        core.step()
        torch.nn.utils.clip_grad_norm_(second, 0.5)
        other.step()
    for w, v in zip(first, second, strict=True):
        np.testing.assert_allclose(w.detach(), v.detach(), rtol=1e-12, atol=1e-12)
    before = [w.detach().clone() for w in first]
    give_gradients(torch, first, 11)
    first[0].grad[0] = float("nan")
    core.step()
    assert core.skipped == 1
    assert same_bits(first, before)


def test_checkpoints_of_older_torch_and_hooks_on_loading_count(torch: Any) -> None:
    params = parameters(torch, "float32")
    optimizer = fl.torch.SGD(params, lr=0.1, momentum=0.9)
    old = optimizer.state_dict()
    old["state"] = {k: {"momentum_buffer": None} for k in range(len(params))}
    optimizer.load_state_dict(old)
    give_gradients(torch, params, 0)
    optimizer.step()
    assert torch.equal(optimizer.state[params[0]]["momentum_buffer"], params[0].grad)

    def zeros(_: Any, state: dict[str, Any]) -> dict[str, Any]:
        buffers = {
            k: {"momentum_buffer": torch.zeros_like(v["momentum_buffer"])}
            for k, v in state["state"].items()
        }
        return state | {"state": buffers}

    optimizer.register_load_state_dict_pre_hook(zeros)
    optimizer.load_state_dict(optimizer.state_dict())
    assert not optimizer.state[params[0]]["momentum_buffer"].any()


def test_a_group_that_comes_later_begins_as_the_first(torch: Any) -> None:
    w, v = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = fl.torch.Adagrad([w], lr=1.0, initial_accumulator_value=3.0)
    optimizer.add_param_group({"params": [v]})
    w.grad, v.grad = torch.ones(3), torch.ones(3)
    optimizer.step()
    assert torch.equal(w, v)


def test_signatures_say_what_torch_takes() -> None:
    pytest.importorskip("torch")
    names = list(inspect.signature(fl.torch.AdamW).parameters)
    assert names[:6] == ["params", "lr", "betas", "eps", "weight_decay", "amsgrad"]
    assert {"maximize", "clip_norm", "ema", "skip_nonfinite", "sparse"} <= set(names)
    assert not {"fused", "foreach", "settings", "named_settings"} & set(names)
    assert "torch" in dir(fl)
