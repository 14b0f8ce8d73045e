"""Ctrl-C inside the core: prompt, and the weights are those of the last whole step."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline._run import Run
from fallline.callbacks import Callback
from fallline.typing import FloatArray

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process"),
    pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning"),
]

# Promised are 0.2 s; a loaded machine takes its time.
LIMIT = 2.0

# What the child runs: `work` until it is interrupted, as data for the comparison.
SCRIPT = """
import json, sys, time
import numpy as np
import fallline as fl
from fallline import _core

def matrix(n, d, dtype):
    rows = np.random.default_rng(0).standard_normal((1000, d)).astype(dtype)
    return np.tile(rows, (n // 1000, 1))

def trainer(batch_size):
    return fl.Trainer(
        fl.losses.Squared(), optimizer=fl.optim.SGD(1e-3), batch_size=batch_size, epochs=10**6
    )

def work(kind):
    if kind == "mini-batch":
        X = matrix(100_000, 20, "f4")
        start()
        return trainer(64).fit(X, X.sum(axis=1))
    if kind == "sparse":
        from scipy import sparse
        X = sparse.csr_array(matrix(100_000, 20, "f4"))
        start()
        return trainer(64).fit(X, X.sum(axis=1))
    if kind == "full batch":
        X = matrix(1_000_000, 100, "f4")
        y = X[:, 0].copy()
        start()
        return trainer(None).fit(X, y)
    X = matrix(1_000_000, 50, "f8")
    y = X[:, 0].copy()
    if kind == "estimator":
        fl.LinearRegression().fit(X[:100], y[:100])  # what it imports takes long
    start()
    while kind == "pass":
        _core.loss_gradient(X, y, None, "logistic", np.zeros(50), 0.0)
    while kind == "second-order pass":
        u = np.zeros(50)
        _core.newton_pass(X, y, None, "logistic", u, u, u + 1, False, hessian_rows=(0, len(X)))
    model = fl.LinearRegression()
    while model.fit(X, y).status_ != "interrupted":  # else in a check of the data, where it raises
        pass
    assert np.isfinite(model.coef_).all()
    raise KeyboardInterrupt

def start():
    print("started", flush=True)

try:
    fit = work(sys.argv[1])
except KeyboardInterrupt:
    ended = time.time()
    print(json.dumps({"ended": ended}))
else:
    ended = time.time()
    print(json.dumps({
        "ended": ended, "status": fit.status, "steps": fit.report["steps"],
        "epochs": len(fit.history.get("epoch", [])),
        "coef": fit.coef.tolist(), "intercept": fit.intercept,
    }))
"""


def interrupt(kind: str, tmp_path: Path, after: float) -> dict[str, Any]:
    """Run that kind of work in a process, send SIGINT, and return what it says."""
    script = tmp_path / "work.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-W", "ignore", str(script), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "started\n"
            time.sleep(after)
            assert child.poll() is None, "the work ended before it was interrupted"
            sent = time.time()
            os.kill(child.pid, signal.SIGINT)
            out, _ = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 0
    result: dict[str, Any] = json.loads(out)
    result["latency"] = result["ended"] - sent
    sys.stdout.write(f"{kind}: ended {result['latency']:.3f} s after SIGINT\n")
    return result


class StopAtStep(Callback):
    """End training at a step between two epochs, or within one by an interrupt of its own."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_chunk_end(self, run: Run) -> None:
        if run.step == self.step:
            raise KeyboardInterrupt


def same_steps(kind: str, steps: int) -> fl.Fit:
    """The fit of the child, ended after that many steps."""
    small, large = (100_000, 20, 64), (1_000_000, 100, None)
    n, d, batch_size = large if kind == "full batch" else small
    rows = np.random.default_rng(0).standard_normal((1000, d)).astype("f4")
    X: FloatArray = np.tile(rows, (n // 1000, 1))
    y: FloatArray = X[:, 0].copy() if kind == "full batch" else X.sum(axis=1)
    trainer = fl.Trainer(
        fl.losses.Squared(),
        optimizer=fl.optim.SGD(1e-3),
        batch_size=batch_size,
        epochs=10**6,
        callbacks=[StopAtStep(steps)],
    )
    if kind == "sparse":
        from scipy import sparse

        compressed = sparse.csr_array(X)
        return trainer.fit(compressed, compressed.sum(axis=1))
    return trainer.fit(X, y)


@pytest.mark.parametrize("kind", ["mini-batch", "sparse", "full batch"])
def test_a_fit_keeps_the_weights_of_whole_steps(kind: str, tmp_path: Path) -> None:
    if kind == "sparse":
        pytest.importorskip("scipy")
    result = interrupt(kind, tmp_path, after=1.0)
    assert result["status"] == "interrupted"
    assert result["latency"] < LIMIT
    assert result["steps"] > 0
    steps_per_epoch = 1 if kind == "full batch" else 1563
    # Python may notice after the last step of an epoch, before the epoch is entered.
    assert 0 <= result["steps"] // steps_per_epoch - result["epochs"] <= 1

    again = same_steps(kind, result["steps"])
    assert again.report["steps"] == result["steps"]
    coef = np.array(result["coef"], np.float32)
    assert np.isfinite(coef).all()
    assert coef.any()
    assert (again.coef == coef).all()
    assert again.intercept == result["intercept"]


@pytest.mark.parametrize("kind", ["pass", "second-order pass", "estimator"])
def test_a_pass_over_all_rows_ends(kind: str, tmp_path: Path) -> None:
    if kind == "estimator":
        pytest.importorskip("sklearn")
    assert interrupt(kind, tmp_path, after=0.7)["latency"] < LIMIT
