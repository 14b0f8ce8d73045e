"""What a trained model predicts, and what becomes of it on disk."""

import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.typing import Float64Array
from reference import sigmoid

LOSSES = {"squared": fl.losses.Squared(), "logistic": fl.losses.Logistic()}
LABELS: dict[str, tuple[Any, Any]] = {
    "signs": (-1, 1),
    "ints": (3, 7),
    "floats": (0.0, 1.5),
    "bools": (False, True),
    "strings": ("no", "yes, indeed"),
    "bytes": (b"a", b"b"),
    "dates": (np.datetime64("2020-01-01"), np.datetime64("2021-01-01")),
}


def rows(n_samples: int = 60) -> Float64Array:
    return np.random.default_rng(0).standard_normal((n_samples, 3))


def upper(X: Float64Array) -> Any:
    """A class that no line separates, so that training ends."""
    z = X @ [1.0, -2.0, 0.5] + 0.25
    z[::10] *= -1
    return z > 0


def trained(labels: Any = None, *, validation: bool = False, dtype: type = np.float64) -> fl.Fit:
    X: Any = np.asarray(rows(), dtype)
    y = X @ np.array([1.0, -2.0, 0.5], dtype) + 0.25 if labels is None else labels
    trainer = fl.Trainer(
        LOSSES["squared" if labels is None else "logistic"],
        optimizer=fl.optim.SGD(0.5),
        epochs=400,
    )
    return trainer.fit(X, y, validation=(X, y) if validation else None)


def labelled(name: str) -> Any:
    low, high = LABELS[name]
    return np.where(upper(rows()), high, low)


def assert_equal(first: fl.Fit, second: fl.Fit) -> None:
    assert vars(first).keys() == vars(second).keys()
    for name, value in vars(first).items():
        other = getattr(second, name)
        if isinstance(value, np.ndarray):
            assert value.dtype == other.dtype, name
            np.testing.assert_array_equal(value, other)
        elif name == "history":
            assert list(value.items()) == list(other.items())
            assert type(value) is type(other)
        else:
            assert value == other or (name == "gap" and np.isnan([value, other]).all()), name
            assert type(value) is type(other), name


# Predictions.


def test_margins_are_what_the_formula_says() -> None:
    X, fit = rows(), fl.Fit(np.array([1.0, -2.0, 0.5]), 0.25, fl.losses.Squared())
    expected = X @ fit.coef + 0.25
    np.testing.assert_allclose(fit.decision_function(X), expected, rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(fit.predict(X), fit.decision_function(X))


def test_regression_recovers_the_line() -> None:
    fit = trained()
    assert fit.classes is None
    np.testing.assert_allclose(fit.coef, [1.0, -2.0, 0.5], rtol=1e-6)
    assert fit.intercept == pytest.approx(0.25, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("trained_in", [np.float32, np.float64])
def test_predictions_have_the_dtype_of_X(dtype: type, trained_in: type) -> None:
    X: Any = np.asarray(rows(), dtype)
    regression = trained(dtype=trained_in)
    assert regression.coef.dtype == trained_in
    for values in (regression.predict(X), regression.decision_function(X)):
        assert values.dtype == dtype
        assert values.shape == (60,)
    classifier = trained(labelled("signs"), dtype=trained_in)
    assert classifier.predict_proba(X).dtype == dtype


@pytest.mark.parametrize(
    ("given", "dtype"), [(np.int64, np.float64), (np.float16, np.float32), (">f4", np.float32)]
)
def test_other_dtypes_predict_as_they_train(given: Any, dtype: type) -> None:
    X = np.round(4 * rows()).astype(given)
    predicted = trained().predict(X)
    assert predicted.dtype == dtype
    np.testing.assert_array_equal(predicted, trained().predict(X.astype(dtype)))


@pytest.mark.parametrize("name", LABELS)
def test_labels_come_back_as_they_were(name: str) -> None:
    X, y = rows(), labelled(name)
    fit = trained(y)
    assert fit.classes is not None
    assert fit.classes.tolist() == np.unique(y).tolist()
    predicted = fit.predict(X)
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted, np.where(fit.decision_function(X) > 0, *y_pair(y)))
    assert np.mean(predicted == y) > 0.85


def y_pair(y: Any) -> tuple[Any, Any]:
    low, high = np.unique(y)
    return high, low


@pytest.mark.parametrize("flipped", [False, True])
def test_the_second_class_in_sorted_order_is_the_positive_one(flipped: bool) -> None:
    low, high = ("b", "a") if flipped else ("a", "b")
    X = rows()
    fit = trained(np.where(upper(X), high, low))
    plain = trained(labelled("signs"))
    np.testing.assert_allclose(fit.coef, -plain.coef if flipped else plain.coef, rtol=1e-9)


def test_probabilities_are_the_sigmoid_of_margins() -> None:
    X, fit = rows(), trained(labelled("ints"))
    probabilities = fit.predict_proba(X)
    expected = sigmoid(X @ fit.coef + fit.intercept)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities[:, 1], expected, rtol=1e-12)
    np.testing.assert_allclose(probabilities[:, 0], 1 - expected, rtol=1e-9)
    np.testing.assert_array_equal(fit.predict(X) == 7, probabilities[:, 1] > 0.5)


