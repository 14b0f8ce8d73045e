"""Real data sets, where the directory that holds them is present."""

import os
from pathlib import Path
from typing import Any, NamedTuple

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
    file = _open(name)
    exact = file.get("coef_exact")
    has_intercept = bool(file.get("has_const", True))
    return DataSet(file["X"].astype(np.float64), file["y"].astype(np.float64), exact, has_intercept)


def load_sparse(name: str) -> tuple[Any, Float64Array]:
    """Read a sparse set: a CSR array, and its targets."""
    sparse = pytest.importorskip("scipy.sparse")
    file = _open(name)
    parts = (file["data"].astype(np.float64), file["indices"], file["indptr"])
    return sparse.csr_array(parts, shape=tuple(file["shape"])), file["y"].astype(np.float64)


def _open(name: str) -> dict[str, Any]:
    directory = Path(os.environ.get("FALLLINE_TEST_DATA", DIRECTORY))
    path = directory / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent; set FALLLINE_TEST_DATA to the directory of the data sets")
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def standardize(X: Float64Array) -> Float64Array:
    return np.asarray((X - X.mean(axis=0)) / X.std(axis=0))
