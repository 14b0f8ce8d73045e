"""Arguments that the optimizers beyond `SGD` and `Adam` refuse, and data that some cannot take."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from refusals import Refusal, argument, named

optim = fl.optim
NAN, INF = float("nan"), float("inf")


def momentum(**options: Any) -> object:
    return optim.SGD(0.1, momentum=0.9, **options)


def pair(kind: Any, name: str, value: Any, k: int, error: type[Exception], need: str) -> Refusal:
    came = "abc" if not isinstance(value[k], float) else str(value[k])
    return Refusal(
        f"{kind.__name__} {name}={value}",
        lambda: kind(**{name: value}),
        error,
        (rf"{name}\[{k}\] must be {need}", f"got '?{came}"),
    )


NOT_NEGATIVE = [
    (kind, name)
    for kind, names in {
        optim.NAdam: ("eps", "weight_decay", "momentum_decay"),
        optim.RAdam: ("eps", "weight_decay"),
        optim.Adamax: ("weight_decay",),
        optim.Adagrad: ("weight_decay", "initial_accumulator_value"),
        optim.Adadelta: ("weight_decay",),
        optim.RMSprop: ("weight_decay",),
        optim.ASGD: ("weight_decay", "lambd", "alpha", "t0"),
        optim.Lion: ("weight_decay",),
    }.items()
    for name in names
]
FRACTIONS: list[tuple[Any, str]] = [
    (optim.Adadelta, "rho"),
    (optim.RMSprop, "alpha"),
    (optim.RMSprop, "momentum"),
]
BOOLEANS = [
    (optim.Adam, "amsgrad"),
    (optim.AdamW, "amsgrad"),
    (optim.NAdam, "decoupled_weight_decay"),
    (optim.RAdam, "decoupled_weight_decay"),
    (optim.RMSprop, "centered"),
]
REFUSALS = [
    *[
        argument(kind, name, value, error, "a finite number >= 0")
        for kind, name in NOT_NEGATIVE
        for value, error in ((-0.1, ValueError), (NAN, ValueError), (INF, ValueError))
    ],
    *[argument(kind, name, "a", TypeError, "a finite number >= 0") for kind, name in NOT_NEGATIVE],
    *[
        argument(kind, "eps", value, ValueError, "a positive finite number")
        for kind in (optim.Adamax, optim.Adagrad, optim.Adadelta, optim.RMSprop)
        for value in (0.0, -1.0, NAN)
    ],
    *[
        argument(kind, name, value, error, r"a number in \[0, 1\)")
        for kind, name in [*FRACTIONS, (momentum, "dampening")]
        for value, error in (
            (1.0, ValueError),
            (-0.1, ValueError),
            (NAN, ValueError),
            (None, TypeError),
        )
    ],
    *[argument(kind, name, 1, TypeError, "True or False") for kind, name in BOOLEANS],
    *[
        argument(kind, "betas", 0.9, TypeError, r"a pair of numbers in \[0, 1\)")
        for kind in (optim.NAdam, optim.RAdam, optim.Adamax, optim.Lion)
    ],
    pair(optim.Lion, "betas", (0.9, 1.0), 1, ValueError, r"a number in \[0, 1\)"),
    argument(optim.Rprop, "etas", 0.5, TypeError, "a pair of numbers"),
    argument(optim.Rprop, "step_sizes", (1e-6,), TypeError, "a pair of numbers"),
    pair(optim.Rprop, "etas", (1.0, 1.2), 0, ValueError, r"a number in \(0, 1\)"),
    pair(optim.Rprop, "etas", ("abc", 1.2), 0, TypeError, r"a number in \(0, 1\)"),
    pair(optim.Rprop, "etas", (0.5, 1.0), 1, ValueError, "a finite number > 1"),
    pair(optim.Rprop, "step_sizes", (0.0, 1.0), 0, ValueError, "a positive finite number"),
    pair(optim.Rprop, "step_sizes", (0.1, INF), 1, ValueError, r"a finite number >= step_sizes\[0"),
    pair(optim.Rprop, "step_sizes", (0.5, 0.25), 1, ValueError, r"a fin.* >= step_sizes\[0\]=0\.5"),
    Refusal(
        "dampening without momentum",
        lambda: optim.SGD(0.1, dampening=0.5),
        ValueError,
        ("dampening must be used with momentum > 0", r"got 0\.5 with momentum=0\.0", "leave it"),
    ),
    Refusal(
        "dampening with nesterov",
        lambda: momentum(nesterov=True, dampening=0.5),
        ValueError,
        ("dampening must be 0 with nesterov=True", r"got 0\.5", "leave one out"),
    ),
    *[
        Refusal(
            f"{kind.__name__} amsgrad with auto",
            lambda kind=kind: kind("auto", amsgrad=True),  # type: ignore[misc]
            ValueError,
            ("amsgrad must be False with learning_rate='auto'", "got True", "leave it out"),
        )
        for kind in (optim.Adam, optim.AdamW)
    ],
    *[
        Refusal(
            f"{kind.__name__} with auto",
            lambda kind=kind: kind("auto"),  # type: ignore[misc]
            ValueError,
            ("learning_rate must be a number, a schedule", f"with {kind.__name__}, got 'auto'"),
        )
        for kind in (optim.NAdam, optim.RAdam, optim.RMSprop, optim.ASGD, optim.Rprop, optim.Lion)
    ],
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=named)
def test_bad_arguments_are_refused(refusal: Refusal) -> None:
    refusal.check()


@pytest.mark.parametrize("kind", [optim.ASGD, optim.Rprop])
def test_sparse_rows_are_refused_where_a_rule_has_no_steps_for_absent_features(kind: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    rows, y = sparse.csr_array(np.eye(4)), np.arange(4.0)
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=kind())
    needed = rf"X must be dense with {kind.__name__}.*got a sparse matrix; use fl\.optim\.SGD"
    with pytest.raises(ValueError, match=needed):
        trainer.fit(rows, y)