def test_a_margin_of_zero_is_the_first_class() -> None:
    fit = fl.Fit(np.zeros(3), 0.0, fl.losses.Hinge(), np.array(["a", "b"]))
    assert fit.predict(rows(2)).tolist() == ["a", "a"]


# On disk.


@pytest.mark.parametrize("validation", [False, True])
@pytest.mark.parametrize("name", [None, *LABELS])
def test_what_is_loaded_equals_what_was_saved(
    name: str | None, validation: bool, tmp_path: Path
) -> None:
    fit = trained(None if name is None else labelled(name), validation=validation)
    assert ("validation_loss" in fit.history) == validation
    fit.feature_names = ("height", "größe", "")
    fl.save(fit, tmp_path / "model.npz")
    loaded = fl.load(tmp_path / "model.npz")
    assert_equal(fit, loaded)
    np.testing.assert_array_equal(fit.predict(rows()), loaded.predict(rows()))


@pytest.mark.parametrize("status", ["stopped", "interrupted", "diverged"])
@pytest.mark.parametrize("loss", [fl.losses.Squared(), fl.losses.Hinge()], ids=repr)
def test_a_model_made_by_hand_is_kept(status: str, loss: fl.losses.Loss, tmp_path: Path) -> None:
    history = fl.callbacks.History()
    history.append(epoch=1, running_loss=float("inf"))
    coef = np.array([1.5, -0.1], np.float32)
    fit = fl.Fit(coef, 0.1, loss, history=history, status=status, report={"seconds": 0.1})
    fl.save(fit, str(tmp_path / "no_suffix"))
    assert [path.name for path in tmp_path.iterdir()] == ["no_suffix"]
    assert_equal(fit, fl.load(str(tmp_path / "no_suffix")))


@pytest.mark.parametrize("pair", [("a", "bcd"), (1, 2), (False, True), (0.5, 1.5)], ids=str)
def test_object_labels_are_saved_in_their_own_dtype(pair: Any, tmp_path: Path) -> None:
    y = np.array([pair[1] if up else pair[0] for up in upper(rows())], object)
    fit = trained(y)
    fl.save(fit, tmp_path / "model.npz")
    loaded = fl.load(tmp_path / "model.npz")
    assert fit.classes is not None
    assert loaded.classes is not None
    assert loaded.classes.dtype == np.array(pair).dtype
    assert loaded.classes.tolist() == fit.classes.tolist() == list(pair)
    assert loaded.predict(rows()).tolist() == fit.predict(rows()).tolist()


