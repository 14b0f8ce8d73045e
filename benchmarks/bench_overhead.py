"""What does not depend on the data: the import, and a fit so small that Python is most of it."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import fallline as fl
from fallline.bench.numpy_loop import NumpyLoop
from fallline.bench.problems import make_problem


@pytest.mark.parametrize("module", ["fallline", "numpy"])
def test_import(module: str, benchmark: BenchmarkFixture) -> None:
    """The difference of the two is what fallline adds."""
    benchmark.group = "import"
    command = [sys.executable, "-c", f"import {module}"]
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=25)


@pytest.mark.parametrize("contestant", ["fallline", "numpy"])
def test_fit_of_100_rows(contestant: str, benchmark: BenchmarkFixture) -> None:
    """20 epochs of logistic regression on 100 x 5, through Trainer."""
    benchmark.group = "fit-logistic-f64-100x5"
    X, y = make_problem("logistic", 100, 5, "float64")
    trainer = fl.Trainer(fl.losses.Logistic(), optimizer=fl.optim.SGD(0.1), shuffle=False)

    def fit_fallline() -> np.ndarray:
        with warnings.catch_warnings(action="ignore"):  # 20 epochs are not enough to converge
            return trainer.fit(X, y).coef

    def fit_numpy() -> np.ndarray:
        loop = NumpyLoop(X, y, loss="logistic", learning_rate=0.1, batch_size=64)
        for _ in range(20):
            loop.epoch()
        return loop.coef

    np.testing.assert_allclose(fit_fallline(), fit_numpy(), rtol=1e-9)
    benchmark(fit_fallline if contestant == "fallline" else fit_numpy)
