"""What AdamW costs by the weight, and so for a billion: bytes, and time against torch's fused step.

Run by hand: ``python benchmarks/scaling.py [millions ...]``, by default 100 and 500;
OMP_NUM_THREADS is how many threads all get, 2 by default. Contestants take turns on the same
weights, gradients and moments, so that memory holds no more than one of them needs. Sizes that
would take more than 60 % of the free memory are left out.
"""

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "2")

import torch

import fallline as fl
from fallline import _core
from fallline.bench.timing import best_times

ROUNDS = 7
SHARE_OF_MEMORY = 0.6

Step = Callable[[], object]


def made(n: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return weights with gradients."""
    w = torch.full((n,), 0.5, dtype=dtype, requires_grad=True)
    w.grad = torch.full((n,), 1e-3, dtype=dtype)
    return w


def bytes_of(w: torch.Tensor, optimizer: torch.optim.Optimizer) -> float:
    """Return what a weight, its gradient and its state take, in bytes per weight."""
    arrays = [w, w.grad, *optimizer.state[w].values()]
    return sum(x.nbytes for x in arrays if x is not None and x.numel() == w.numel()) / w.numel()


def contest(n: int) -> tuple[dict[str, Step], float]:
    """Steps by fallline and torch over the same memory, the floor of both, and bytes per weight."""
    w = made(n)
    ours = fl.torch.AdamW([w], 1e-3)
    fused = torch.optim.AdamW([w], 1e-3, fused=True)
    ours.step()
    fused.state[w] = {**ours.state[w], "step": torch.tensor(1.0)}
    moments = [ours.state[w][name].numpy() for name in ("exp_avg", "exp_avg_sq")]
    assert w.grad is not None
    arrays = w.detach().numpy(), *moments, w.grad.numpy()
    steps: dict[str, Step] = {
        "fallline": ours.step,
        "torch fused": fused.step,
        "memory, in place": lambda: _core.in_place(*arrays),
    }
    return steps, bytes_of(w, ours)


def variants(n: int) -> dict[str, tuple[float, float]]:
    """Return bytes and seconds per weight of steps that keep more, or less, one after another."""
    found = {}
    for name, dtype, options in (
        ("float32", torch.float32, {}),
        ("float32, ema", torch.float32, {"ema": 0.999}),
        ("float32, bfloat16 state", torch.float32, {"state_dtype": torch.bfloat16}),
        ("bfloat16, float32 state", torch.bfloat16, {}),
        ("all bfloat16", torch.bfloat16, {"state_dtype": torch.bfloat16}),
    ):
        w = made(n, dtype)
        optimizer = fl.torch.AdamW([w], 1e-3, **options)
        optimizer.step()
        [seconds] = best_times(optimizer.step, rounds=ROUNDS, clock=time.perf_counter)
        found[name] = bytes_of(w, optimizer), seconds / n
    return found


def free_bytes() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    threads = int(os.environ["OMP_NUM_THREADS"])
    torch.set_num_threads(threads)
    fl.set_num_threads(threads)
    say(f"AdamW, {_core.get_target()}, threads: {threads}, torch {torch.__version__}")
    for millions in map(int, sys.argv[1:] or ("100", "500")):
        n = millions * 1_000_000
        if 16 * n > SHARE_OF_MEMORY * free_bytes():
            say(f"{millions}M weights: left out, {free_bytes() / 1e9:.0f} GB are free")
            continue
        steps, size = contest(n)
        times = best_times(*steps.values(), rounds=ROUNDS, clock=time.perf_counter)
        say(f"{millions}M float32 weights, {size:.0f} bytes each:")
        for name, seconds in zip(steps, times, strict=True):
            say(
                f"  {name:24} {1e9 * seconds / n:6.3f} ns per weight, {28e-9 * n / seconds:5.1f} "
                f"GB/s, {1e9 * seconds / n:5.2f} s for 1 billion, "
                f"{seconds / times[0]:.2f} times ours"
            )
        del steps
    say("by dtype, 50M weights:")
    for name, (size, seconds) in variants(50_000_000).items():
        say(
            f"  {name:24} {size:3.0f} bytes, {size:3.0f} GB for 1 billion, "
            f"{1e9 * seconds:5.2f} ns or s for 1 billion"
        )


if __name__ == "__main__":
    main()
