"""What all estimators share: the checks of their data, predictions, the way through a solver."""

import time
import warnings
from typing import Any, Literal, cast

import numpy as np
import sklearn.exceptions
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fallline import _core, _heads, errors, solvers
from fallline._arguments import boolean, integer, not_negative
from fallline._convergence import shortfall
from fallline._solving import report
from fallline._standardization import margins
from fallline._validation import (
    Matrix,
    as_dtype,
    as_matrix,
    check_dense,
    computed_in,
    is_sparse,
    is_view,
    raise_not_csr,
)
from fallline.estimators._plain import are_plain
from fallline.losses import Loss
from fallline.typing import DenseMatrix, FloatArray, IntArray


class ConvergenceWarning(errors.ConvergenceWarning, sklearn.exceptions.ConvergenceWarning):
    """Issued when a fit ended short of its tolerance; scikit-learn's category as well as ours."""


class LinearModel(BaseEstimator):
    """One weight per feature and an intercept."""

    coef_: FloatArray
    intercept_: Any
    _shift: FloatArray | None = None  # where margins are computed from; None is zero

    _accepts_sparse = False

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn whether X may be sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._accepts_sparse
        return tags

    def _check_rows(self, X: Any, *targets: Any, **options: Any) -> Any:
        """Return what scikit-learn makes of X, and of y; as `validate_data`."""
        if not (self._accepts_sparse and is_sparse(X)):
            check_dense(X)
        elif X.format != "csr":
            raise_not_csr(X)
        return validate_data(
            self,
            X,
            *targets,
            **_as_it_is(X),
            accept_sparse="csr" if self._accepts_sparse else False,
            **options,
        )

    def _check_data(
        self, X: Any, y: Any, sample_weight: Any, *, y_numeric: bool, several: bool = False
    ) -> tuple[Matrix, Any, FloatArray | None, int]:
        """Return X, y and weights as the core reads them, and the bytes copied for X.

        ``several``: y may have a column for each of several targets.
        """
        if is_sparse(y):
            message = f"y must be dense, got a sparse {type(y).__name__}; use y.toarray()"
            raise ValueError(message)
        shape = np.asarray(y).shape
        if len(shape) == 2 and shape[1] > 1 and not several:
            message = f"y must be 1-dimensional, got shape {shape}; fit one model per column"
            raise ValueError(message)
        if are_plain(X, y):
            validate_data(self, X, skip_check_array=True)  # notes the columns
            return X, y, self._check_weights(X, sample_weight), 0
        rows, y = self._check_rows(X, y, y_numeric=y_numeric, multi_output=several)
        matrix, copied_bytes = as_matrix(rows)
        if is_sparse(X):
            if not np.may_share_memory(X.data, matrix.data):
                copied_bytes = matrix.nbytes
        else:
            copied_bytes = 0 if is_view(cast("DenseMatrix", matrix), X) else matrix.nbytes
        return matrix, y, self._check_weights(matrix, sample_weight), copied_bytes

    def _check_weights(self, matrix: Matrix, sample_weight: Any) -> FloatArray | None:
        """Return weights as the core reads them."""
        if sample_weight is None:
            return None
        weights: FloatArray = _check_sample_weight(
            sample_weight, matrix, dtype=computed_in(matrix), ensure_non_negative=True
        )
        if not weights.any():
            message = "sample_weight must have a positive entry, got only zeros"
            raise ValueError(message)
        return weights

    def _margins(self, X: Any) -> FloatArray:
        check_is_fitted(self)
        rows = self._check_rows(X, reset=False)
        matrix, _ = as_matrix(rows)
        # The weights follow X and not X the weights: that would be a copy of all the rows.
        if self.coef_.ndim == 2 and len(self.coef_) > 1:
            return _heads.margins(matrix, self.coef_.T, self.intercept_, self._shift)
        w = as_dtype(self.coef_.reshape(-1), computed_in(matrix))
        return margins(matrix, w, float(np.reshape(self.intercept_, -1)[0]), self._shift)


