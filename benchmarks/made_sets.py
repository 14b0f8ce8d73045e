"""Made data that are larger than the stored sets: rows like covtype's, and rows like text."""

from typing import Any

import numpy as np
from data_sets import load
from scipy import sparse

from fallline.bench.sparse import make_sparse_problem

N_NUMBERS = 10  # columns of covtype that are no indicators


def like_covtype(n_samples: int, *, standardized: bool) -> tuple[Any, Any]:
    """Draw rows of covtype20k again and again, with numbers off by a tenth of their deviation.

    Correlations and scales, which differ by up to 3e5, stay as they are. Labels are those of the
    first class against the rest.
    """
    rows, classes, _ = load("covtype20k")
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(rows), n_samples)
    X = rows[drawn].astype(np.float64)
    noise = rng.standard_normal((n_samples, N_NUMBERS))
    X[:, :N_NUMBERS] += 0.1 * X[:, :N_NUMBERS].std(axis=0) * noise
    if standardized:
        deviation = X.std(axis=0)
        X -= X.mean(axis=0)
        X /= np.where(deviation > 0.0, deviation, 1.0)
    return X, np.where(classes[drawn] == 0, 1.0, -1.0)


def like_text(n_samples: int, n_features: int) -> tuple[Any, Any]:
    """Draw sparse rows of 75 features whose frequencies follow Zipf's law."""
    values, columns, y = make_sparse_problem(n_samples, n_features, 75)
    starts = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    parts = (values.ravel().astype(np.float64), columns.ravel(), starts)
    return sparse.csr_matrix(parts, shape=(n_samples, n_features)), y.astype(np.float64)
