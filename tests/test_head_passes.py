"""Passes over all rows for models of several heads, against the reference."""

import numpy as np
import pytest

import reference_heads
from arrays import DType, eps
from fallline import _core
from fallline.typing import Float64Array

# A line holds 16 float32 or 8 float64.
N_HEADS = [1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 33]
N_FEATURES = [1, 3, 7, 8, 9, 15, 16, 17, 33, 150]


def margins_and_tolerance(
    X: Float64Array, coef: Float64Array, b: Float64Array, dtype: DType
) -> tuple[Float64Array, Float64Array]:
    """One rounding per feature and one for the intercept, of at most the sum of all terms."""
    terms = np.abs(X) @ np.abs(coef) + np.abs(b)
    return X @ coef + b, (X.shape[1] + 2) * eps(dtype) * terms


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("d", N_FEATURES)
@pytest.mark.parametrize("n_heads", N_HEADS)
def test_margins_and_gradients_are_those_of_the_reference(
    n_heads: int, d: int, dtype: DType
) -> None:
    for n in (1, 15, 16, 21):
        rng = np.random.default_rng([n_heads, d, n])
        wide = rng.normal(size=(n, d + 3)).astype(dtype)
        X = wide[:, 1 : d + 1]  # rows that lie apart, at odd addresses
        coef = rng.normal(size=(d, n_heads)).astype(dtype)
        b = rng.normal(size=n_heads)
        y = rng.integers(0, n_heads, n).astype(dtype)
        s = rng.uniform(0.5, 2.0, n).astype(dtype)
        arrays = (a.astype(np.float64) for a in (X, coef, y, s))
        exact_X, exact_coef, exact_y, exact_s = arrays
        z, tolerance = margins_and_tolerance(exact_X, exact_coef, b, dtype)
        assert np.all(np.abs(_core.head_margins(X, coef, b) - z) <= tolerance)

        losses, gradient, slopes = _core.head_loss_gradients(X, y, s, "classes", "softmax", coef, b)
        loss = reference_heads.COUPLED["softmax"]
        residuals = exact_s[:, np.newaxis] * loss.derivative(z, exact_y)
        # Probabilities move by at most the error of the margins, and by their own roundings.
        errors = exact_s[:, np.newaxis] * (tolerance.max(axis=1, keepdims=True) + 8 * eps(dtype))
        errors += (n + n_heads) * eps(dtype) * exact_s[:, np.newaxis]
        assert np.all(np.abs(gradient - exact_X.T @ residuals) <= np.abs(exact_X.T) @ errors)
        assert np.all(np.abs(slopes - residuals.sum(axis=0)) <= errors.sum(axis=0))
        total = np.sum(exact_s * loss.value(z, exact_y))
        spread = np.abs(z).max(axis=1)
        loss_error = 2 * tolerance.max(axis=1) + (8 + n_heads) * eps(dtype) * (1 + 2 * spread)
        assert abs(losses[0] - total) <= np.sum(exact_s * loss_error)
        assert not losses[1:].any()


def test_softmax_is_finite_far_out_and_infinite_or_nan_beyond(dtype: DType) -> None:
    X, b = np.eye(3, dtype=dtype), np.zeros(3)
    y = np.array([0.0, 1.0, 2.0], dtype)
    coef = np.array([[1e4, -1e4, 0], [-1e4, -1e4, 1e4], [0, 0, -1e30]], dtype)
    losses, gradient, _ = _core.head_loss_gradients(X, y, None, "classes", "softmax", coef, b)
    assert losses[0] == pytest.approx(0 + 2e4 + 1e30, rel=4 * eps(dtype))
    assert gradient.tolist() == [[0, 0, 0], [0, -1, 1], [0.5, 0.5, -1]]
    for bad in (np.inf, np.nan, -np.nan):
        for row in range(3):
            for head in range(3):
                broken = np.zeros((3, 3), dtype)
                broken[row, head] = bad
                losses, _, _ = _core.head_loss_gradients(
                    X, y, None, "classes", "softmax", broken, b
                )
                assert not np.isfinite(losses[0])


@pytest.mark.usefixtures("target")
def test_unweighted_losses_are_summed_to_the_last_digits_however_small(dtype: DType) -> None:
    """Margins of 16 rows a block from far on the wrong side to where a loss is near underflow."""
    n, info = 1500, np.finfo(dtype)
    reach = -np.log(float(info.tiny)) - 1
    for low, high in ((-reach, reach), (reach / 2, reach), (-1.0, 1.0)):
        X = np.linspace(low, high, n).astype(dtype).reshape(-1, 1)
        y, coef = np.ones(n, dtype), np.ones((1, 3), dtype)
        losses = _core.head_loss_sums(X, y, None, "shared", "logistic", coef, np.zeros(3))
        exact = float(np.sum(np.logaddexp(0.0, -X.astype(np.float64))))
        # Behind a loss are an exponential (2) and, of each row of a block, two roundings more at
        # most; behind the sum of a block a logarithm (3) and an addition.
        np.testing.assert_allclose(losses, exact, rtol=(2 + 2 * 16 + 4) * eps(dtype))
