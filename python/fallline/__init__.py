"""Gradient descent for linear and logistic models at the speed of memory.

`Trainer` trains models and names every choice; the estimators choose for you, with scikit-learn's
names; `optim` steps anybody's arrays, and `minimize` anybody's functions. Importing this loads
NumPy and the compiled core, nothing else.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fallline import callbacks, losses, optim, penalties, schedules
from fallline._core import __version__
from fallline._hypergradient import Hypergradient, hypergradient
from fallline._minimize import minimize
from fallline._minimizing.result import Minimum
from fallline._runtime import get_num_threads, set_num_threads, set_target, show_config
from fallline._sweep import sweep
from fallline._sweep_result import Sweep
from fallline._tune import Tuned, tune
from fallline.errors import ConvergenceWarning, DivergenceError
from fallline.fit import Fit
from fallline.model_file import load, save
from fallline.trainer import Trainer

if TYPE_CHECKING:
    from fallline import torch as torch
    from fallline.estimators import (
        ElasticNet,
        Lasso,
        LinearRegression,
        LogisticRegression,
        Ridge,
        SGDClassifier,
        SGDRegressor,
    )

__all__ = [
    "ConvergenceWarning",
    "DivergenceError",
    "ElasticNet",
    "Fit",
    "Hypergradient",
    "Lasso",
    "LinearRegression",
    "LogisticRegression",
    "Minimum",
    "Ridge",
    "SGDClassifier",
    "SGDRegressor",
    "Sweep",
    "Trainer",
    "Tuned",
    "__version__",
    "callbacks",
    "get_num_threads",
    "hypergradient",
    "load",
    "losses",
    "minimize",
    "optim",
    "penalties",
    "save",
    "schedules",
    "set_num_threads",
    "set_target",
    "show_config",
    "sweep",
    "tune",
]

# Without scikit-learn they stay out of sight, so that help() and import * work.
_ESTIMATORS = (
    *("ElasticNet", "Lasso", "LinearRegression", "LogisticRegression", "Ridge"),
    *("SGDClassifier", "SGDRegressor"),
)
if find_spec("sklearn") is None:
    for _name in _ESTIMATORS:
        __all__.remove(_name)


def __getattr__(name: str) -> Any:  # the estimators load scikit-learn, so they wait to be asked for
    if name in _ESTIMATORS:
        from fallline import estimators

        return getattr(estimators, name)
    if name == "torch":  # loads torch
        return import_module("fallline.torch")
    message = f"module 'fallline' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return [*__all__, "torch"] if find_spec("torch") else __all__
