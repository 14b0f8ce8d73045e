"""Sparse logistic regression against scikit-learn and jax, as ratios of one interleaved run.

Run by hand: ``python benchmarks/peers_csr.py [rows]``; needs scikit-learn and scipy, and takes jax
along where it is installed. All on one thread, 75 elements a row by Zipf's law, float32, rows in
stored order. scikit-learn makes one-example steps, whatever fallline's batch; jax scans over
mini-batches of 64 rows, gathering and scattering with int32 columns.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
os.environ.update(ONE_THREAD)

import numpy as np  # noqa: E402

from fallline.bench.sparse import CsrCoreLoop, make_sparse_problem  # noqa: E402
from fallline.bench.timing import best_times  # noqa: E402

ELEMENTS, RATE, ROUNDS = 75, 0.1, 7


def sklearn_epoch(values: Any, columns: Any, y: Any, d: int) -> Callable[[], object]:
    """One epoch of SGDClassifier without penalty."""
    from scipy import sparse
    from sklearn.linear_model import SGDClassifier

    indptr = np.arange(0, values.size + 1, ELEMENTS, dtype=np.int32)
    X = sparse.csr_matrix((values.ravel(), columns.ravel(), indptr), shape=(len(y), d))
    model = SGDClassifier(
        loss="log_loss", penalty=None, shuffle=False, learning_rate="constant", eta0=RATE
    )
    return lambda: model.partial_fit(X, y, classes=[-1.0, 1.0])


def jax_epoch(values: Any, columns: Any, y: Any, d: int) -> Callable[[], object]:
    """One epoch as a jitted scan over mini-batches of 64 rows, weights updated in place."""
    import jax
    from jax import numpy as jnp

    n = len(y) // 64
    shape = (n, 64, ELEMENTS)
    batches = (
        jnp.asarray(values[: n * 64].reshape(shape)),
        jnp.asarray(columns[: n * 64].reshape(shape)),
        jnp.asarray(y[: n * 64].reshape(n, 64)),
    )

    def step(state: Any, batch: Any) -> Any:
        w, b = state
        x, j, t = batch
        margins = (x * w[j]).sum(axis=1) + b
        residuals = -t * jax.nn.sigmoid(-t * margins) * (RATE / 64)
        return (w.at[j].add(-residuals[:, None] * x), b - residuals.sum()), None

    run = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches)[0], donate_argnums=0)
    state = [run((jnp.zeros(d, jnp.float32), jnp.float32(0)), batches)]

    def epoch() -> None:
        state[0] = jax.block_until_ready(run(state[0], batches))

    return epoch


def main() -> None:
    """Print nanoseconds per element, and the ratios to the peers."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    for d in (50_000, 1_000_000):
        problem = make_sparse_problem(n, d, ELEMENTS)
        epochs: dict[str, Callable[[], object]] = {
            f"fallline batch {size}{order}": CsrCoreLoop(
                *problem, d, learning_rate=RATE, batch_size=size, shuffle=shuffle
            ).epoch
            for shuffle, order in (("none", ""), ("blocks", " in blocks"), ("rows", " shuffled"))
            for size in (1, 64)
        }
        for rule, parameters in (
            ("momentum", (0.9,)),
            ("adagrad", (1e-10, 0.0)),
            ("ftrl", (1.0, 0.0, 0.0)),
            ("adam", (0.9, 0.999, 1e-8)),
        ):
            loop = CsrCoreLoop(
                *problem, d, learning_rate=RATE, batch_size=64, rule=rule, parameters=parameters
            )
            epochs[f"fallline {rule} 64"] = loop.epoch
        for name, peer in (("scikit-learn", sklearn_epoch), ("jax batch 64", jax_epoch)):
            try:
                epochs[name] = peer(*problem, d)
            except ImportError as error:
                sys.stdout.write(f"without {name}: {error}\n")
        # Process time, as jax works on threads of its own.
        seconds = best_times(*epochs.values(), rounds=ROUNDS, clock=time.process_time)
        for name, best in zip(epochs, seconds, strict=True):
            ratios = [
                f"{peer} / this = {seconds[list(epochs).index(peer)] / best:.2f}"
                for peer in ("scikit-learn", "jax batch 64")
                if peer in epochs
            ]
            figure = f"{best / n / ELEMENTS * 1e9:6.2f} ns per element"
            sys.stdout.write(f"d={d} {name:28} {figure}  {'  '.join(ratios)}\n")


if __name__ == "__main__":
    main()
