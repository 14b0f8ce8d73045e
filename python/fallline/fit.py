"""A trained model: what it has learnt, how that went, and what it predicts."""

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from fallline import _core, _heads, losses
from fallline._probability import (
    clipped_probabilities,
    one_against_rest,
    probabilities,
    softmax,
)
from fallline._standardization import margins
from fallline._validation import (
    as_dtype,
    as_matrix,
    check_columns,
    column_names,
    computed_in,
)
from fallline.history import History
from fallline.losses import Loss
from fallline.report import Report
from fallline.typing import FloatArray, Intercept


class Fit:
    """A trained linear model.

    Parameters
    ----------
    coef : ndarray of shape (n_features,) or (n_features, n_outputs)
        Weights, in the dtype of the data; a column for each target, or for each class where there
        are more than two, or the loss is `Softmax`.
    intercept : float or ndarray of shape (n_outputs,)
        Intercept, or one for each output, in float64.
    loss : Loss
        What it was trained with.
    classes : ndarray of shape (n_classes,), default=None
        The labels in sorted order; None for regression.
    history : History, default=None
        One entry per epoch.
    status : str, default="budget"
        How training ended: "budget" (all epochs done, or out of time), "stopped" (by a callback),
        "interrupted" (Ctrl-C) or "diverged"; or as a solver ends, see `Trainer`.
    gap : float, default=nan
        F less the smallest F there is: at most that where the status is "certified", an estimate
        elsewhere, and NaN where nothing is known.
    report : mapping, default=None
        What was done and what it cost; a `Report`.
    feature_names : tuple of str, default=None
        Names of the columns.
    shift : ndarray of shape (n_features,), default=None
        A point among the rows: margins are computed as (X - shift)·coef + (intercept + shift·coef),
        which loses no digits where columns are far from zero for their spread.
    """

    def __init__(
        self,
        coef: FloatArray,
        intercept: Intercept,
        loss: Loss,
        classes: np.ndarray[Any, Any] | None = None,
        *,
        history: History | None = None,
        status: str = "budget",
        gap: float = math.nan,
        report: Mapping[str, Any] | None = None,
        feature_names: tuple[str, ...] | None = None,
        shift: FloatArray | None = None,
    ) -> None:
        self.coef = coef
        self.intercept = intercept
        self.loss = loss
        self.classes = classes
        self.history = History() if history is None else history
        self.status = status
        self.gap = gap
        self.report = Report({} if report is None else report)
        self.feature_names = feature_names
        self.shift = shift

    def __repr__(self) -> str:
        size = f"{len(self.coef)} features"
        if self.coef.ndim == 2:
            size += f" and {self.coef.shape[1]} outputs"
        return f"<Fit of {self.loss!r} on {size}, status {self.status!r}>"

    def __str__(self) -> str:
        page = f"{self!r}\n{self.report}" if self.report else repr(self)
        return page.rstrip()

    def decision_function(self, X: object) -> FloatArray:
        """Return the margins X·coef + intercept.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of finite numbers; sparse ones in CSR format.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the dtype that `Trainer.fit` computes with X in.

        Raises
        ------
        ValueError
            If X is not usable, has another number of features than the model, or is a table whose
            columns have other names.
        """
        check_columns(column_names(X), self.feature_names)
        matrix, _ = as_matrix(X)
        n_features = len(self.coef)
        if matrix.shape[1] != n_features:
            message = (
                f"X has {matrix.shape[1]} features, but this model was fitted with {n_features}"
            )
            raise ValueError(message)
        coef = as_dtype(self.coef, computed_in(matrix))
        if isinstance(self.intercept, np.ndarray):
            return _heads.margins(matrix, coef, self.intercept, self.shift)
        return margins(matrix, coef, self.intercept, self.shift)

    def predict(self, X: object) -> np.ndarray[Any, Any]:
        """Return predicted numbers, or labels where the model classifies.

        Numbers are means: the exponential of the margin where the loss says that the margin is the
        logarithm of the mean (`Poisson`, `Gamma`, `Tweedie`), else the margin itself.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of finite numbers; sparse ones in CSR format.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_targets) for several targets
            Predictions; of more than two classes the one with the highest margin.

        Raises
        ------
        ValueError
            If X is not usable or has another number of features than the model.
        """
        found = self.decision_function(X)
        if self.classes is None:
            return _means(found) if self.loss.log_link else found
        of_row = found.argmax(axis=1) if found.ndim == 2 else (found > 0).astype(np.intp)
        return cast("np.ndarray[Any, Any]", self.classes[of_row])

    def predict_proba(self, X: object) -> FloatArray:
        """Return the probabilities of the classes, for Softmax, Logistic and ModifiedHuber.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of finite numbers; sparse ones in CSR format.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1. With `Logistic` and more than two classes they are the probabilities of
            each class against the rest, divided by their sum.

        Raises
        ------
        ValueError
            If the loss has no probabilities, or X is not usable.
        """
        if not isinstance(self.loss, losses.Softmax | losses.Logistic | losses.ModifiedHuber):
            message = (
                "predict_proba needs a model trained with Logistic(), ModifiedHuber() or "
                f"Softmax(), got {self.loss!r}"
            )
            raise ValueError(message)
        found = self.decision_function(X)
        if isinstance(self.loss, losses.Softmax):
            return softmax(found)
        clipped = isinstance(self.loss, losses.ModifiedHuber)
        if found.ndim == 2:
            return one_against_rest(found, clipped=clipped)
        return clipped_probabilities(found) if clipped else probabilities(found)


def _means(found: FloatArray) -> FloatArray:
    """Return the exponentials of margins of any shape."""
    return _core.evaluate("exp", found.reshape(-1)).reshape(found.shape)
