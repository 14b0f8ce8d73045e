"""The table of docs/performance.md: what fallline is measured against, row by row.

Run by hand: ``python benchmarks/table.py [section ...]``; sections are the keys of `SECTIONS`, all
by default. Every ratio is the best of interleaved rounds of CPU time in one process, on one thread
where nothing else is said. jax is taken along where it is installed; against scikit-learn measure
peers_sgd.py and peers_csr.py.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.update(
    dict.fromkeys(
        ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"], "1"
    )
    | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
)

import numpy as np

from fallline import _core, optim
from fallline.bench.core_loop import CoreLoop
from fallline.bench.heads import CoreHeads, NumpyHeads
from fallline.bench.numpy_loop import NumpyLoop
from fallline.bench.problems import make_problem
from fallline.bench.roofline import measure_fma_peak
from fallline.bench.timing import best_times, threads

BYTES, RATE, ROUNDS = 256_000_000, 1e-3, 7


def problem(d: int, dtype: str = "float32") -> tuple[Any, Any]:
    return make_problem("logistic", BYTES // (d * np.dtype(dtype).itemsize), d, dtype)


def epoch(X: Any, y: Any, *, shuffle: str = "none") -> Callable[[], object]:
    loop = CoreLoop(X, y, loss="logistic", learning_rate=RATE, batch_size=64, shuffle=shuffle)
    return loop.epoch


def numpy_epoch(X: Any, y: Any) -> Callable[[], object]:
    return NumpyLoop(X, y, loss="logistic", learning_rate=RATE, batch_size=64).epoch


def epochs() -> Iterator[str]:
    """Epochs in stored and shuffled order, against the read bandwidth and the NumPy loop."""
    for dtype, features in (("float32", (10, 30, 100, 784, 2000)), ("float64", (30, 100, 784))):
        for d in features:
            X, y = problem(d, dtype)
            flat = X.reshape(-1)
            read, ours, shuffled, numpy = best_times(
                lambda flat=flat: _core.read_sum(flat),
                epoch(X, y),
                epoch(X, y, shuffle="blocks"),
                numpy_epoch(X, y),
                rounds=ROUNDS,
            )
            yield (
                f"{dtype} d={d}: {ours / len(y) * 1e9:.1f} ns/row, {read / ours:.0%} of the read "
                f"bandwidth ({X.nbytes / read / 1e9:.0f} GB/s), {numpy / ours:.1f} x NumPy; "
                f"shuffled {shuffled / ours:.2f} times as long"
            )


def jax_scan() -> Iterator[str]:
    """Batch 64 on 1,000,000 x 100 against a jitted scan, in process time as jax has threads."""
    import jax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    for dtype in ("float32", "float64"):
        X, y = make_problem("logistic", 1_000_000, 100, dtype)
        batches = jnp.asarray(X.reshape(-1, 64, 100)), jnp.asarray(y.reshape(-1, 64))

        def step(state: Any, batch: Any) -> Any:
            (w, b), (x, t) = state, batch
            residuals = -t * jax.nn.sigmoid(-t * (x @ w + b)) * (RATE / 64)
            return (w - residuals @ x, b - residuals.sum()), None

        scan = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches)[0])
        start = jnp.zeros(100, dtype), jnp.zeros((), dtype)
        run = lambda: jax.block_until_ready(scan(start, batches))  # noqa: B023, E731
        run()
        ours, theirs = best_times(epoch(X, y), run, rounds=ROUNDS, clock=time.process_time)
        yield f"{dtype} 1M x 100: {theirs / ours:.1f} x jax"


def shuffled() -> Iterator[str]:
    """A shuffled epoch of 1,000,000 x 100 against NumPy in two random orders."""
    X, y = make_problem("logistic", 1_000_000, 100)
    rng = np.random.default_rng(0)
    blocks = np.concatenate(
        [rng.permutation(np.arange(k, min(k + 320, len(y)))) for k in 320 * rng.permutation(3125)]
    )

    def numpy_in(order: Any) -> Callable[[], object]:
        coef, state = np.zeros(100, np.float32), [0.0]

        def run() -> None:
            for k in range(0, len(order), 64):
                rows, t = X[order[k : k + 64]], y[order[k : k + 64]]
                residuals = t / (1 + np.exp(t * (rows @ coef + state[0]))) * (RATE / len(t))
                coef[:] += residuals @ rows
                state[0] += float(residuals.sum())

        return run

    ours, of_blocks, of_rows = best_times(
        epoch(X, y, shuffle="blocks"), numpy_in(blocks), numpy_in(rng.permutation(len(y))), rounds=3
    )
    yield f"{of_blocks / ours:.1f} x NumPy on random blocks"
    yield f"{of_rows / ours:.1f} x NumPy on a permutation"


def full_batch() -> Iterator[str]:
    """Loss and gradient of 1,000,000 x 100, on one thread and on two, by the wall clock."""
    X, y = make_problem("logistic", 1_000_000, 100)
    w, flat = np.zeros(100, np.float32), X.reshape(-1)
    for n in (1, 2):
        with threads(n):
            read, ours = best_times(
                lambda: _core.read_sum(flat),
                lambda: _core.loss_gradient(X, y, None, "logistic", w, 0.0),
                rounds=3 * ROUNDS,
                clock=time.perf_counter if n > 1 else time.thread_time,
            )
        speed = f"{X.nbytes / read / 1e9:.0f} GB/s"
        yield f"threads={n}: {read / ours:.0%} of the read bandwidth ({speed})"


def heads() -> Iterator[str]:
    """Sixteen candidates in one pass against one, and softmax of ten classes against NumPy."""
    for d in (10, 30, 100, 784):
        X, y = problem(d)
        many = CoreHeads(
            X, y, loss="logistic", learning_rates=np.full(16, RATE), batch_size=64
        ).epoch
        one, sixteen = best_times(epoch(X, y), many, rounds=ROUNDS)
        peak = measure_fma_peak(np.dtype(np.float32)) * 1e9
        yield (
            f"K=16 d={d}: {sixteen / one:.1f} times one candidate, "
            f"{4 * 16 * d * len(y) / sixteen / peak:.0%} of the FMA peak"
        )
    X, _ = make_problem("squared", 60_000, 784)
    y = np.random.default_rng(0).integers(0, 10, 60_000).astype(np.float32)
    for size in (64, 256):
        pair = [
            kind(X, y, loss="softmax", learning_rates=np.full(10, RATE), batch_size=size).epoch
            for kind in (CoreHeads, NumpyHeads)
        ]
        ours, numpy = best_times(*pair, rounds=ROUNDS)
        peak = measure_fma_peak(np.dtype(np.float32)) * 1e9
        yield (
            f"softmax batch {size}: {numpy / ours:.2f} x NumPy, "
            f"{4 * 10 * 784 * len(y) / ours / peak:.0%} of the FMA peak"
        )


def steps() -> Iterator[str]:
    """A step of AdamW against memory read four times and written three times in place."""
    for n in (10_000_000, 100_000_000):
        w, a, b, g = (np.full(n, 1e-3, np.float32) for _ in range(4))
        adamw = optim.AdamW(1e-3)
        adamw.step(w, g)
        ours, floor = best_times(
            lambda w=w, g=g, adamw=adamw: adamw.step(w, g),
            lambda w=w, a=a, b=b, g=g: _core.in_place(w, a, b, g),
            rounds=ROUNDS,
        )
        speed = f"{28 * n / floor / 1e9:.0f} GB/s"
        yield f"AdamW {n:,}: {floor / ours:.0%} of the in-place bandwidth ({speed})"


def sources() -> Iterator[str]:
    """Images of bytes and column-major rows against float32 side by side."""
    X, y = problem(784)
    narrow = (np.abs(X) * 50).astype(np.uint8)
    ours, plain = best_times(epoch(narrow, y), epoch(X, y), rounds=ROUNDS)
    yield f"uint8 d=784: {plain / ours:.2f} x the speed of float32"
    X, y = make_problem("logistic", 1_000_000, 32)
    ours, plain = best_times(epoch(np.asfortranarray(X), y), epoch(X, y), rounds=ROUNDS)
    yield f"column-major 1M x 32: {plain / ours:.2f} x the speed of row-major"


def gram() -> Iterator[str]:
    """Hessians of a second-order step, with all that the pass does besides, against NumPy's."""
    for d in (10, 50, 100, 500):
        n = min(100_000, 2_000_000_000 // d**2)
        X, y = problem(d, "float64")
        X, y, (zeros, ones) = X[:n], y[:n], (np.zeros(d), np.ones(d))
        weights = np.random.default_rng(0).random(n)
        arguments = (X, y, weights, "squared", zeros, zeros, ones, False)
        whole, first_order, numpy = best_times(
            lambda a=arguments, n=n: _core.newton_pass(*a, hessian_rows=(0, n)),
            lambda a=arguments: _core.newton_pass(*a),
            lambda X=X, weights=weights: X.T @ (weights[:, np.newaxis] * X),
            rounds=ROUNDS,
        )
        # Of the triangle, which is half of what NumPy computes.
        rate = n * d * (d + 1) / (measure_fma_peak(np.dtype(np.float64)) * 1e9)
        yield (
            f"d={d}: {rate / whole:.0%} of the FMA peak, {rate / (whole - first_order):.0%} "
            f"without the time of a pass for the gradient alone; {numpy / whole:.2f} x NumPy"
        )


def factor() -> Iterator[str]:
    """Cholesky of D x D and the triangular factor of 1024 x D against numpy.linalg."""
    for d in (10, 100, 500, 1500):
        X = np.random.default_rng(0).standard_normal((1024, d))
        A, R = X.T @ X + d * np.eye(d), np.zeros((d, d))
        pairs = {
            "Cholesky": (lambda A=A: _core.cholesky(A), lambda A=A: np.linalg.cholesky(A)),
            "QR": (
                lambda R=R, X=X: _core.qr_update(R, X),
                lambda X=X: np.linalg.qr(X, mode="r"),
            ),
        }
        operations = {"Cholesky": d**3 / 3, "QR": 2 * len(X) * d**2}
        for name, pair in pairs.items():
            ours, numpy = best_times(*pair, rounds=ROUNDS, calls=1 + 10_000 // d**2)
            peak = measure_fma_peak(np.dtype(np.float64)) * 1e9
            yield (
                f"{name} D={d}: {ours * 1e6:.1f} us, {operations[name] / ours / peak:.0%} "
                f"of the FMA peak, {numpy / ours:.2f} x NumPy"
            )


SECTIONS = {
    section.__name__: section
    for section in [epochs, jax_scan, shuffled, full_batch, heads, steps, sources, gram, factor]
}


def main() -> None:
    """Print the sections asked for, each line as soon as it is measured."""
    build = _core.build_info()
    sys.stdout.write(f"{_core.get_target()}, {build['compiler']}, NumPy {np.__version__}\n")
    for name in sys.argv[1:] or SECTIONS:
        sys.stdout.write(f"\n{name}: {SECTIONS[name].__doc__}\n")
        with threads(1):
            try:
                for line in SECTIONS[name]():
                    sys.stdout.write(f"  {line}\n")
                    sys.stdout.flush()
            except ImportError as error:
                sys.stdout.write(f"  not measured: {error}\n")


if __name__ == "__main__":
    main()
