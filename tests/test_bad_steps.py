"""Arrays that optimizers refuse to step, and that nothing has changed then."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fallline as fl
from refusals import Refusal, named

A = np.ones(3)
SQUARE = np.ones((4, 4))
OPTIMIZERS: dict[str, Callable[[], fl.optim.Optimizer]] = {
    "sgd": lambda: fl.optim.SGD(0.1),
    "momentum": lambda: fl.optim.SGD(0.1, momentum=0.9),
    "adam": lambda: fl.optim.Adam(0.1),
}


def read_only() -> Any:
    array = np.ones(3)
    array.flags.writeable = False
    return array


def step(name: str, params: Any, grads: Any, error: type[Exception], *patterns: str) -> Refusal:
    return Refusal(name, lambda: fl.optim.SGD(0.1).step(params, grads), error, patterns)


REFUSALS = [
    step("read-only", read_only(), A, ValueError, "params must be writeable", "read-only", "copy"),
    step("a column", SQUARE[:, 1], np.ones(4), ValueError, "params must be C-cont", r"\(32,\)"),
    step(
        "gradient in a column", np.ones(4), SQUARE[:, 1], ValueError, "grads must be C-c", "ascon"
    ),
    step("transposed", [SQUARE.T], [SQUARE.T], ValueError, r"params\[0\] must be C-", r"\(8, 32\)"),
    step(
        "unaligned",
        np.frombuffer(bytearray(25), "u1")[1:].view("f8"),
        A,
        ValueError,
        "params must be aligned",
        "pass a copy",
    ),
    step("integers", np.ones(3, int), A, TypeError, "params must be one of float16", "got int64"),
    step(
        "halves", np.ones(3, "f2"), A, ValueError, "grads must have the shape and dtype", "float16"
    ),
    step("complex", A + 0j, A, TypeError, "params must be one of float16", "got complex128"),
    step("other bytes", A.astype(">f8"), A, TypeError, "params must be one of float16", "got >f8"),
    step(
        "integer gradient",
        A,
        np.ones(3, int),
        TypeError,
        "grads must be one of float16",
        "got int64",
    ),
    step("other dtype", A, np.ones(3, "f4"), ValueError, "grads must have the .* dtype", "float32"),
    step("other length", A, np.ones(2), ValueError, "grads must have the shape", r"got \(2,\)"),
    step("a column of", A, A[:, None], ValueError, "grads must have the shape", r"got \(3, 1\)"),
    step("masked", np.ma.masked_array(A), A, TypeError, "params must not be masked", r"its \.data"),
    step(
        "numbers",
        [1.0, 2.0],
        [A, A],
        TypeError,
        r"params\[0\] must be an array of NumPy",
        "got float$",
    ),
    step("nested", [[A]], [[A]], TypeError, r"params\[0\] must be an array of NumPy", "got list"),
    step("in a dict", {"w": "text"}, {"w": A}, TypeError, r"params\['w'\] must be", "got str"),
    step("text", "ab", "ab", TypeError, "params must be an array or a list", "got <class 'str'>"),
    step("None", A, None, TypeError, "grads must be an array or a list", "NoneType"),
    step("a number", 1.0, 1.0, TypeError, "params must be an array or a list", "'float'"),
    step("array for list", [A], A, TypeError, "structure of params, a list of 1", "got an array"),
    step("fewer", [A, A], [A], TypeError, "structure of params, a list of 2", "got a list of 1"),
    step("other keys", {"a": A}, {"b": A}, TypeError, r"dict of \['a'\]", r"got a dict of \['b'\]"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_bad_arrays_are_refused(refusal: Refusal) -> None:
    refusal.check()


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize(
    ("again", "message"),
    [
        ([np.ones(4), np.ones(2)], r"params\[0\] must keep its shape .*\(3,\).*got \(4,\)"),
        ([np.ones(3, "f4"), np.ones(2)], r"params\[0\] must keep .* dtype .*got \(3,\) float32"),
        ([np.ones((3, 1)), np.ones(2)], r"params\[0\] must keep its shape .*got \(3, 1\)"),
        ([np.ones(3)], r"params must keep their places \[0, 1\], got \[0\]; use a new optimizer"),
        ([np.ones(3), np.ones(2), np.ones(1)], r"their places \[0, 1\], got \[0, 1, 2\]; use a n"),
        (np.ones(3), r"their places \[0, 1\], got \[None\]; use a new optimizer"),
    ],
)
def test_later_steps_take_the_same_arrays(kind: str, again: Any, message: str) -> None:
    params, grads = [np.ones(3), np.ones(2)], [np.ones(3), np.ones(2)]
    optimizer = OPTIMIZERS[kind]()
    optimizer.step(params, grads)
    with pytest.raises(ValueError, match=message):
        optimizer.step(again, again)
    assert optimizer.steps == 1
    optimizer.step(params, grads)


def bad_pairs() -> dict[str, tuple[Any, Any, type[Exception]]]:
    return {
        "read-only": (read_only(), A, ValueError),
        "strided": (SQUARE[:, 1], np.ones(4), ValueError),
        "integers": (np.ones(3, int), np.ones(3, int), TypeError),
        "another length": (np.ones(3), np.ones(2), ValueError),
    }


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("bad", bad_pairs())
def test_one_bad_array_among_several_changes_nothing(kind: str, bad: str) -> None:
    w, g, error = bad_pairs()[bad]
    good, gradient = np.arange(5.0), np.ones(5)
    optimizer = OPTIMIZERS[kind]()
    with pytest.raises(error):
        optimizer.step({"good": good, "bad": w}, {"good": gradient, "bad": g})
    np.testing.assert_array_equal(good, np.arange(5.0))
    assert optimizer.steps == 0
    untouched = OPTIMIZERS[kind]()
    expected = good.copy()
    for _ in range(3):  # neither is there any state left
        optimizer.step([good], [gradient])
        untouched.step([expected], [gradient])
    np.testing.assert_array_equal(good, expected)


def test_a_bad_rate_changes_nothing() -> None:
    w = np.ones(3)
    optimizer = fl.optim.SGD(lambda step: 0.5 if step == 0 else -1.0, momentum=0.9)
    optimizer.step(w, A)
    before = w.copy()
    with pytest.raises(ValueError, match=r"the learning rate of step 1 must be .*got -1\.0"):
        optimizer.step(w, A)
    np.testing.assert_array_equal(w, before)
    assert optimizer.steps == 1
    optimizer.learning_rate = 0.5
    optimizer.step(w, A)
    np.testing.assert_allclose(w, before - 0.5 * 1.9)
