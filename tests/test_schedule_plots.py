"""Pictures of schedules."""

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from fallline.schedules import (
    Constant,
    Cosine,
    Linear,
    ReduceOnPlateau,
    Schedule,
    WarmupStableDecay,
    as_schedule,
)
from schedule_cases import ANY, reciprocal


def legend(axes: Any) -> list[str]:
    return [] if axes.get_legend() is None else [t.get_text() for t in axes.get_legend().texts]


@settings(max_examples=30)
@given(schedule=ANY)
def test_the_picture_has_the_rate_of_every_step(schedule: Schedule) -> None:
    pytest.importorskip("matplotlib")
    axes = schedule.plot(120)
    # The last point of a part is where its last step ends.
    rates = [np.asarray(line.get_ydata())[:-1] for line in axes.lines]
    assert np.concatenate(rates).tolist() == schedule.values(0, 120).tolist()
    places = [np.asarray(line.get_xdata())[:-1] for line in axes.lines]
    assert np.concatenate(places).tolist() == list(range(120))
    assert axes.get_ylim()[0] == 0


def test_an_end_says_how_much_to_draw() -> None:
    pytest.importorskip("matplotlib")
    line = Cosine(0.1, 100).plot().lines[0]
    assert np.asarray(line.get_xdata())[-1] == 111


def test_parts_have_names_and_a_warmup_its_shade() -> None:
    pytest.importorskip("matplotlib")
    assert legend(Constant(0.1).plot(10)) == []
    axes = Constant(0.1).then(Linear(0.1, 5), at=4).then(reciprocal, at=20).warmup(3).plot(30)
    assert legend(axes) == ["warm-up", "Constant", "Linear", "reciprocal"]
    (shade,) = axes.patches
    shaded = shade.get_extents().transformed(axes.transData.inverted()).intervalx
    assert shaded.tolist() == pytest.approx([0, 3], abs=1e-12)  # pixels and back
    axes = WarmupStableDecay(0.1, 3, 4, 5).plot()
    assert legend(axes) == ["warm-up", "stable", "decay"]
    assert legend(WarmupStableDecay(0.1, 3, 0, 5).plot()) == ["warm-up", "decay"]
    assert legend(Linear(0.1, 9, 1.0, 0.5).then(0.1).plot(20)) == ["Linear", "Constant"]
    assert legend(ReduceOnPlateau(0.1).warmup(30).plot(20)) == []  # the rest is not in the picture
    assert legend(as_schedule(abs).plot(20)) == []


def test_pictures_may_share_axes() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    assert Constant(0.1).plot(10, ax=axes) is axes
    Constant(0.2).plot(10, ax=axes)
    colors = {line.get_color() for line in axes.lines}
    assert len(axes.lines) == len(colors) == 2
    assert Constant(0.1).plot(10).figure.axes != [axes]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "for a schedule without an end, got None; say how many of Constant(0.1)"),
        ({"steps": 0}, ValueError, "steps must be a positive integer, got 0"),
        ({"steps": 1e3}, TypeError, "steps must be a positive integer, got 1000.0; write 1000"),
        ({"steps": 5, "ax": 1}, TypeError, "ax must be a matplotlib Axes or None, got 1"),
    ],
)
def test_a_bad_argument_is_named(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(error, match=re.escape(message)):
        Constant(0.1).plot(**options)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'fallline\[plot\]'"):
        Constant(0.1).plot(10)


def test_a_picture_opens_no_window_and_only_it_loads_matplotlib() -> None:
    pytest.importorskip("matplotlib")
    code = """
import sys, fallline as fl
schedule = fl.schedules.Cosine(0.1, 50).warmup(5)
assert "matplotlib" not in sys.modules
schedule.plot()
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
