"""The example of hyperparameter search reaches what it says."""

from pathlib import Path

import numpy as np
import pytest

from examples_folder import example

SEARCH = example("hyperparameter_search")


@pytest.mark.parametrize("model", ["ridge", "logistic"])
def test_an_alpha_for_each_feature_beats_the_best_of_twenty_for_all(model: str) -> None:
    for seed in range(3):
        race = SEARCH.race(model, seed)
        assert len(race.tuned.values) <= 10
        assert race.tuned_test < race.grid_test


@pytest.mark.parametrize("model", ["ridge", "logistic"])
def test_derivatives_are_those_of_differences(model: str) -> None:
    assert SEARCH.largest_error(model) < 1e-6


def test_slopes_along_the_learning_rate_lead_from_one_to_the_next() -> None:
    rates = np.geomspace(0.01, 0.02, 5)
    found = SEARCH.along_learning_rates(rates)
    steps = np.diff(np.log(rates))
    slopes = np.array([at.log_learning_rate for at in found])
    values = np.array([at.value for at in found])
    # The trapezoidal rule is off by h^3 / 12 times a third derivative, of the size of the values.
    expected = 0.5 * (slopes[1:] + slopes[:-1]) * steps
    np.testing.assert_allclose(np.diff(values), expected, atol=steps.max() ** 3 / 12)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.png"
    SEARCH.draw({model: SEARCH.race(model) for model in SEARCH.MODELS}, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
