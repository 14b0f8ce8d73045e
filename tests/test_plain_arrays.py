"""Arrays that need none of scikit-learn's conversions, and what is not to be taken for them."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.estimators._plain import are_plain

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X.sum(axis=1) + 1.0


def with_entry(array: Any, value: float) -> Any:
    """Return a copy whose last entry is another."""
    changed = array.copy()
    changed.flat[-1] = value
    return changed


def not_aligned(array: Any) -> Any:
    """Return the same numbers a byte away from where they should begin."""
    raw = np.frombuffer(b"\0" + array.tobytes(), dtype=np.uint8)[1:]
    return raw.view(array.dtype).reshape(array.shape)


@pytest.mark.parametrize("y", [Y, Y.astype(np.float32), np.arange(40), Y > 0.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contiguous_finite_floats_are_plain(dtype: type, y: Any) -> None:
    assert are_plain(X.astype(dtype), y)


@pytest.mark.parametrize(
    "rows",
    [
        X.tolist(),
        X[0],
        X[:, :0],
        X[:-1],
        np.asfortranarray(X),
        X.astype(">f8"),
        X.astype(np.float16),
        X.astype(int),
        np.ma.masked_array(X),
        not_aligned(X),
        with_entry(X, np.nan),
        with_entry(X, -np.inf),
    ],
)
def test_other_rows_are_left_to_scikit_learn(rows: Any) -> None:
    assert not are_plain(rows, Y)


@pytest.mark.parametrize(
    "y",
    [
        Y.tolist(),
        Y[:, np.newaxis],
        np.repeat(Y, 2)[::2],
        Y.astype(object),
        Y.astype(str),
        with_entry(Y, np.nan),
        with_entry(Y, np.inf),
    ],
)
def test_other_targets_are_left_to_scikit_learn(y: Any) -> None:
    assert not are_plain(X, y)


@pytest.mark.parametrize("name", ["X", "y"])
@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_what_is_not_finite_is_named_as_scikit_learn_does(
    name: str, value: float, word: str
) -> None:
    data = {"X": X, "y": Y}
    data[name] = with_entry(data[name], value)
    with pytest.raises(ValueError, match=f"Input {name} contains {word}"):
        fl.Ridge().fit(**data)


def test_plain_arrays_lead_to_the_bits_of_others() -> None:
    s = np.linspace(0.5, 2.0, len(Y))
    for weights in (None, s):
        plain = fl.Ridge().fit(X, Y, weights)
        other = fl.Ridge().fit(X.tolist(), Y.tolist(), weights)
        np.testing.assert_array_equal(plain.coef_, other.coef_)
        assert plain.intercept_ == other.intercept_


def test_a_fit_leaves_targets_and_weights_as_they_are() -> None:
    y, s = Y.copy(), np.linspace(0.5, 2.0, len(Y))
    before = s.copy()
    for model in (fl.LinearRegression(), fl.Ridge(), fl.Lasso(alpha=0.01)):
        model.fit(X, y, s)
        np.testing.assert_array_equal(y, Y)
        np.testing.assert_array_equal(s, before)


def test_names_of_columns_are_forgotten_with_the_next_fit() -> None:
    pandas = pytest.importorskip("pandas")
    model = fl.Ridge().fit(pandas.DataFrame(X, columns=["a", "b", "c"]), Y)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    model.fit(X[:, :2].copy(), Y)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2
