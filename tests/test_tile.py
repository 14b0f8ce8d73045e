"""Passes over integers, whose sums no order of additions rounds: equal to NumPy's, not just close.

A row or a column that a kernel drops, reads twice or takes from its neighbours changes the result,
at every row length and number of rows where the kernels change their course.
"""

import numpy as np
import pytest

import reference
from arrays import DType, eps
from fallline import _core
from fallline.typing import FloatArray
from loss_cases import PARAMETERS, has_log_link

# Around whole vectors, one and four of them, and the row lengths at which rows go one by one.
COLUMNS = [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100]
COLUMNS += [383, 384, 385, 784, 1535, 1537, 2000]
# Around groups of 8 rows, blocks of 16 and tiles of 1024.
ROWS = [1, 7, 8, 15, 16, 17, 1023, 1024, 1025, 3000]
ROWS_IF_WIDE = [1, 7, 8, 15, 16, 17, 1025]  # tiles are counted without regard to their width
MARGINS, SIGNS = np.repeat(np.arange(-50.0, 51.0), 2), np.tile([-1.0, 1.0], 101)


def is_exact(loss: str) -> bool:
    """Whether twice the loss and its derivative are integers where the margins are."""
    if has_log_link(loss):
        return False
    formulas, parameters = reference.LOSSES[loss], PARAMETERS[loss]
    numbers = [f(MARGINS, SIGNS, *parameters) for f in (formulas.value, formulas.derivative)]
    return all(bool(np.all(2 * x == np.rint(2 * x))) for x in numbers)


LOSSES = [loss for loss in _core.losses() if is_exact(loss)]


def row_counts(d: int) -> list[int]:
    return ROWS if d <= 100 else ROWS_IF_WIDE


def integers(d: int, dtype: DType) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Rows between columns of NaN, targets -1 and +1, sample weights, and weights."""
    rng = np.random.default_rng(d)
    wide: FloatArray = np.full((max(row_counts(d)), d + 5), np.nan, dtype)
    wide[:, 3 : d + 3] = rng.integers(-2, 3, (len(wide), d), np.int8)
    y = rng.choice([-1.0, 1.0], len(wide)).astype(dtype)
    s = rng.integers(0, 4, len(wide)).astype(dtype)
    return wide[:, 3 : d + 3], y, s, rng.integers(-1, 2, d).astype(dtype)


def test_some_losses_are_exact() -> None:
    assert {"squared", "hinge"} <= set(LOSSES)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("d", COLUMNS)
def test_margins_of_integers_are_exact(d: int, dtype: DType) -> None:
    X, _, _, w = integers(d, dtype)
    expected = X.astype(np.float64) @ w.astype(np.float64) + 3.0
    for n in row_counts(d):
        assert np.array_equal(_core.margins(X[:n], w, 3.0), expected[:n]), n
        assert np.array_equal(_core.margins(X[:n][::-1], w, 3.0), expected[:n][::-1]), n


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("d", COLUMNS)
@pytest.mark.parametrize("loss", LOSSES)
def test_sums_and_gradients_of_integers_are_exact(loss: str, d: int, dtype: DType) -> None:
    X, y, s, w = integers(d, dtype)
    rows, targets, weights = (a.astype(np.float64) for a in (X, y, s))
    z = rows @ w.astype(np.float64) - 2.0
    values = weights * reference.LOSSES[loss].value(z, targets, *PARAMETERS[loss])
    residuals = weights * reference.LOSSES[loss].derivative(z, targets, *PARAMETERS[loss])
    magnitudes = np.abs(rows.T) @ np.abs(residuals)
    assert max(np.sum(values), np.max(magnitudes)) < 0.5 / eps(dtype)  # of halves: none is rounded
    for n in row_counts(d):
        total, gradient, intercept = _core.loss_gradient(
            X[:n], y[:n], s[:n], loss, w, -2.0, PARAMETERS[loss]
        )
        assert total == np.sum(values[:n]), n
        assert intercept == np.sum(residuals[:n]), n
        assert np.array_equal(gradient, rows[:n].T @ residuals[:n]), n
