"""Read a table of numbers from a CSV file, with errors that name the line and the column."""

import csv
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from fallline.typing import Float64Array


@dataclass(frozen=True)
class Table:
    """Columns of a CSV file.

    Parameters
    ----------
    names : tuple of str
        Names of the features.
    X : ndarray of shape (n_samples, n_features)
        Their values, float64 and finite.
    target : list of str
        Cells of the target column, stripped; empty if none was asked for.
    """

    names: tuple[str, ...]
    X: Float64Array
    target: list[str]


def read_table(
    path: Path,
    *,
    target: str | None = None,
    ignore: Sequence[str] = (),
    features: Sequence[str] | None = None,
) -> Table:
    r"""Read the columns that are needed, and only those: others may hold anything.

    Parameters
    ----------
    path : Path
        CSV file in UTF-8, comma-separated, with a header line.
    target : str or None, default=None
        Column to be returned as text.
    ignore : sequence of str, default=()
        Columns that are no features.
    features : sequence of str or None, default=None
        Features in the order wanted; None takes all columns but `target` and `ignore`.

    Returns
    -------
    table : Table
        Features as numbers and the target as text.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not such a table: unknown or repeated column, ragged line, no rows, or a cell that
        is missing or not a finite number.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fallline._table import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "trees.csv")
    ...     _ = path.write_text("height,age,kind\n3.5,10,oak\n2.0,4,elm\n")
    ...     table = read_table(path, target="kind")
    >>> table.names, table.X.tolist(), table.target
    (('height', 'age'), [[3.5, 10.0], [2.0, 4.0]], ['oak', 'elm'])
    """
    lines = _lines(path)
    header = _header(path, next(lines, (1, []))[1])
    _require(path, header, [*([] if target is None else [target]), *ignore, *(features or [])])
    if features is None:
        features = [name for name in header if name != target and name not in ignore]
    if not features:
        message = f"{path} has no column left to learn from"
        raise ValueError(message)
    columns = [header.index(name) for name in features]
    target_column = None if target is None else header.index(target)
    values, numbers, targets = array("d"), array("q"), []
    for number, cells in lines:
        if len(cells) != len(header):
            problem = f"must have the {len(header)} cells of the first line, got {len(cells)}"
            _reject(path, number, problem)
        try:
            values.extend([float(cells[k]) for k in columns])
        except ValueError:
            wrong = next(k for k in columns if not _is_number(cells[k]))
            _reject_cell(path, number, header[wrong], cells[wrong])
        numbers.append(number)
        if target_column is not None:
            cell = cells[target_column].strip()
            if not cell:
                _reject_cell(path, number, header[target_column], cell)
            targets.append(cell)
    if not numbers:
        message = f"{path} has no rows below its first line"
        raise ValueError(message)
    X = np.frombuffer(values).reshape(len(numbers), len(features))
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        _reject_cell(path, numbers[row], features[column], str(X[row, column]))
    return Table(tuple(features), X, targets)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and cells of the lines that are not blank."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
        except csv.Error as error:
            _reject(path, reader.line_num, f"must be CSV, got something else ({error})")
        except UnicodeDecodeError as error:  # read ahead, so its line is not known
            message = f"{path} must be text in UTF-8, got something else ({error})"
            raise ValueError(message) from None


def _header(path: Path, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    if not header:
        message = f"{path} is empty; its first line must name the columns"
        raise ValueError(message)
    if all(map(_is_number, header)):
        _reject(path, 1, f"must name the columns, got {_listed(header)}")
    for k, name in enumerate(header):
        if not name:
            _reject(path, 1, f"must name every column, got no name for column {k + 1}")
        if name in header[:k]:
            _reject(path, 1, f"must name columns differently, got {name!r} twice")
    return header


def _require(path: Path, header: list[str], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in header]
    if missing:
        message = f"{path} has no column {_listed(missing)}; it has {_listed(header)}"
        raise ValueError(message)


def _reject_cell(path: Path, line: int, column: str, cell: str) -> NoReturn:
    found = f"got {cell!r}" if cell.strip() else "but the cell is empty"
    requirement = "must be a finite number" if cell.strip() else "must have a value"
    remedy = "correct it, leave the row out, or train without the column (--ignore)"
    _reject(path, line, f"column {column!r} {requirement}, {found}; {remedy}")


def _reject(path: Path, line: int, problem: str) -> NoReturn:
    message = f"{path}, line {line}: {problem}"
    raise ValueError(message)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
