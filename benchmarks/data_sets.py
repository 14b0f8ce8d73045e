"""The data sets of the benchmarks, and losses that suit them.

Stored sets lie in the directory FALLLINE_TEST_DATA, by default beside the checkout; scikit-learn's
are added, and statsmodels' where it is installed.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets

import fallline as fl

DIRECTORY = Path(__file__).resolve().parents[2] / "shared" / "data"
SKLEARN = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}
# Task and target of each; the sets that are missing here are series or tables, not rows of a model.
STATSMODELS = {
    "fair": ("regression", "affairs"),
    "ccard": ("regression", "AVGEXP"),
    "copper": ("regression", "WORLDCONSUMPTION"),
    "engel": ("regression", "foodexp"),
    "grunfeld": ("regression", "invest"),
    "stackloss": ("regression", "STACKLOSS"),
    "statecrime": ("regression", "murder"),
    "star98": ("regression", "NABOVE"),
    "randhie": ("poisson", "mdvis"),
    "cancer": ("poisson", "cancer"),
    "committee": ("poisson", "BILLS104"),
    "cpunish": ("poisson", "EXECUTIONS"),
    "scotland": ("gamma", "YES"),
    "strikes": ("gamma", "duration"),
    "heart": ("gamma", "survival"),
    "spector": ("binary", "GRADE"),
    "modechoice": ("binary", "choice"),
    "anes96": ("multiclass", "PID"),
}
TWO_CLASSES = [fl.losses.Logistic(), fl.losses.SquaredHinge(), fl.losses.Hinge()]
NUMBERS = [fl.losses.Squared(), fl.losses.Huber(), fl.losses.Quantile()]


def load(name: str) -> tuple[Any, Any, str]:
    """Return rows, targets and task of a stored set."""
    path = Path(os.environ.get("FALLLINE_TEST_DATA", DIRECTORY)) / f"{name}.npz"
    with np.load(path, allow_pickle=False) as file:
        parts = dict(file)
    if "indptr" in parts:
        from scipy.sparse import csr_array

        rows = (parts["data"].astype(np.float64), parts["indices"], parts["indptr"])
        X: Any = csr_array(rows, shape=tuple(parts["shape"]))
    else:
        X = parts["X"]
    return X, parts["y"], str(parts["task"])


def sets(say: Callable[[str], object]) -> Iterator[tuple[str, Any, Any, str]]:
    """Yield name, rows, targets and task of every set; `say` is told what is missing."""
    directory = Path(os.environ.get("FALLLINE_TEST_DATA", DIRECTORY))
    if not directory.is_dir():
        say(f"without the stored sets: there is no {directory}")
    for path in sorted(directory.glob("*.npz")):
        yield path.stem, *load(path.stem)
    for name, read in SKLEARN.items():
        X, y = read(return_X_y=True)
        kinds = len(np.unique(y))
        yield name, X, y, "regression" if kinds > 50 else "binary" if kinds == 2 else "multiclass"
    try:
        for name in STATSMODELS:
            yield name, *of_statsmodels(name)
    except ImportError as error:
        say(f"without the sets of statsmodels: {error}")


def of_statsmodels(name: str) -> tuple[Any, Any, str]:
    """Return rows, targets and task of a set of statsmodels: all its columns of numbers."""
    import statsmodels.api as sm

    task, target = STATSMODELS[name]
    frame = getattr(sm.datasets, name).load_pandas().data.select_dtypes("number")
    X, y = frame.drop(columns=target), frame[target]
    return X.to_numpy(np.float64), y.to_numpy(np.float64), task


def problems(y: Any, task: str) -> Iterator[tuple[fl.losses.Loss, Any]]:
    """Yield losses that suit the targets, and the targets as they take them."""
    if task == "regression":
        yield from ((loss, y.astype(np.float64)) for loss in NUMBERS)
    elif task == "poisson":
        yield fl.losses.Poisson(), y.astype(np.float64)
    elif task == "gamma":
        yield fl.losses.Gamma(), y.astype(np.float64)
    else:
        yield from ((loss, y if task == "binary" else y == 0) for loss in TWO_CLASSES)
        if task == "multiclass":
            yield fl.losses.Softmax(), y


def penalty_for(loss: fl.losses.Loss, n_samples: int) -> fl.penalties.L2:
    """Return a weak penalty: one over the number of rows for labels, a millionth for numbers."""
    return fl.penalties.L2(1.0 / n_samples if loss.classifies else 1e-6)
