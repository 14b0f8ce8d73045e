"""Sparse problems, and the loops of the core over them."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

import rule_cases
from fallline import _core
from fallline.typing import Float64Array

PARAMETERS = rule_cases.PARAMETERS | {"ftrl": [1.0, 0.02, 0.1]}  # some weights stay zero
# The others are refused in Python: they have no steps for absent features.
RULES = [rule for rule in _core.rules() if rule not in ("asgd", "rprop")]
PENALTIES: dict[str, dict[str, float]] = {
    "none": {},
    "l2": {"l2": 0.05},
    "l1": {"l1": 0.01},
    "elastic net": {"l2": 0.05, "l1": 0.01},
    "decay": {"weight_decay": 0.1},
    "overturning l2": {"l2": 6.0, "l1": 0.01},  # a step multiplies by -0.2 or so
}
MOVING = ("momentum", "damped_momentum", "nesterov")
# Rule and penalty of which a feature's absence from a mini-batch can be made up for.
EXACT = [
    *[("sgd", penalty) for penalty in PENALTIES],
    *[(rule, name) for rule in MOVING for name in ("none", "l2", "decay")],
    *[(rule, name) for rule in ("adagrad", "ftrl") for name in ("none", "decay")],
]


class Problem(NamedTuple):
    """Rows, targets and weights that float32 holds exactly."""

    X: Float64Array
    y: Float64Array
    s: Float64Array


@cache
def problem(loss: str, n: int, d: int, density: float) -> Problem:
    """Entries of at most 1, each there with the given probability; some rows are empty."""
    rng = np.random.default_rng([n, d])
    X = rng.uniform(-1.0, 1.0, (n, d)) * (rng.random((n, d)) < density)
    X[:: n // 3] = 0.0 if density < 1 else X[:: n // 3]
    s = rng.uniform(0.5, 2.0, n)
    z = X @ rng.normal(size=d) + 0.5 + rng.normal(size=n)
    y = z if loss == "squared" else np.where(z > 0, 1.0, -1.0)
    return Problem(*(a.astype(np.float32).astype(np.float64) for a in (X, y, s)))


def compress(X: Any, dtype: Any, index: Any = np.int32) -> _core.CsrMatrix:
    """Return the rows of a dense matrix without its zeros."""
    rows, columns = np.nonzero(X)
    indptr = np.searchsorted(rows, np.arange(len(X) + 1))
    values = np.ascontiguousarray(X[rows, columns], dtype)
    return _core.CsrMatrix(values, columns.astype(index), indptr.astype(index), X.shape[1])


def make_loop(
    X: Any, p: Problem, loss: str, rule: str, dtype: Any, **options: Any
) -> "_core.CsrLoop | _core.LoopFloat32 | _core.LoopFloat64":
    """Return the loop over X, dense or compressed."""
    settings: dict[str, Any] = {"l2": 0.0, "l1": 0.0, "weight_decay": 0.0, "batch_size": 8}
    settings |= {"shuffle": "none", "seed": 0, "fit_intercept": True, **options}
    kind: Any = _core.CsrLoop
    if not isinstance(X, _core.CsrMatrix):
        kind, X = (getattr(_core, f"LoopF{np.dtype(dtype).name[1:]}"), X.astype(dtype))
    y, s = p.y.astype(dtype), p.s.astype(dtype)
    return kind(X, y, s, loss=loss, rule=rule, parameters=PARAMETERS[rule], **settings)  # type: ignore[no-any-return]
