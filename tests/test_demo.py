"""The demo trains, compares, says how fast it was, and draws a picture where it can."""

import subprocess
import sys
from pathlib import Path

import pytest

from fallline import demo


def lines_of(monkeypatch: pytest.MonkeyPatch, folder: Path, *, picture: bool) -> list[str]:
    monkeypatch.chdir(folder)
    if not picture:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    return list(demo.report(n_samples=20_000, n_features=10, megabytes=8))


def test_demo_shows_both_models_beside_numpy_and_the_progress(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = lines_of(monkeypatch, tmp_path, picture=False)
    for loss in ("logistic", "squared"):
        rows = [line.split() for line in lines if line.startswith(loss)]
        assert [row[1] for row in rows] == ["fallline", "NumPy"]
        assert float(rows[0][2]) == pytest.approx(float(rows[1][2]), abs=1e-4)
    assert sum("The weights agree" in line for line in lines) == 2
    assert any("Memory is read at" in line for line in lines)
    progress = capfd.readouterr().err
    assert "logistic" in progress
    assert "squared" in progress


def test_demo_says_where_its_picture_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "fallline-demo.png"
    assert lines_of(monkeypatch, tmp_path, picture=True)[-1] == f"Picture: {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_demo_without_matplotlib_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = lines_of(monkeypatch, tmp_path, picture=False)
    assert "pip install 'fallline[plot]'" in lines[-1]
    assert not list(tmp_path.iterdir())


def test_picture_shows_a_diverging_run_and_needs_no_global_state() -> None:
    pytest.importorskip("matplotlib")
    program = """
import sys
from fallline import plots
assert "matplotlib" not in sys.modules
curves, landscape = plots.draw().axes
losses = [line.get_ydata() for line in curves.lines if len(line.get_ydata()) > 1]
assert sum(loss[-1] > loss[0] for loss in losses) == 1
assert len(losses) == 3
assert landscape.get_title(loc="left") and curves.get_title(loc="left")
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
