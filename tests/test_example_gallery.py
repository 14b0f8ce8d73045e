"""The pictures of the gallery are drawn, and its page says what the runs show."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from examples_folder import FOLDER, example

pytest.importorskip("matplotlib")
GALLERY = example("gallery")
DOCS = FOLDER.parent / "docs"
PAGE = DOCS / "gradient_descent.md"
BOWL, _, BEALE, HIMMELBLAU = range(4)


def steps(landscape: int) -> dict[str, int | None]:
    """Steps of each method to a minimum of a landscape."""
    methods = GALLERY.landscape_paths.METHODS
    return {name: GALLERY.landscape_paths.best_descent(name, landscape).arrival for name in methods}


def size_of(path: Path) -> tuple[int, int, int]:
    """Width and height of a picture that is not empty, and how many frames it has."""
    with pytest.importorskip("PIL.Image").open(path) as image:
        assert len(image.convert("RGB").getcolors(1 << 24)) > 8
        return image.width, image.height, getattr(image, "n_frames", 1)


@pytest.mark.parametrize("name", GALLERY.PICTURES)
def test_a_picture_is_drawn_with_labels_as_it_is_in_the_docs(name: str, tmp_path: Path) -> None:
    figure = GALLERY.PICTURES[name][0]()
    for axes in figure.axes:
        place = axes.get_subplotspec()
        assert axes.get_title(loc="left")
        assert axes.get_xlabel() or not place.is_last_row()
        assert axes.get_ylabel() or not place.is_first_col()
    example("gallery.style").save(figure, tmp_path / name)
    width, height = figure.get_size_inches() * figure.dpi
    assert size_of(tmp_path / name) == (round(width), round(height), 1)
    assert size_of(DOCS / "gallery" / name) == (round(width), round(height), 1)
    assert (DOCS / "gallery" / name).stat().st_size < 200_000


def test_the_animation_is_drawn_as_it_is_in_the_docs(tmp_path: Path) -> None:
    example("gallery.animation").write(tmp_path / "descent.gif")
    for path in (tmp_path / "descent.gif", DOCS / "gallery" / "descent.gif"):
        assert size_of(path) == (720, 540, 121)
        assert path.stat().st_size < 1_500_000


def test_the_page_shows_every_picture_and_its_blocks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    shown = re.findall(r"!\[[^]]+\]\(gallery/([^)]+)\)", text)
    assert sorted(shown) == sorted([*GALLERY.PICTURES, "descent.gif"])
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        exec(compile(block, PAGE.name, "exec"), names)
    np.testing.assert_allclose(names["w"], [3.0, 0.5], atol=1e-6)
    assert names["fit"].status == "certified"


def test_the_gradients_of_the_landscapes_are_those_of_differences() -> None:
    step = 1e-6 * np.eye(2)
    for landscape in GALLERY.landscape_paths.LANDSCAPES:
        at = np.array(landscape.start)
        rises = [landscape.height(*(at + h)) - landscape.height(*(at - h)) for h in step]
        np.testing.assert_allclose(landscape.gradient(at), np.array(rises) / 2e-6, rtol=1e-6)
        assert landscape.height(*landscape.minima.T) == pytest.approx(0.0, abs=1e-20)


def test_small_batches_are_sooner_near_the_minimum_and_large_ones_come_closer() -> None:
    batches = GALLERY.batches
    read = [
        size * int(np.argmax(batches.excess(batches.path(size)) < 0.02))
        for size in batches.BATCH_SIZES
    ]
    assert read == pytest.approx([85, 2336, 35_840, 143_360], rel=0.05)
    assert batches.floor(1) == pytest.approx(0.009, rel=0.05)
    assert batches.floor(1) / batches.floor(32) == pytest.approx(48, rel=0.05)


def test_steps_grow_like_the_condition() -> None:
    assert [GALLERY.conditioning.steps_needed(k)[1] for k in (1.0, 10.0, 100.0)] == [1, 19, 187]


def test_standardized_columns_take_a_tenth_of_the_passes_and_auto_takes_one() -> None:
    houses = GALLERY.conditioning
    raw = houses.passes_needed(houses.train(standardize=False))
    standardized = houses.passes_needed(houses.train(standardize=True, passes=200))
    assert (raw, standardized) == pytest.approx((10_739, 27), rel=0.05)
    assert raw > 10 * standardized
    assert houses.least_loss().status == "certified"
    assert houses.least_loss().report["passes"] == 1


def test_momentum_takes_half_the_steps_on_a_narrow_bowl() -> None:
    found = steps(BOWL)
    assert (found["gradient descent"], found["momentum"], found["Nesterov"]) == (229, 56, 55)


def test_adam_is_first_on_a_plateau_and_not_everywhere() -> None:
    plateau, four = steps(BEALE), steps(HIMMELBLAU)
    assert (plateau["Adam"], plateau["gradient descent"]) == pytest.approx((73, 283), rel=0.05)
    assert plateau["Adam"] == min(value for value in plateau.values() if value is not None)
    assert (four["Adam"], four["gradient descent"]) == pytest.approx((68, 19), rel=0.05)


def test_methods_end_in_different_minima() -> None:
    best = GALLERY.landscape_paths.best_descent
    ends = [best(name, HIMMELBLAU).path[-1] for name in ("gradient descent", "momentum")]
    assert np.linalg.norm(ends[0] - ends[1]) > 1.0


def test_rmsprop_ends_half_its_rate_away_in_each_weight() -> None:
    descent = GALLERY.landscape_paths.best_descent("RMSprop", BOWL)
    np.testing.assert_allclose(np.abs(descent.path[-5:]), 0.5 * descent.rate, rtol=1e-3)


def test_half_the_rate_takes_twice_the_passes_and_too_large_a_rate_diverges() -> None:
    rates = GALLERY.learning_rates
    assert [rates.passes_needed(share) for share in (0.6, 0.3, 0.01)] == pytest.approx(
        [26, 52, 1541], rel=0.05
    )
    assert rates.train(0.99, 80).status == "budget"
    assert rates.train(1.1, 80).status == "diverged"


def test_schedules_that_fall_end_far_closer_than_a_constant_rate() -> None:
    left = {name: GALLERY.schedules.excess(name) for name in GALLERY.schedules.SCHEDULES}
    constant = left.pop("Constant")
    assert constant == pytest.approx(0.011, rel=0.1)
    assert constant / left["Cosine"] == pytest.approx(570, rel=0.1)
    assert left.pop("InverseSqrt after a warm-up") < 0.2 * constant  # it has not fallen far
    assert max(left.values()) < constant / 300


def test_the_validation_loss_turns_where_training_stops() -> None:
    losses = GALLERY.stopping.overfitted().history["validation_loss"]
    stopped = GALLERY.stopping.stopped().history["validation_loss"]
    assert int(np.argmin(stopped)) == int(np.argmin(losses)) == 15  # epoch 16
    assert len(stopped) == 16 + 5
    assert (min(losses), losses[-1]) == pytest.approx((0.44, 0.79), abs=0.005)


def test_the_certificate_comes_long_before_descent_is_as_low() -> None:
    stopping = GALLERY.stopping
    auto = stopping.certified()
    assert auto.status == "certified"
    assert auto.gap < 1e-9
    assert auto.report["passes"] < 7
    for optimizer, passes in ((fl.optim.SGD(4.0), 185), (fl.optim.SGD(2.0, momentum=0.8), 87)):
        losses = np.array(stopping.train(optimizer, False, []).history["running_loss"])
        low = int(np.argmax(losses - auto.report["value"] < auto.gap))
        assert low == pytest.approx(passes, rel=0.05)