def test_labels_that_only_pickling_could_write_are_refused(tmp_path: Path) -> None:
    odd = np.array([complex, dict], object)
    fit = fl.Fit(np.zeros(3), 0.0, fl.losses.Hinge(), odd)
    with pytest.raises(TypeError, match=r"classes must be strings, numbers or bools .*got .*dict"):
        fl.save(fit, tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


def test_the_file_has_no_pickle(tmp_path: Path) -> None:
    fl.save(trained(labelled("strings").astype(object)), tmp_path / "model.npz")
    with zipfile.ZipFile(tmp_path / "model.npz") as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            content = archive.read(name)
            assert content.startswith(b"\x93NUMPY"), name
            assert b"'|O'" not in content, name
            with pytest.raises(ValueError, match="opcode"):
                list(pickletools.genops(content))


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    old = trained()
    fl.save(old, path)

    def full(*_: object) -> None:
        message = "no space left"
        raise OSError(message)

    monkeypatch.setattr(os if failing == "fsync" else Path, failing, full)
    with pytest.raises(OSError, match="no space left"):
        fl.save(trained(labelled("ints")), path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]
    assert_equal(old, fl.load(path))
    new = trained(labelled("ints"))
    fl.save(new, path)
    assert_equal(new, fl.load(path))
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fl.save(trained(), tmp_path / "absent" / "model.npz")
    with pytest.raises(IsADirectoryError):
        fl.save(trained(), tmp_path)
    with pytest.raises(FileNotFoundError):
        fl.load(tmp_path / "absent")
    assert not list(tmp_path.iterdir())


class Trap:
    """Ends the program when it is unpickled, which no `except Exception` hides."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('code of the file was run')",))


def write_npz(path: Path, **changes: Any) -> None:
    fl.save(trained(), path)
    with np.load(path) as archive:
        arrays = {**archive, **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


NO_MODELS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("height,age\n1,2\n"),
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Trap())),
    "another npz": lambda path: np.savez(path, a=np.ones(3)),
    "pickled format": lambda path: write_npz(path, format=np.array(Trap(), object)),
    "pickled weights": lambda path: write_npz(path, coef=np.array([Trap()], object)),
    "pickled classes": lambda path: write_npz(path, classes=np.array([Trap(), 1], object)),
    "no weights": lambda path: write_npz(path, coef=None),
    "no history": lambda path: write_npz(path, history=None),
    "history no json": lambda path: write_npz(path, history="{"),
    "unknown loss": lambda path: write_npz(path, loss="quartic"),
}


@pytest.mark.parametrize("kind", NO_MODELS)
def test_what_is_no_model_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    NO_MODELS[kind](path)
    with pytest.raises(ValueError, match=r"model\.npz is not a fallline model; .* fl\.save$"):
        fl.load(path)


def test_an_array_file_is_no_model(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones(3))
    with pytest.raises(ValueError, match=r"x\.npy is not a fallline model; expected"):
        fl.load(tmp_path / "x.npy")


def test_the_format_of_another_version_is_named(tmp_path: Path) -> None:
    write_npz(tmp_path / "model.npz", format="fallline model 99")
    with pytest.raises(ValueError, match="of format 'fallline model 1'; got 'fallline model 99'"):
        fl.load(tmp_path / "model.npz")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    fl.save(fl.Fit(np.ones(3), 0.0, fl.losses.Squared()), tmp_path / "model.npz")
    whole = (tmp_path / "model.npz").read_bytes()
    short = tmp_path / "short.npz"
    for size in range(0, len(whole), 23):
        short.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"short\.npz is not a fallline model"):
            fl.load(short)


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    fit = fl.Fit(np.ones(3), 0.0, fl.losses.Squared())
    fl.save(fit, tmp_path / "model.npz")
    whole = (tmp_path / "model.npz").read_bytes()
    damaged = tmp_path / "damaged.npz"
    places = range(0, len(whole), 5)
    refused = harmless = 0
    for place in places:
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            loaded = fl.load(damaged)
        except ValueError as error:
            refused += "damaged.npz is not a fallline model" in str(error)
        else:
            harmless += 1
            assert_equal(fit, loaded)
    assert refused + harmless == len(places)
    assert refused > harmless


def test_a_table_with_other_columns_is_refused() -> None:
    class Table:
        def __init__(self, X: Float64Array, columns: list[str]) -> None:
            self.X, self.columns = X, columns

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Float64Array:
            return self.X

    X = np.eye(3)[:, :2]
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.5), epochs=100)
    fit = trainer.fit(Table(X, ["a", "b"]), X[:, 0])
    assert fit.feature_names == ("a", "b")
    np.testing.assert_array_equal(fit.predict(Table(X, ["a", "b"])), fit.predict(X))
    with pytest.raises(
        ValueError, match=r"X must have the columns .* \['a', 'b'\].*got \['b', 'a'\]"
    ):
        fit.predict(Table(X, ["b", "a"]))
    with pytest.raises(ValueError, match=r"validation X must have the columns .* got \['b', 'a'\]"):
        trainer.fit(Table(X, ["a", "b"]), X[:, 0], validation=(Table(X, ["b", "a"]), X[:, 0]))
