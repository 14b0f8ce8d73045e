"""Numbers, names and objects that constructors and functions refuse."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fallline as fl
from refusals import Refusal, argument, named

NAN, INF = float("nan"), float("inf")


def train_with(loss: Any = None, **options: Any) -> object:
    options.setdefault("optimizer", fl.optim.SGD(0.1))
    return fl.Trainer(fl.losses.Squared() if loss is None else loss, **options)


def rate_of_first_step(learning_rate: Any) -> object:
    return fl.schedules.as_schedule(learning_rate)(0)


def elastic_net(l1_ratio: Any) -> object:
    return fl.penalties.ElasticNet(0.1, l1_ratio)


def exponential(gamma: Any) -> object:
    return fl.schedules.Exponential(0.1, gamma)


def cosine(**options: Any) -> object:
    return fl.schedules.Cosine(0.1, **{"steps": 10, **options})


def momentum(**options: Any) -> object:
    return fl.optim.SGD(0.1, **options)


def adaptive(penalty: fl.penalties.Penalty, kind: Any) -> Refusal:
    return Refusal(
        f"{penalty!r} with {kind.__name__}",
        lambda: train_with(penalty=penalty, optimizer=kind()),
        ValueError,
        ("penalty must not contain L1", rf"got \w+\(.*with {kind.__name__}", r"use fl\.optim"),
    )


def one_beta(k: int, betas: Any, error: type[Exception]) -> Refusal:
    return Refusal(
        f"betas {betas}",
        lambda: fl.optim.Adam(betas=betas),
        error,
        (rf"betas\[{k}\] must be a number in \[0, 1\)", f"got {betas[k]!r}"),
    )


INTEGERS: list[tuple[Any, type[Exception], str]] = [
    (0, ValueError, ""),
    (-1, ValueError, ""),
    (2.5, TypeError, ""),
    (NAN, TypeError, ""),
    (True, TypeError, ""),
    ("64", TypeError, ""),
    (64.0, TypeError, "write 64"),
    (2**60, ValueError, "the largest is"),
]
TRAINER = [
    *[
        argument(train_with, name, value, error, "a positive integer", remedy)
        for name in ("batch_size", "epochs")
        for value, error, remedy in INTEGERS
    ],
    argument(train_with, "tol", -1e-6, ValueError, "a finite number >= 0"),
    argument(train_with, "max_time", 0, ValueError, "a positive number of seconds"),
    argument(train_with, "max_time", NAN, ValueError, "a positive number of seconds"),
    argument(train_with, "max_time", "1", TypeError, "a positive number of seconds"),
    argument(train_with, "seed", -1, ValueError, "a non-negative integer"),
    argument(train_with, "seed", 1.5, TypeError, "a non-negative integer"),
    argument(train_with, "seed", None, TypeError, "a non-negative integer"),
    *[
        argument(train_with, "shuffle", value, ValueError, "'blocks', 'rows' or False")
        for value in ("row", "none", True, None, 0, np.zeros(2))
    ],
    argument(train_with, "fit_intercept", "yes", TypeError, "True or False"),
    argument(train_with, "loss", "logistic", TypeError, "a Loss", r"fl\.losses\.Logistic\(\)"),
    Refusal(
        "loss given as a class",
        lambda: train_with(fl.losses.Logistic),
        TypeError,
        ("loss must be a Loss", r"fl\.losses\.Logistic\(\)", r"got Logistic \(a class\)"),
    ),
    argument(train_with, "penalty", 0.1, TypeError, "a Penalty", r"fl\.penalties\.L2\("),
    argument(train_with, "penalty", "l2", TypeError, "a Penalty", r"fl\.penalties\.L2\("),
    argument(train_with, "optimizer", "sgd", TypeError, "an Optimizer", r"fl\.optim\.SGD\("),
    argument(train_with, "optimizer", None, TypeError, "an Optimizer", r"fl\.optim\.SGD\("),
    Refusal(
        "optimizer given as a class",
        lambda: train_with(optimizer=fl.optim.SGD),
        TypeError,
        ("optimizer must be an Optimizer", r"fl\.optim\.SGD\(0\.1\)", r"got SGD \(a class\)"),
    ),
    *[
        argument(train_with, "callbacks", value, TypeError, "a list or tuple", r"write \[")
        for value in (None, fl.callbacks.EarlyStopping(), fl.callbacks.History())
    ],
    Refusal(
        "callbacks that are functions",
        lambda: train_with(callbacks=[fl.callbacks.EarlyStopping(), len]),
        TypeError,
        (r"callbacks\[1\] must be a Callback", "Progress", "got <built-in function len>"),
    ),
    *[
        adaptive(penalty, kind)
        for penalty in (fl.penalties.L1(0.1), fl.penalties.ElasticNet(0.1))
        for kind in (fl.optim.Adam, fl.optim.RMSprop, fl.optim.ASGD, fl.optim.Lion, fl.optim.FTRL)
    ],
]

RATES: list[tuple[Any, type[Exception]]] = [
    (0, ValueError),
    (-0.1, ValueError),
    (NAN, ValueError),
    (INF, ValueError),
    (True, TypeError),
    ("0.1", TypeError),
    (None, TypeError),
    ([0.1], TypeError),
    (fl.schedules.Constant, TypeError),
]
DECAYS: list[tuple[Any, type[Exception]]] = [
    (-0.1, ValueError),
    (NAN, ValueError),
    (INF, ValueError),
    ("a", TypeError),
    (True, TypeError),
]
OPTIMIZERS = [
    *[
        argument(kind, "learning_rate", value, error, "a positive finite number, a schedule or a f")
        for kind in (fl.optim.SGD, fl.optim.Adam, fl.optim.AdamW)
        for value, error in RATES
    ],
    *[
        argument(kind, "weight_decay", value, error, "a finite number >= 0")
        for kind in (momentum, fl.optim.Adam, fl.optim.AdamW)
        for value, error in DECAYS
    ],
    argument(momentum, "momentum", 1.0, ValueError, r"a number in \[0, 1\)"),
    argument(momentum, "momentum", -0.1, ValueError, r"a number in \[0, 1\)"),
    argument(momentum, "momentum", NAN, ValueError, r"a number in \[0, 1\)"),
    argument(momentum, "momentum", "0.9", TypeError, r"a number in \[0, 1\)"),
    argument(momentum, "nesterov", "yes", TypeError, "True or False"),
    Refusal(
        "nesterov without momentum",
        lambda: fl.optim.SGD(0.1, nesterov=True),
        ValueError,
        ("nesterov must be used with momentum > 0", "got momentum=0.0", "0.9 is usual"),
    ),
    *[
        argument(fl.optim.Adam, "betas", value, TypeError, r"a pair of numbers in \[0, 1\)")
        for value in (0.9, (0.9,), (0.9, 0.99, 0.999), "ab", None)
    ],
    *[
        one_beta(k, betas, error)
        for k, betas, error in [
            (1, (0.9, 1.0), ValueError),
            (0, (-0.1, 0.9), ValueError),
            (1, (0.9, NAN), ValueError),
            (1, (0.9, "a"), TypeError),
        ]
    ],
    argument(fl.optim.Adam, "eps", -1.0, ValueError, "a finite number >= 0"),
    argument(fl.optim.Adam, "eps", NAN, ValueError, "a finite number >= 0"),
    argument(fl.optim.Adam, "eps", "a", TypeError, "a finite number >= 0"),
]

OTHERS = [
    *[
        argument(kind, "alpha", value, error, "a finite number >= 0")
        for kind in (fl.penalties.L2, fl.penalties.L1, fl.penalties.ElasticNet)
        for value, error in DECAYS
    ],
    argument(elastic_net, "l1_ratio", 1.5, ValueError, r"in \[0, 1\]", "0 is L2, 1 is L1"),
    argument(elastic_net, "l1_ratio", NAN, ValueError, r"in \[0, 1\]", "0 is L2, 1 is L1"),
    argument(elastic_net, "l1_ratio", "a", TypeError, r"in \[0, 1\]", "0 is L2, 1 is L1"),
    argument(exponential, "gamma", 1.1, ValueError, r"in \(0, 1\]", "a rate that grows"),
    argument(exponential, "gamma", 0, ValueError, r"in \(0, 1\]"),
    argument(cosine, "steps", 0, ValueError, "a positive integer"),
    argument(cosine, "eta_min", 1.0, ValueError, r"in \[0, learning_rate=0.1\]"),
    Refusal(
        "a function that returns a negative rate",
        lambda: rate_of_first_step(lambda step: step - 1.0),
        ValueError,
        ("learning rate of step 0 must be a finite number >= 0", "got -1.0", "lambda"),
    ),
    Refusal(
        "a function that returns text",
        lambda: rate_of_first_step(lambda step: f"{step}"),
        TypeError,
        ("learning rate of step 0 must be a finite number >= 0", "got '0'", "lambda"),
    ),
    Refusal(
        "a penalty that is changed",
        lambda: setattr(fl.penalties.L2(0.1), "alpha", 1.0),
        AttributeError,
        ("L2 never changes", "got alpha=1.0", "make a new one"),
    ),
    argument(fl.callbacks.EarlyStopping, "patience", 0, ValueError, "a positive integer"),
    argument(fl.callbacks.EarlyStopping, "patience", 1.5, TypeError, "a positive integer"),
    argument(fl.callbacks.EarlyStopping, "min_delta", -1.0, ValueError, "a finite number >= 0"),
    argument(fl.callbacks.EarlyStopping, "min_delta", NAN, ValueError, "a finite number >= 0"),
    argument(fl.callbacks.EarlyStopping, "restore_best", "no", TypeError, "True or False"),
    argument(fl.set_num_threads, "n", 0, ValueError, "a positive integer"),
    argument(fl.set_num_threads, "n", -1, ValueError, "a positive integer"),
    argument(fl.set_num_threads, "n", 2.0, TypeError, "a positive integer", "write 2"),
    argument(fl.set_num_threads, "n", True, TypeError, "a positive integer"),
    argument(fl.set_num_threads, "n", 2**31, ValueError, "at most 1024", "of no use"),
    argument(fl.set_target, "name", None, TypeError, "baseline"),
    Refusal(
        "set_target unknown",
        lambda: fl.set_target("sse"),
        ValueError,
        ("target must be one that this machine can run", "'baseline'", "got 'sse'"),
    ),
]


@pytest.fixture(autouse=True)
def runtime() -> Iterator[None]:
    threads = fl.get_num_threads()
    yield
    assert fl.get_num_threads() == threads


@pytest.mark.parametrize("refusal", [*TRAINER, *OPTIMIZERS, *OTHERS], ids=named)
def test_bad_arguments_are_refused(refusal: Refusal) -> None:
    refusal.check()


def test_what_is_refused_is_not_assigned() -> None:
    sgd = fl.optim.SGD(0.1)
    with pytest.raises(ValueError, match=r"learning_rate must be .* got -1"):
        sgd.learning_rate = -1
    assert sgd.learning_rate == fl.schedules.Constant(0.1)
