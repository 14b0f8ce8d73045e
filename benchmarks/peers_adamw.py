"""AdamW over arrays against torch.optim and DeepSpeed, and with what is done besides.

Run by hand: ``python benchmarks/peers_adamw.py [100M]``; OMP_NUM_THREADS is how many threads all
get. The contestants take turns, and each time is the best of the rounds. "all" is clipping to a
norm, an exponential moving average of the weights and leaving out steps that are not finite: here
in the step; there `clip_grad_norm_` with ``error_if_nonfinite``, and `_foreach_lerp_`. DeepSpeed
takes part where it is installed.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DS_ACCELERATOR", "cpu")  # it warns of having no other one

import numpy as np
import torch

import fallline as fl
from fallline.bench.timing import best_times

SETTINGS = {"weight_decay": 0.01}
ROUNDS = 7  # of ten million; of fewer, which are over in microseconds, more


def contest(n: int) -> dict[str, Callable[[], object]]:
    """Steps over n float32 weights."""
    rng = np.random.default_rng(0)
    g = rng.standard_normal(n, np.float32)

    def ours(**options: object) -> Callable[[], object]:
        w = np.ones(n, np.float32)
        return fl.optim.AdamW(1e-3, **SETTINGS, **options).bind(w, g).step  # type: ignore[arg-type]

    def tensor() -> torch.Tensor:
        w = torch.ones(n, requires_grad=True)
        w.grad = torch.from_numpy(g)
        return w

    def theirs(w: torch.Tensor, **options: bool) -> Callable[[], object]:
        return torch.optim.AdamW([w], 1e-3, **SETTINGS, **options).step  # type: ignore[arg-type]

    w, average = tensor(), torch.ones(n)
    fused = theirs(w, fused=True)

    def fused_and_all() -> None:
        torch.nn.utils.clip_grad_norm_([w], 1e6, error_if_nonfinite=True)
        fused()
        torch._foreach_lerp_([average], [w.detach()], 1e-3)

    steps: dict[str, Callable[[], object]] = {
        "fallline": ours(),
        "torch fused": theirs(tensor(), fused=True),
    }
    if importlib.util.find_spec("deepspeed"):
        from deepspeed.ops.adam import DeepSpeedCPUAdam

        steps["DeepSpeed"] = DeepSpeedCPUAdam([tensor()], 1e-3, **SETTINGS).step
    if n <= 10_000_000:  # more would not fit the memory of small machines
        steps |= {
            "torch foreach": theirs(tensor(), foreach=True),
            "fallline, all": ours(clip_norm=1e6, ema=0.999, skip_nonfinite=True),
            "torch fused, all": fused_and_all,
            "fallline, bfloat16 state": ours(state_dtype="bfloat16"),
        }
    return steps


def models() -> dict[str, list[tuple[int, ...]]]:
    """Shapes of the parameters of small and middling nets."""
    dense = [(256, 784), (256,), (256, 256), (256,), (10, 256), (10,)]
    convolutions = [(64, 64, 3, 3)] * 50 + [(64,)] * 100
    return {"100 of 50": [(50,)] * 100, "784-256-256-10": dense, "50 convolutions": convolutions}


def contest_of_models(shapes: list[tuple[int, ...]]) -> dict[str, Callable[[], object]]:
    """Steps over tensors of these shapes, by optimizers of torch and those that are ours."""

    def step_of(make: object, **options: bool) -> Callable[[], object]:
        params = [torch.ones(shape, requires_grad=True) for shape in shapes]
        for w in params:
            w.grad = torch.ones(w.shape)
        return make(params, 1e-3, **SETTINGS, **options).step  # type: ignore[operator,no-any-return]

    return {
        "fallline.torch": step_of(fl.torch.AdamW),
        "torch fused": step_of(torch.optim.AdamW, fused=True),
        "torch foreach": step_of(torch.optim.AdamW, foreach=True),
    }


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    threads = int(os.environ["OMP_NUM_THREADS"])
    torch.set_num_threads(threads)
    fl.set_num_threads(threads)
    clock = time.thread_time if threads == 1 else time.perf_counter
    sizes = [100_000, 10_000_000] + [100_000_000] * ("100M" in sys.argv[1:])
    for n in sizes:
        steps = contest(n)
        rounds = max(ROUNDS, 5_000_000 // n)
        times = dict(
            zip(steps, best_times(*steps.values(), rounds=rounds, clock=clock), strict=True)
        )
        say(f"{n:,} weights, {threads} threads, ns each")
        for name, seconds in times.items():
            ratio = seconds / times["fallline, all" if "all" in name.split(", ") else "fallline"]
            say(f"  {name:26} {1e9 * seconds / n:7.3f}   {ratio:5.2f} times ours")
    for name, shapes in models().items():
        steps = contest_of_models(shapes)
        times = dict(
            zip(
                steps,
                best_times(*steps.values(), rounds=ROUNDS, calls=20, clock=clock),
                strict=True,
            )
        )
        say(f"tensors: {name}, {threads} threads, us")
        for contestant, seconds in times.items():
            ratio = seconds / times["fallline.torch"]
            say(f"  {contestant:26} {1e6 * seconds:7.1f}   {ratio:5.2f} times ours")
    few = np.ones(10, np.float32)
    bound = fl.optim.AdamW(1e-3).bind(few, few.copy())
    hundred = [np.ones(50, np.float32) for _ in range(100)]
    many = fl.optim.AdamW(1e-3).bind(hundred, [array.copy() for array in hundred])
    one, all_of_them = best_times(bound.step, many.step, rounds=ROUNDS, calls=2000)
    say(f"a bound array of 10: {1e6 * one:.2f} us; 100 of 50: {1e6 * all_of_them:.2f} us")


if __name__ == "__main__":
    main()
