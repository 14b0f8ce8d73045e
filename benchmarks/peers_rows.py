"""Steps of an embedding by gradients of some rows, against torch.optim.SparseAdam.

Run by hand: ``python benchmarks/peers_rows.py``; OMP_NUM_THREADS is how many threads both get. A
table of a million rows of 64 float32, in batches of 4096 rows of which a tenth are there twice, and
of 64 rows; the contestants take turns, and each time is the best of the rounds. "exact" steps all
rows, next to a dense gradient that is zero elsewhere, on 400,000 of them.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import fallline as fl
from fallline.bench.timing import best_times

WIDTH = 64
ROUNDS = 9


def batches(n_rows: int, k: int) -> list[tuple[Any, Any]]:
    """Rows and values of some steps, enough of them to have the rows out of the caches."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(8):
        rows = rng.integers(n_rows, size=k)
        rows[rng.permutation(k)[: k // 10]] = rows[: k // 10]
        found.append((rows, rng.standard_normal((k, WIDTH)).astype(np.float32)))
    return found


def ours(optimizer: fl.optim.Optimizer, w: Any, of: list[tuple[Any, Any]]) -> Callable[[], None]:
    """Steps over the batches in turn, each with a gradient of its own making."""
    turns = itertools.cycle(of)
    return lambda: optimizer.step(w, fl.optim.RowGradient(*next(turns)))


def theirs(w: Any, of: list[tuple[Any, Any]]) -> Callable[[], None]:
    """The same by torch, with gradients that have been made."""
    target = torch.optim.SparseAdam([w], 1e-3)
    grads = [
        torch.sparse_coo_tensor(torch.from_numpy(rows[None]), torch.from_numpy(values), w.shape)
        for rows, values in of
    ]
    turns = itertools.cycle(grads)

    def step() -> None:
        w.grad = next(turns)
        target.step()

    return step


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def lazy(n_rows: int, clock: Callable[[], float]) -> None:
    """Steps that leave out all other rows."""
    w, tensor = np.zeros((n_rows, WIDTH), np.float32), torch.zeros(n_rows, WIDTH)
    tensor.requires_grad_()
    for k in (4096, 64):
        of = batches(n_rows, k)
        named = np.mean([len(np.unique(rows)) for rows, _ in of])
        steps = ours(fl.optim.AdamW(1e-3), w, of), theirs(tensor, of)
        mine, other = best_times(*steps, rounds=ROUNDS, calls=65536 // k, clock=clock)
        say(
            f"{k} of {n_rows:,} rows: {1e6 * mine:.0f} us, {1e9 * mine / named:.0f} ns a row; "
            f"SparseAdam {other / mine:.1f} times"
        )


def exact(n_rows: int, clock: Callable[[], float]) -> None:
    """Steps of all rows."""
    of = batches(n_rows, 4096)
    w, dense_w = (np.zeros((n_rows, WIDTH), np.float32) for _ in range(2))
    g = np.full((n_rows, WIDTH), 1e-3, np.float32)
    steps = (
        ours(fl.optim.AdamW(1e-3, sparse="exact"), w, of),
        fl.optim.AdamW(1e-3).bind(dense_w, g).step,
    )
    mine, dense = best_times(*steps, rounds=ROUNDS, clock=clock)
    say(f"all of {n_rows:,} rows: {1e3 * mine:.1f} ms; a dense gradient {dense / mine:.2f} times")


def main() -> None:
    threads = int(os.environ["OMP_NUM_THREADS"])
    torch.set_num_threads(threads)
    fl.set_num_threads(threads)
    torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]
    clock = time.thread_time if threads == 1 else time.perf_counter
    say(f"{threads} threads")
    lazy(1_000_000, clock)
    exact(400_000, clock)


if __name__ == "__main__":
    main()
