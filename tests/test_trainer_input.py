"""What `Trainer.fit` accepts as data, and what it copies."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.typing import FloatArray

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

N, D = 60, 5


def integers() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Small integers, which every dtype holds exactly."""
    return np.random.default_rng(0).integers(-2, 3, (N, D))


def fit(X: object, y: object, **options: Any) -> fl.Fit:
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.05), batch_size=16, epochs=3)
    return trainer.fit(X, y, **options)


def padded(dtype: type) -> FloatArray:
    """Rows within longer rows."""
    wide: FloatArray = np.zeros((N, D + 3), dtype)
    wide[:, 1 : D + 1] = integers()
    view: FloatArray = wide[:, 1 : D + 1]
    return view


def read_only(dtype: type) -> FloatArray:
    array: FloatArray = integers().astype(dtype)
    array.flags.writeable = False
    return array


def every_other_row(dtype: type) -> FloatArray:
    view: FloatArray = np.repeat(integers(), 2, axis=0).astype(dtype)[::2]
    return view


class Table:
    """What NumPy can read, as a data frame: in place, or put together anew each time."""

    def __init__(self, X: FloatArray, *, copies: bool) -> None:
        self.X, self.copies = X, copies

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        new = self.copies or copy
        return self.X.astype(dtype or self.X.dtype) if new else self.X.view()


def table(dtype: type) -> Table:
    return Table(integers().astype(dtype), copies=False)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [padded, read_only, every_other_row, table])
def test_float_rows_are_read_in_place(make: Any, dtype: type) -> None:
    X = make(dtype)
    y = integers().sum(axis=1).astype(dtype)
    result = fit(X, y)
    assert result.report["copied_bytes"] == 0
    assert result.coef.dtype == dtype
    assert (result.coef == fit(np.ascontiguousarray(X), y).coef).all()


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda X: X.astype(">f4"), np.float32),
        (lambda X: X.astype(">i2"), np.float64),
        (lambda X: X.astype(np.longdouble), np.float64),
        (lambda X: X.tolist(), np.float64),
        (lambda X: X.astype(np.float64).tolist(), np.float64),
        (lambda X: Table(X.astype(np.float32), copies=True), np.float32),
    ],
    ids=[
        "swapped",
        "swapped integers",
        "longdouble",
        "list of ints",
        "list of floats",
        "table",
    ],
)
def test_anything_else_is_copied_once_and_counted(convert: Any, dtype: type) -> None:
    X = convert(integers())
    y = integers().sum(axis=1)
    result = fit(X, y)
    assert result.report["copied_bytes"] == N * D * np.dtype(dtype).itemsize
    assert result.coef.dtype == dtype
    same = fit(np.array(X, dtype, order="C"), y)
    assert same.report["copied_bytes"] == 0
    assert (result.coef == same.coef).all()


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_inputs_are_left_as_they_are(dtype: type) -> None:
    shapes = [(N, D), (N,), (N,), (D,), (10, D), (10,)]
    rng = np.random.default_rng(1)
    arrays: list[np.ndarray[Any, Any]] = [rng.integers(1, 4, n).astype(dtype) for n in shapes]
    X, y, s, coef, *last = arrays
    before = [array.copy() for array in arrays]
    held_out = (last[0], last[1])
    result = fit(X, y, sample_weight=s, coef=coef, intercept=1.0, validation=held_out)
    assert not np.shares_memory(result.coef, coef)
    assert all((a == b).all() for a, b in zip(arrays, before, strict=True))


@pytest.mark.parametrize("loss", [fl.losses.Logistic(), fl.losses.Hinge()], ids=str)
@pytest.mark.parametrize(
    "labels",
    [
        np.array(["no", "yes"]),
        np.array(["no", "yes"], object),
        np.array([False, True]),
        np.array([0, 1]),
        np.array([-1.0, 1.0]),
        np.array([3, 7], np.uint8),
    ],
    ids=["strings", "objects", "bools", "zero-one", "signs", "bytes"],
)
def test_labels_are_only_names(labels: np.ndarray[Any, Any], loss: fl.losses.Loss) -> None:
    X = integers().astype(np.float64)
    second = X.sum(axis=1) > 0
    trainer = fl.Trainer(loss, optimizer=fl.optim.SGD(0.05), epochs=3)
    signs = trainer.fit(X, np.where(second, 1, -1))
    named = trainer.fit(X, labels[second.astype(int)])
    assert (named.coef == signs.coef).all()
    assert named.intercept == signs.intercept
    assert named.classes is not None
    assert named.classes.tolist() == labels.tolist()
    assert (named.predict(X) == labels[(signs.decision_function(X) > 0).astype(int)]).all()


def test_tables_of_one_kind_are_read_in_place_and_others_copied_and_counted() -> None:
    pandas = pytest.importorskip("pandas")
    X, y = integers(), integers().sum(axis=1)
    for dtype in (np.float32, np.int8):
        table = pandas.DataFrame(X.astype(dtype), columns=list("abcde"))
        assert fit(table, y).report["copied_bytes"] == 0
    table = pandas.DataFrame(X.astype(np.float32), columns=list("abcde"))
    mixed = table.astype({"b": np.float64})
    result = fit(mixed, y)
    assert result.report["copied_bytes"] == N * D * 8
    assert (result.coef == fit(X.astype(np.float64), y).coef).all()