def _as_it_is(X: Any) -> dict[str, Any]:
    """Return what keeps scikit-learn from converting elements that the core reads as they are."""
    kind = str(getattr(X, "dtype", None))
    if kind not in _core.sources():
        return {"dtype": [np.float64, np.float32]}
    # Of bfloat16 scikit-learn cannot tell what is finite; as_matrix does for every kind.
    return {"dtype": None, "ensure_all_finite": kind != "bfloat16"}


class SolvedModel(LinearModel):
    """A model that a solver takes to its optimum."""

    fit_intercept: bool
    tol: float
    max_iter: int
    status_: str
    gap_: float

    _accepts_sparse = True

    def _check_solver_parameters(self) -> None:
        boolean("fit_intercept", self.fit_intercept)
        not_negative("tol", self.tol)
        integer("max_iter", self.max_iter, 1)

    def _solve(
        self,
        X: Matrix,
        y: FloatArray,
        sample_weight: FloatArray | None,
        loss: Loss,
        *,
        alpha: float = 0.0,
        l1_ratio: float = 0.0,
        heads: Literal["per_head", "classes"] | None = None,
        copied_bytes: int,
    ) -> solvers.Optimum:
        began = time.perf_counter()
        problem = solvers.Problem(
            X,
            y,
            sample_weight,
            loss,
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_passes=self.max_iter,
            heads=heads,
        )
        optimum = solvers.solve(problem)
        self._shift = optimum.shift
        self.status_ = optimum.status
        self.gap_ = optimum.gap
        self.history_ = {"objective": optimum.objective}
        seconds = time.perf_counter() - began
        self.report_ = report(problem, optimum, copied_bytes=copied_bytes, seconds=seconds)
        message = shortfall(
            optimum,
            type(self).__name__,
            budget=f"max_iter={self.max_iter} passes",
            tol=self.tol,
            penalty="a finite C, such as C=1.0",
        )
        if message:
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return optimum


class Regressor(RegressorMixin, LinearModel):
    """A linear model of a number."""

    def predict(self, X: Any) -> FloatArray:
        """Predict the target of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, read in place where `Trainer.fit` does; see there.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions, in the dtype of the computation.
        """
        predictions = self._margins(X)
        if self.coef_.ndim == 2:  # of one target it is a column all the same
            predictions = predictions.reshape(-1, len(self.coef_))
        return predictions


class Classifier(ClassifierMixin, LinearModel):
    """A linear model of classes: one against another, each against the rest, or all at once."""

    classes_: np.ndarray[Any, Any]

    def decision_function(self, X: Any) -> FloatArray:
        """Return the margins of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, read in place where `Trainer.fit` does; see there.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Margins, in the dtype of the computation: of two classes one, positive where the second
            is predicted.
        """
        return self._margins(X)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, read in place where `Trainer.fit` does; see there.

        Returns
        -------
        ndarray of shape (n_samples,)
            Members of ``classes_``.
        """
        found = self.decision_function(X)
        of_row = found.argmax(axis=1) if found.ndim == 2 else (found > 0).astype(np.intp)
        return cast("np.ndarray[Any, Any]", self.classes_[of_row])

    def _encode(self, y: Any, sample_weight: FloatArray | None) -> IntArray:
        """Set ``classes_`` and return the place of each label among them."""
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        counted = codes if sample_weight is None else codes[sample_weight > 0]
        if (counted == counted[0]).all():
            found = classes[counted[0]].item()
            message = f"y must hold 2 classes with positive weight, got one class: {found!r}"
            raise ValueError(message)
        self.classes_ = classes
        return codes


def sum_of_weights(X: Matrix, sample_weight: FloatArray | None) -> float:
    """Return S, by which the objective is divided."""
    return (
        float(X.shape[0]) if sample_weight is None else float(sample_weight.sum(dtype=np.float64))
    )
