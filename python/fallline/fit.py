"""A trained model: what it has learnt, how that went, and what it predicts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fallline import _core, losses
from fallline._probability import clipped_probabilities, probabilities
from fallline._validation import as_dtype, as_matrix, check_columns, column_names
from fallline.history import History
from fallline.losses import Loss
from fallline.typing import FloatArray


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
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of finite numbers; sparse ones in CSR format.

        Returns
        -------
        ndarray of shape (n_samples,)
            In the dtype of X.

        Raises
        ------
        ValueError
            If X is not usable, has another number of features than the model, or is a table whose
            columns have other names.
        """
        check_columns(column_names(X), self.feature_names)
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

        Numbers are means: the exponential of the margin where the loss says that the margin is the
        logarithm of the mean (`Poisson`, `Gamma`, `Tweedie`), else the margin itself.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of finite numbers; sparse ones in CSR format.

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
            return _core.evaluate("exp", margins) if self.loss.log_link else margins
        return self.classes[(margins > 0).astype(np.intp)]

    def predict_proba(self, X: object) -> FloatArray:
        """Return the probabilities of both classes, for the logistic and modified Huber losses.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of finite numbers; sparse ones in CSR format.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Rows sum to 1.

        Raises
        ------
        ValueError
            If the loss has no probabilities, or X is not usable.
        """
        if isinstance(self.loss, losses.Logistic):
            return probabilities(self.decision_function(X))
        if isinstance(self.loss, losses.ModifiedHuber):
            return clipped_probabilities(self.decision_function(X))
        message = (
            "predict_proba needs a model trained with Logistic() or ModifiedHuber(), "
            f"got {self.loss!r}"
        )
        raise ValueError(message)
