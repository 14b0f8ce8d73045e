"""The dot product whose shape depends on the length alone."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fallline import _core

EPS = float(np.finfo(np.float64).eps)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 127, 128, 129, 255, 257, 1000, 4097])
def test_it_is_exact_to_few_roundings(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal(n), rng.standard_normal(n)
    exact = float(sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction()))
    # Sixteen additions in a row in a block, then one for each halving, and a product.
    roundings = 16 + 3 + 1 + max(0, math.ceil(math.log2(max(n, 1) / 64)))
    assert abs(_core.inner(a, b) - exact) <= roundings * EPS * float(np.abs(a * b).sum())


def test_it_takes_strides_and_float32() -> None:
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((50, 3))
    narrow = wide[:, 1].astype(np.float32)
    assert _core.inner(wide[:, 0], wide[:, 1]) == _core.inner(wide[:, 0].copy(), wide[:, 1].copy())
    assert _core.inner(narrow, narrow) == _core.inner(*2 * [narrow.astype(np.float64)])


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="a and b must be of one size"):
        _core.inner(np.ones(3), np.ones(4))


def test_the_norm_of_an_inverse() -> None:
    sizes = np.array([2.0, 0.5, 1e-3, 1.0])
    found = _core.inverse_norm(np.diag(sizes), 3)
    assert found <= 1e6 * (1 + 8 * EPS)
    assert found >= 0.99e6
    assert _core.inverse_norm(np.empty((0, 0)), 3) == 1.0
