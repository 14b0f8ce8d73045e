"""The minimum of a quadratic function plus weighted absolute values, by its own conditions."""

import numpy as np
import pytest

from fallline import _core
from fallline.typing import Float64Array
from test_same_bits import same_at_any_number_of_threads

EPS = float(np.finfo(np.float64).eps)


def quadratic(
    rows: int, size: int, share: float
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Columns of falling size, one twice, one all zeros, one without an L1 term."""
    rng = np.random.default_rng(rows)
    X = rng.standard_normal((rows, size)) * 10.0 ** -np.linspace(0, 3, size)
    X += 0.5 * rng.standard_normal((rows, 1))
    X[:, -1] = X[:, 1]
    X[:, 2] = 0.0
    g = -X.T @ (X[:, :3].sum(axis=1) + 0.1 * rng.standard_normal(rows)) / rows
    l1 = np.full(size, share * np.abs(g).max())
    l1[0] = 0.0
    return X.T @ X / rows, g, l1


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.1, 2.0])
@pytest.mark.parametrize(("rows", "size"), [(8, 5), (100, 50), (20, 100), (1000, 300)])
def test_no_slope_is_left(rows: int, size: int, share: float) -> None:
    H, g, l1 = quadratic(rows, size, share)
    for u in (np.zeros(size), np.ones(size)):
        v, decrease = _core.l1_quadratic(H, g, l1, u)
        slope = g + H @ (v - u)
        left = np.where(
            v != 0.0, np.abs(slope + l1 * np.sign(v)), np.maximum(np.abs(slope) - l1, 0)
        )
        left[0] = abs(slope[0])
        # Rounding of the slope, of as many terms as there are coordinates, each time one moves.
        terms = np.abs(g) + np.abs(H) @ np.abs(v - u)
        assert left.max() <= 16 * size * EPS * terms.max()
        assert v[2] == 0.0  # a column of zeros has no weight
        step = v - u
        fallen = -(g @ step + 0.5 * step @ H @ step + l1 @ (np.abs(v) - np.abs(u)))
        assert decrease == pytest.approx(fallen, rel=1e-8, abs=1e-12)


def test_the_minimum_stays_where_it_is() -> None:
    H, g, l1 = quadratic(100, 50, 0.01)
    v, first = _core.l1_quadratic(H, g, l1, np.zeros(50))
    again, second = _core.l1_quadratic(H, g + H @ v, l1, v)
    assert np.array_equal(again == 0.0, v == 0.0)
    assert second <= 16 * 50 * EPS * first


def test_the_bits_do_not_depend_on_threads() -> None:
    H, g, l1 = quadratic(1000, 300, 1e-4)
    same_at_any_number_of_threads(lambda: _core.l1_quadratic(H, g, l1, np.zeros(300))[0].tobytes())


def test_shapes_that_do_not_fit_are_refused() -> None:
    H, g, l1 = quadratic(8, 5, 0.1)
    with pytest.raises(ValueError, match="H must be a square row-major matrix"):
        _core.l1_quadratic(H[:4], g, l1, g)
