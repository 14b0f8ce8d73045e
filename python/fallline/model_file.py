"""Models on disk: one ``.npz`` file of plain arrays, which any NumPy can read."""

import io
import math
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline import losses
from fallline.fit import Fit
from fallline.history import History
from fallline.losses import Loss

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = "fallline model 1"


def save(fit: Fit, path: str | os.PathLike[str]) -> None:
    """Write a model to a file.

    Parameters
    ----------
    fit : Fit
        The model.
    path : str or path-like
        File to write, usually ending in ``.npz``; replaced if it exists. It is written to a
        temporary file first, so that no reader ever sees half of it.

    Raises
    ------
    TypeError
        If ``fit`` is not a Fit, ``path`` is not a path, or the classes are labels of a kind that
        only pickling could write.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, fallline as fl, tempfile, pathlib
    >>> fit = fl.Fit(np.array([2.0]), 1.0, fl.losses.Squared())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.npz")
    ...     fl.save(fit, path)
    ...     fl.load(path).predict([[3.0]])
    array([7.])
    """
    if not isinstance(fit, Fit):
        message = f"fit must be a Fit, got {type(fit).__name__}; the order is save(fit, path)"
        raise TypeError(message)
    # json and pathlib, here and below: they would be half of what importing the package takes.
    import json

    target = _as_path(path)
    arrays: dict[str, Any] = {
        "format": np.array(_FORMAT),
        "coef": fit.coef,
        "intercept": np.array(fit.intercept),
        "loss": np.array(fit.loss.name),
        "loss_parameters": np.array(fit.loss.parameters),
        "status": np.array(fit.status),
        "gap": np.array(fit.gap),
        "report": np.array(json.dumps(fit.report)),
        "history": np.array(json.dumps(dict(fit.history))),
    }
    if fit.classes is not None:
        arrays["classes"] = _plain(fit.classes)
    if fit.feature_names is not None:
        arrays["feature_names"] = np.array(fit.feature_names, dtype=np.str_)
    if fit.shift is not None:
        arrays["shift"] = fit.shift
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Fit:
    """Read a model that `save` has written. No code of the file is run.

    Parameters
    ----------
    path : str or path-like
        File to read.

    Returns
    -------
    Fit
        The model, equal to the one that was saved.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not a model of this library, or a damaged one.
    """
    source = _as_path(path)
    message = f"{source} is not a fallline model; expected a file written by fl.save"
    content = io.BytesIO(source.read_bytes())
    try:
        archive = np.load(content, allow_pickle=False)
        found = str(archive["format"])
        if found == _FORMAT:
            return _read(archive)
    except Exception as error:  # damage shows as any of a dozen errors of zipfile, NumPy and json
        raise ValueError(message) from error
    message = f"{message}, of format {_FORMAT!r}; got {found!r}"
    raise ValueError(message)


def _read(archive: Any) -> Fit:
    import json

    history = History()
    columns = json.loads(str(archive["history"]))
    for values in zip(*columns.values(), strict=True):
        history.append(**dict(zip(columns, values, strict=True)))
    names = archive["feature_names"].tolist() if "feature_names" in archive else None
    return Fit(
        archive["coef"],
        archive["intercept"] if archive["intercept"].ndim else float(archive["intercept"]),
        _loss_named(str(archive["loss"]), archive.get("loss_parameters", ())),
        archive.get("classes"),
        history=history,
        status=str(archive["status"]),
        gap=float(archive["gap"]) if "gap" in archive else math.nan,
        report=json.loads(str(archive["report"])),
        feature_names=None if names is None else tuple(names),
        shift=archive.get("shift"),
    )


def _as_path(path: object) -> "Path":
    from pathlib import Path

    if not isinstance(path, str | os.PathLike):
        message = f"path must be a str or path-like, got {path!r}"
        raise TypeError(message)
    return Path(path)


def _plain(classes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return labels in a dtype that can be written without pickling."""
    plain = np.array(classes.tolist()) if classes.dtype.kind in "OT" else classes
    if plain.dtype == object or plain.shape != classes.shape:
        message = f"classes must be strings, numbers or bools to be saved, got {classes.tolist()}"
        raise TypeError(message)
    return plain


def _loss_named(name: str, parameters: Iterable[float]) -> Loss:
    kinds: list[type[Loss]] = [
        getattr(losses, public) for public in losses.__all__ if public != "Loss"
    ]
    kind = next(kind for kind in kinds if kind.name == name)
    return kind(*map(float, parameters))
