"""The number of threads is the user's to limit, and fits in several threads do not meet."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fallline as fl
from fallline import _core
from fallline.fit import Fit

pytestmark = pytest.mark.skipif(
    _core.build_info()["openmp"] == "no", reason="this build has no OpenMP, hence one thread"
)


def train(seed: int) -> Fit:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20_000, 30), dtype=np.float32)
    y = X[:, 0] + rng.standard_normal(20_000) > 0
    trainer = fl.Trainer(fl.losses.Logistic(), optimizer=fl.optim.SGD(0.1), batch_size=4096)
    return trainer.fit(X, y)


@pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
def test_fits_in_two_threads_at_once_have_the_bits_of_one_after_the_other() -> None:
    fl.set_num_threads(2)
    alone = [train(seed) for seed in range(6)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(train, range(6)))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.coef, other.coef)
        assert one.intercept == other.intercept


def test_other_threads_run_while_the_core_computes() -> None:
    X, w = np.ones((400_000, 50)), np.zeros(50)
    y, done, counted = np.zeros(len(X)), threading.Event(), 0

    def compute() -> None:
        _core.loss_gradient(X, y, None, "squared", w, 0.0)
        done.set()

    worker = threading.Thread(target=compute)
    worker.start()
    while not done.is_set():
        counted += 1
    worker.join()
    # With the interpreter's lock held there would be a handful, before it starts and after.
    assert counted > 1000


def threads_in_a_process(**environment: str) -> int:
    code = "import fallline as fl; print(fl.get_num_threads())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout.split()[-1])


@pytest.mark.parametrize("n", [1, 3])
def test_omp_num_threads_is_the_number_of_threads(n: int) -> None:
    assert threads_in_a_process(OMP_NUM_THREADS=str(n)) == n


def test_threadpoolctl_limits_the_core() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    code = (
        "import threadpoolctl, fallline as fl\n"
        "with threadpoolctl.threadpool_limits(1): print(fl.get_num_threads())"
    )
    assert threadpoolctl  # installed, then, for the process too
    environment = {**os.environ, "OMP_NUM_THREADS": "3"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split()[-1] == "1"


def test_workers_of_joblib_share_the_processors() -> None:
    joblib = pytest.importorskip("joblib")
    n_workers = 2
    found = joblib.Parallel(n_workers)(joblib.delayed(_core.get_num_threads)() for _ in range(4))
    assert set(found) == {max((os.cpu_count() or 1) // n_workers, 1)}
