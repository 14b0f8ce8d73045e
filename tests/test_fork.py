"""A process that has trained may fork, and its child may train."""

import os
import signal
import time

import numpy as np
import pytest

import fallline as fl
from fallline import _core


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_trains_after_its_parent_has_trained_with_threads() -> None:
    fl.set_num_threads(2)
    X, y, w = np.ones((100_000, 20)), np.zeros(100_000), np.ones(20)  # enough for both threads
    expected = _core.loss_gradient(X, y, None, "squared", w, 0.0)
    child = os.fork()
    if child == 0:
        found = _core.loss_gradient(X, y, None, "squared", w, 0.0)
        os._exit(0 if found[0] == expected[0] else 1)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
