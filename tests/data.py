"""Real data sets, where the directory that holds them is present."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from fallline.typing import Float64Array

DIRECTORY = Path(__file__).resolve().parents[2] / "shared" / "data"


class DataSet(NamedTuple):
    X: Float64Array
    y: Float64Array
    coef_exact: Float64Array | None  # as certified by NIST; of the intercept first, if there is one
    has_intercept: bool


def load(name: str) -> DataSet:
    """Read ``<name>.npz`` from FALLLINE_TEST_DATA or, without it, from beside the checkout."""
    directory = Path(os.environ.get("FALLLINE_TEST_DATA", DIRECTORY))
    path = directory / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent; set FALLLINE_TEST_DATA to the directory of the data sets")
    with np.load(path, allow_pickle=False) as file:
        exact = file["coef_exact"] if "coef_exact" in file.files else None
        has_intercept = bool(file["has_const"]) if "has_const" in file.files else True
        return DataSet(
            file["X"].astype(np.float64), file["y"].astype(np.float64), exact, has_intercept
        )


def standardize(X: Float64Array) -> Float64Array:
    return np.asarray((X - X.mean(axis=0)) / X.std(axis=0))
