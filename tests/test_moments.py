"""Means and variances of columns, which solvers choose their coordinates by."""

import numpy as np

from fallline import _core
from fallline.typing import Float64Array

EPS = float(np.finfo(np.float64).eps)


def problem(n_samples: int) -> tuple[Float64Array, Float64Array]:
    """Rows and weights: columns of very different scale and mean."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 5)) * 10.0 ** np.arange(-2.0, 3.0) + np.arange(5.0)
    return X, rng.random(n_samples)


def test_moments_agree_with_a_longer_type() -> None:
    X, weights = problem(30_000)  # more than one block of rows
    X[:, 2] = X[:, 2] / 1000 + 1e6
    mean, variance = _core.column_moments(X, weights)
    long = X.astype(np.longdouble)
    exact = np.average(long, axis=0, weights=weights)
    # Rows are added one after the other within a block of 2**16 / 5, and blocks likewise.
    additions = 2**16 // 5 + 3
    size = np.average(np.abs(X), axis=0, weights=weights)
    assert (np.abs(mean - exact) <= additions * EPS * size).all()
    exact_variance = np.average((long - exact) ** 2, axis=0, weights=weights)
    # What centring rounds is eps of each entry, against a root mean square of the deviations.
    tolerance = 2 * additions * EPS * exact_variance + 4 * EPS * size * np.sqrt(exact_variance)
    assert (np.abs(variance - exact_variance) <= tolerance).all()


def test_weights_count_as_repeated_rows_in_the_moments() -> None:
    X, _ = problem(50)
    counts = np.arange(50) % 4
    weighted = _core.column_moments(X, counts.astype(np.float64))
    repeated = _core.column_moments(np.repeat(X, counts, axis=0), None)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-13)


def test_blocks_without_weight_do_not_disturb_the_moments() -> None:
    X, _ = problem(40_000)
    weights = (np.arange(40_000) >= 30_000).astype(np.float64)
    np.testing.assert_allclose(
        _core.column_moments(X, weights), _core.column_moments(X[30_000:], None), rtol=1e-12
    )
