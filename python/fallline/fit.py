"""A trained model: what it has learnt, how that went, and what it predicts."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from fallline import _core, losses
from fallline._validation import as_dtype, as_matrix
from fallline.history import History
from fallline.losses import Loss
from fallline.typing import FloatArray

_FORMAT = "fallline model 1"


class Fit:
    """A trained linear model.

    Parameters
    ----------
    coef : ndarray of shape (n_features,)
        Weights, in the dtype of the data.
    intercept : float
        Intercept.
    loss : Loss
        What it was trained with.
    classes : ndarray of shape (2,), default=None
        The labels in sorted order; None for regression.
    history : History, default=None
        One entry per epoch.
    status : str, default="budget"
        How training ended: "budget" (all epochs done, or out of time), "stopped" (by a callback),
        "interrupted" (Ctrl-C) or "diverged".
    report : mapping, default=None
        What it cost: seconds, epochs, steps, bytes read and copied, threads, target.
    feature_names : tuple of str, default=None
        Names of the columns.
    """

    def __init__(
        self,
        coef: FloatArray,
        intercept: float,
        loss: Loss,
        classes: np.ndarray[Any, Any] | None = None,
        *,
        history: History | None = None,
        status: str = "budget",
        report: Mapping[str, Any] | None = None,
        feature_names: tuple[str, ...] | None = None,
    ) -> None:
        self.coef = coef
        self.intercept = intercept
        self.loss = loss
        self.classes = classes
        self.history = History() if history is None else history
        self.status = status
        self.report = {} if report is None else dict(report)
        self.feature_names = feature_names

    def __repr__(self) -> str:
        return f"<Fit of {self.loss!r} on {self.coef.size} features, status {self.status!r}>"

    def decision_function(self, X: object) -> FloatArray:
        """Return the margins X·coef + intercept.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of finite numbers.

        Returns
        -------
        ndarray of shape (n_samples,)
            In the dtype of X.

        Raises
        ------
        ValueError
            If X is not usable or has another number of features than the model.
        """
        matrix, _ = as_matrix(X)
        if matrix.shape[1] != self.coef.size:
            message = (
                f"X has {matrix.shape[1]} features, but this model was fitted with {self.coef.size}"
            )
            raise ValueError(message)
        coef = as_dtype(self.coef, matrix.dtype)
        return _core.margins(matrix, coef, self.intercept)

    def predict(self, X: object) -> np.ndarray[Any, Any]:
        """Return predicted numbers, or labels where the model classifies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of finite numbers.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predictions.

        Raises
        ------
        ValueError
            If X is not usable or has another number of features than the model.
        """
        margins = self.decision_function(X)
        if self.classes is None:
            return margins
        return self.classes[(margins > 0).astype(np.intp)]

    def predict_proba(self, X: object) -> FloatArray:
        """Return the probabilities of both classes, for the logistic loss.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of finite numbers.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Rows sum to 1.

        Raises
        ------
        ValueError
            If the loss has no probabilities, or X is not usable.
        """
        if not isinstance(self.loss, losses.Logistic):
            message = f"predict_proba needs a model trained with Logistic(), got {self.loss!r}"
            raise ValueError(message)
        margins = self.decision_function(X)
        # Both by the sigmoid: 1 - p would lose the digits of a small probability.
        pair = [_core.evaluate("sigmoid", sign * margins) for sign in (-1, 1)]
        return cast("FloatArray", np.stack(pair, axis=1))


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
        If ``fit`` is not a Fit.
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
        message = f"fit must be a Fit, got {type(fit).__name__}"
        raise TypeError(message)
    target = Path(path)
    arrays: dict[str, Any] = {
        "format": np.array(_FORMAT),
        "coef": fit.coef,
        "intercept": np.array(fit.intercept),
        "loss": np.array(fit.loss.name),
        "status": np.array(fit.status),
        "report": np.array(json.dumps(fit.report)),
        "history": np.array(json.dumps(dict(fit.history))),
    }
    if fit.classes is not None:
        arrays["classes"] = _plain(fit.classes)
    if fit.feature_names is not None:
        arrays["feature_names"] = np.array(fit.feature_names, dtype=np.str_)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
        If it is not a model of this library.
    """
    message = f"{os.fspath(path)} is not a fallline model; expected a file written by fl.save"
    try:
        archive = np.load(path, allow_pickle=False)
        found = str(archive["format"])
    except (ValueError, KeyError, EOFError, IndexError) as error:
        raise ValueError(message) from error
    if found != _FORMAT:
        message = f"{message}, of format {_FORMAT!r}; got {found!r}"
        raise ValueError(message)
    with archive:
        history = History()
        columns = json.loads(str(archive["history"]))
        for values in zip(*columns.values(), strict=True):
            history.append(**dict(zip(columns, values, strict=True)))
        names = archive["feature_names"].tolist() if "feature_names" in archive else None
        return Fit(
            archive["coef"],
            float(archive["intercept"]),
            _loss_named(str(archive["loss"])),
            archive.get("classes"),
            history=history,
            status=str(archive["status"]),
            report=json.loads(str(archive["report"])),
            feature_names=None if names is None else tuple(names),
        )


def _plain(classes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return labels in a dtype that can be written without pickling."""
    return classes.astype(np.str_) if classes.dtype == object else classes


def _loss_named(name: str) -> Loss:
    known = {kind.name: kind for kind in (losses.Squared, losses.Logistic, losses.Hinge)}
    return known[name]()
