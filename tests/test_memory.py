"""No fit copies X: at its peak a process has taken less than X, and by its rows alone."""

import subprocess
import sys
from pathlib import Path

import pytest

MEGABYTE = 1 << 20
SIZE = 32 * MEGABYTE  # of X in the narrowest kind

MEASURE = """
import re, sys
from pathlib import Path
import numpy as np
import fallline as fl

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])

def reset():
    Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what is in use now

kind, layout, standardize = sys.argv[1:]
d = 64
n = {size} // d
X = np.zeros((n, d), kind, order="F" if layout == "columns" else "C")
X[::2, 0] = 1
X[:, 1:] = np.arange(d - 1, dtype=np.uint8)
X[::3] += 1 if kind != "bool" else True
y = np.where(np.arange(n) % 2, 1.0, -1.0)
if layout == "every other column":
    X = np.repeat(X, 2, axis=1)[:, ::2]
fl.set_num_threads(2)
trainer = fl.Trainer(
    fl.losses.Logistic(),
    optimizer=fl.optim.SGD(1e-6),
    epochs=1,
    standardize=standardize == "True",
)
warm = X[:5000]
trainer.fit(warm, y[:5000]).predict(warm)
reset()
before = peak()
fit = trainer.fit(X, y)
fit.predict(X)
assert fit.report["copied_bytes"] == 0
print(peak() - before, n)
"""


def can_reset_the_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return "VmHWM" in Path("/proc/self/status").read_text()


@pytest.mark.skipif(
    not can_reset_the_peak(), reason="needs Linux's /proc/self/clear_refs to reset the peak"
)
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        ("uint8", "rows"),
        ("uint8", "columns"),
        ("bool", "rows"),
        ("float16", "rows"),
        ("float32", "rows"),
        ("float32", "columns"),
        ("float32", "every other column"),
        ("float64", "columns"),
    ],
)
def test_memory_of_a_fit_is_of_the_order_of_rows_plus_columns(
    kind: str, layout: str, standardize: bool
) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            MEASURE.replace("{size}", str(SIZE)),
            kind,
            layout,
            str(standardize),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    extra, n = (int(word) for word in run.stdout.split())
    # Of each row its target, its margin and a few bools, 32 bytes in all; and what two threads, the
    # windows they read through and Python need whatever the size. X itself is larger in any kind.
    assert extra <= 32 * n + 4 * MEGABYTE < SIZE
