"""The command line, end to end on files: train, predict, and one clear line for every mistake."""

import csv
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.cli import main

Columns = dict[str, Sequence[Any]]


def write_csv(path: Path, columns: Columns) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def make_columns(n: int = 200) -> Columns:
    """Trees: two features of very different scale, a number and a label that follow from them."""
    rng = np.random.default_rng(0)
    age, width = rng.normal(5e3, 1e3, n), rng.normal(2e-3, 1e-3, n)
    height = 3.0 + 2e-3 * age + 1e3 * width
    kind = np.where(age / 1e3 + width * 1e3 > 7.0, "oak", "elm")
    columns = {"age": age, "width": width, "height": height, "kind": kind}
    return {name: column.tolist() for name, column in columns.items()}


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_csv(Path("trees.csv"), make_columns())


def predictions(text: str) -> dict[str, list[str]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_numbers_are_learnt_and_predicted_in_their_own_units(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(trees), "--target", "height", "--ignore", "kind", "--alpha", "0"]
    assert main([*command, "--output", "model.npz"]) == 0
    printed = capsys.readouterr().out
    assert "squared loss" in printed
    assert "R^2 1.0000" in printed
    assert "python -m fallline predict model.npz" in printed

    fit = fl.load("model.npz")
    assert fit.feature_names == ("age", "width")
    assert fit.coef == pytest.approx([2e-3, 1e3], rel=1e-2)
    assert main(["predict", "model.npz", str(trees)]) == 0
    predicted = predictions(capsys.readouterr().out)
    assert list(predicted) == ["prediction"]
    expected = make_columns()["height"]
    assert [float(cell) for cell in predicted["prediction"]] == pytest.approx(expected, rel=1e-2)


def test_labels_are_predicted_as_they_were_written_with_a_probability(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(trees), "--target", "kind", "--ignore", "height"]) == 0
    assert "logistic loss" in capsys.readouterr().out
    assert main(["predict", "trees.npz", str(trees), "--output", "out.csv"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "200 predictions" in captured.err
    predicted = predictions(Path("out.csv").read_text(encoding="utf-8"))
    assert list(predicted) == ["prediction", "probability_oak"]
    kinds = make_columns()["kind"]
    right = [p == kind for p, kind in zip(predicted["prediction"], kinds, strict=True)]
    assert np.mean(right) > 0.95
    for label, probability in zip(*predicted.values(), strict=True):
        assert (label == "oak") == (float(probability) > 0.5)


def test_the_saved_model_is_the_one_of_standardised_columns(trees: Path) -> None:
    assert main(["train", str(trees), "--target", "kind", "--ignore", "height"]) == 0
    columns = make_columns()
    X = np.column_stack([columns["age"], columns["width"]])
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    trainer = fl.Trainer(fl.losses.Logistic(), penalty=fl.penalties.L2(1e-4))
    expected = trainer.fit(Z, columns["kind"])
    assert expected.status == fl.load("trees.npz").status == "certified"
    # Folding mean and deviation into the weights rounds a few terms of the size of mean / std.
    margins = fl.load("trees.npz").decision_function(X)
    assert margins == pytest.approx(expected.decision_function(Z), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "loss", "written"),
    [
        (["0", "1"], "logistic", {"0", "1"}),
        (["1.5", "2.5"], "logistic", {"1.5", "2.5"}),
        (["no", "yes"], "logistic", {"no", "yes"}),
        (["1", "2", "3"], "squared", None),
    ],
)
def test_the_target_chooses_the_loss(
    labels: list[str],
    loss: str,
    written: set[str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    n = 12 * len(labels)
    file = write_csv(
        Path("f.csv"), {"x": range(n), "y": [labels[i * len(labels) // n] for i in range(n)]}
    )
    assert main(["train", str(file), "--target", "y"]) == 0
    assert f"{loss} loss" in capsys.readouterr().out
    assert fl.load("f.npz").loss.name == loss
    assert main(["predict", "f.npz", str(file)]) == 0
    if written is not None:
        assert set(predictions(capsys.readouterr().out)["prediction"]) == written


def test_two_numbers_may_be_fitted_as_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("f.csv"), {"x": range(20), "y": [0, 1] * 10})
    assert main(["train", "f.csv", "--target", "y", "--loss", "squared"]) == 0
    assert fl.load("f.npz").classes is None


def test_predict_matches_columns_by_name_and_ignores_others(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", str(trees), "--target", "kind", "--ignore", "height"])
    capsys.readouterr()
    main(["predict", "trees.npz", str(trees)])
    expected = capsys.readouterr().out
    columns = make_columns()
    shuffled = {"note": ["text"] * 200, "width": columns["width"], "age": columns["age"]}
    write_csv(Path("other.csv"), shuffled)
    assert main(["predict", "trees.npz", "other.csv"]) == 0
    assert capsys.readouterr().out == expected


def test_predict_takes_columns_in_order_for_a_model_without_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fl.save(fl.Fit(np.array([1.0, 10.0]), 0.5, fl.losses.Squared()), "model.npz")
    write_csv(Path("f.csv"), {"b": [1], "a": [2]})
    assert main(["predict", "model.npz", "f.csv"]) == 0
    assert predictions(capsys.readouterr().out) == {"prediction": ["21.5"]}


def test_held_out_rows_are_scored_and_not_trained_on(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(trees), "--target", "height", "--ignore", "kind"]
    assert main([*command, "--validation-fraction", "0.25"]) == 0
    printed = capsys.readouterr().out
    assert "held-out rows: loss" in printed
    assert fl.load("trees.npz").report["bytes_per_pass"] == 150 * 2 * 8


def test_constant_columns_and_blank_lines_are_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"0.1,{i},{2 * i}\n\n" for i in range(30))
    Path("f.csv").write_text("\ufeffc, x ,y\n" + rows, encoding="utf-8")  # with a byte order mark
    assert main(["train", "f.csv", "--target", "y", "--alpha", "0"]) == 0
    fit = fl.load("f.npz")
    assert fit.feature_names == ("c", "x")
    assert fit.coef == pytest.approx([0.0, 2.0], abs=1e-2)


GOOD = "x,y\n1,0\n2,1\n3,0\n"
MISTAKES = {
    "no such file": ("train", None, [], "No such file"),
    "empty file": ("train", "", [], "is empty; its first line must name the columns"),
    "no rows": ("train", "x,y\n", [], "has no rows"),
    "no header": ("train", "1,2\n3,4\n", [], "line 1: must name the columns, got '1', '2'"),
    "nameless column": ("train", ",y\n1,2\n", [], "got no name for column 1"),
    "repeated column": ("train", "x,x,y\n1,2,3\n", [], "got 'x' twice"),
    "ragged line": ("train", "x,y\n1,2\n3\n", [], "line 3: must have the 2 cells"),
    "text": (
        "train",
        "x,y\n1,2\nn/a,4\n",
        [],
        "line 3: column 'x' must be a finite number, got 'n/a'",
    ),
    "empty cell": ("train", "x,y\n1,2\n,4\n", [], "line 3: column 'x' must have a value"),
    "empty target": ("train", "x,y\n1,2\n2, \n", [], "line 3: column 'y' must have a value"),
    "nan": (
        "train",
        "x,y\n1,2\n\nnan,4\n",
        [],
        "line 4: column 'x' must be a finite number, got 'nan'",
    ),
    "inf": (
        "train",
        "x,y\ninf,2\n1,4\n",
        [],
        "line 2: column 'x' must be a finite number, got 'inf'",
    ),
    "bad quotes": ("train", 'x,y\n"1"2,3\n', [], "line 2: must be CSV"),
    "unknown target": ("train", GOOD, ["--target", "z"], "has no column 'z'; it has 'x', 'y'"),
    "unknown ignore": ("train", GOOD, ["--ignore", "z"], "has no column 'z'"),
    "nothing left": ("train", GOOD, ["--ignore", "x"], "has no column left to learn from"),
    "three labels": ("train", "x,y\n1,a\n2,b\n3,c\n", [], "must hold two different labels"),
    "one label": ("train", "x,y\n1,a\n2,a\n", [], "got 1: a"),
    "squared text": ("train", "x,y\n1,a\n2,b\n", ["--loss", "squared"], "must hold numbers"),
    "alpha": ("train", GOOD, ["--alpha", "-1"], "alpha must be"),
    "all held out": ("train", GOOD, ["--validation-fraction", "1"], "must be in [0, 1), got 1.0"),
    "no folder": ("train", GOOD, ["--output", "nowhere/m.npz"], "must lie in a folder that exists"),
    "missing column": ("predict", "y\n1\n", [], "has no column 'x'; it has 'y'"),
    "predict text": ("predict", "x\none\n", [], "line 2: column 'x' must be a finite number"),
    "predict nothing": ("predict", "x\n", [], "has no rows"),
}


@pytest.mark.parametrize(
    ("command", "content", "options", "complaint"), MISTAKES.values(), ids=MISTAKES
)
def test_a_mistake_gets_one_clear_line_and_code_2(
    command: str,
    content: str | None,
    options: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    fit = fl.Fit(np.array([1.0]), 0.0, fl.losses.Squared(), feature_names=("x",))
    fl.save(fit, "model.npz")
    if content is not None:
        Path("f.csv").write_text(content, encoding="utf-8")
    before = ["model.npz", "f.csv"] if command == "predict" else ["f.csv", "--target", "y"]
    assert main([command, *before, *options]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("fallline: error: ")
    assert complaint in last
    assert not Path("f.npz").exists()


def test_a_file_that_is_not_utf8_is_a_mistake(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.write_bytes("größe,y\n1,2\n".encode("latin-1"))
    assert main(["train", str(trees), "--target", "y"]) == 2
    assert "trees.csv must be text in UTF-8" in capsys.readouterr().err


def test_what_is_no_model_is_a_mistake(trees: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(trees), str(trees)]) == 2
    assert "is not a fallline model" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train", "f.csv"], ["train"], ["predict"]])
def test_a_wrong_command_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2


def test_a_warning_is_one_line(trees: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(trees), "--target", "kind", "--ignore", "height", "--alpha", "0"]
    assert main(command) == 0  # the kind follows from the columns
    assert "fallline: warning: the solver found a plane" in capsys.readouterr().err


def test_info_says_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    assert fl.__version__ in capsys.readouterr().out


def run(arguments: list[str], folder: Path, **options: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "fallline", *arguments]
    return subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def test_ctrl_c_keeps_the_model_reached(
    trees: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fl.callbacks.Progress, "on_epoch_end", interrupt)
    assert main(["train", str(trees), "--target", "kind", "--ignore", "height"]) == 130
    captured = capsys.readouterr()
    assert "keeping the model so far" in captured.err
    assert "wrote trees.npz" in captured.out
    assert fl.load("trees.npz").status == "interrupted"


def test_a_reader_that_has_seen_enough_is_no_error(trees: Path) -> None:
    main(["train", str(trees), "--target", "kind", "--ignore", "height"])
    write_csv(Path("long.csv"), make_columns(20_000))
    with run(["predict", "trees.npz", "long.csv"], trees.absolute().parent) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "prediction,probability_oak\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_bench_gives_numpy_one_blas_thread(tmp_path: Path) -> None:
    program = """
import os, sys
from fallline import cli
from fallline.bench import ratios
ratios.report = lambda plan: [os.environ["OPENBLAS_NUM_THREADS"], str(plan is ratios.QUICK)]
raise SystemExit(cli.main())
"""
    script = tmp_path / "bench.py"
    script.write_text(program)
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "7"}
    done = subprocess.run(
        [sys.executable, str(script), "bench", "--quick"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "True"]


def test_a_file_that_is_read_is_never_written_over(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trees.read_bytes()
    assert main(["train", str(trees), "--target", "kind", "--output", str(trees)]) == 2
    assert "--output must be another file than trees.csv" in capsys.readouterr().err
    assert main(["train", str(trees), "--target", "kind", "--output", "no/such.npz"]) == 2
    assert "--output must lie in a folder that exists" in capsys.readouterr().err
    assert main(["train", str(trees), "--target", "kind", "--output", "model.npz"]) == 0
    assert main(["predict", "model.npz", str(trees), "--output", str(trees)]) == 2
    assert trees.read_bytes() == before


def test_a_fraction_that_leaves_no_row_is_refused(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(trees), "--target", "kind", "--validation-fraction", "0.999"]
    assert main(command) == 2
    assert "leaves none to train on" in capsys.readouterr().err
