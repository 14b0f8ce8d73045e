"""Logistic regression."""

import math
from typing import Any, Self

import numpy as np

from fallline._arguments import fraction, number
from fallline._probability import log_probabilities, log_softmax, probabilities, softmax
from fallline._validation import as_dtype, check_every_class, computed_in
from fallline.estimators._base import Classifier, SolvedModel, sum_of_weights
from fallline.losses import Logistic, Softmax
from fallline.typing import FloatArray


class LogisticRegression(SolvedModel, Classifier):
    r"""Logistic regression, multinomial for more than two classes, with L2, L1 or both penalties.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty, as in scikit-learn; positive. ``np.inf`` means no penalty.
    l1_ratio : float, default=0.0
        Share of the L1 term in the penalty, in [0, 1]; of more than two classes it must be 0.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    tol : float, default=1e-6
        Stop when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        a model without features.
    max_iter : int, default=10000
        Largest number of passes over the data.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights, in the dtype of X; one row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Margins of a row of zeros; 0.0 if none was fitted.
    n_iter_ : ndarray of shape (1,)
        Passes made over the data, rounded up.
    status_ : str
        "certified" (``gap_`` is a proven bound and within the tolerance), "estimated" (within it by
        the local model of F, but no bound is known), "floor" (rounding errors allow no more),
        "budget" and "separable" (a plane lies between the classes and there is no penalty: F has no
        minimum), both with a `ConvergenceWarning`, or "interrupted" (Ctrl-C; the weights reached
        are kept).
    gap_ : float
        F at the weights less the smallest F there is, at most; NaN where there is no bound, beyond
        1500 columns with an L1 term.
    history_ : dict
        "objective": F at every point it was measured at.
    report_ : dict
        What was done and what it cost: method, events on the way, seconds, passes, bytes_read, and
        the bytes of X that had to be copied.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any.

    Notes
    -----
    Of two classes it minimises, with y in {-1, +1}, sample weights s, S their sum and r the
    `l1_ratio`,

    .. math::
        \frac{1}{S} \sum_i s_i \log(1 + e^{-y_i (x_i w + b)})
        + \frac{1}{C S} \Bigl( \frac{1 - r}{2} \lVert w \rVert^2 + r \lVert w \rVert_1 \Bigr),

    and of more, where each class k has weights and a margin :math:`z_k` of its own, and c is the
    class of the row,

    .. math::
        \frac{1}{S} \sum_i s_i \Bigl( \log \sum_k e^{z_{ik}} - z_{i c_i} \Bigr)
        + \frac{1}{2 C S} \sum_k \lVert w_k \rVert^2.

    Both are scikit-learn's objective divided by C S. It is solved by Newton's method on parts of
    the rows that grow, in float64 and on columns centred and scaled as they are read; with an L1
    term by the proximal Newton method. Beyond 1500 columns it is Newton's method in the dimensions
    that the rows span if they are as few, else stochastic dual coordinate ascent or, where the
    penalty is weak, Newton's method by conjugate gradients; with an L1 term it is then the proximal
    Newton method on the few columns that matter, and a proof for all. Of more than two classes
    there may be no L1 term, and beyond 1500 weights, those of one class aside, it is L-BFGS in
    scaled coordinates; what the weights of all classes have in common, which no probability depends
    on, is zero. Classes that planes separate have no optimum without a penalty. X is read in place
    where `Trainer.fit` does; see there.

    Examples
    --------
    >>> import fallline as fl
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> model = fl.LogisticRegression().fit(X, y)
    >>> model.predict([[0.5], [2.5]])
    array(['no', 'yes'], dtype='<U3')
    >>> model.predict_proba([[1.5]]).round(6)
    array([[0.5, 0.5]])
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            At least two classes: numbers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; None means 1 for each.

        Returns
        -------
        LogisticRegression
            The estimator itself.

        Raises
        ------
        TypeError
            If a parameter is not of its type.
        ValueError
            If X, y or sample_weight have the wrong shape or hold what is not a finite number, if y
            does not hold two classes, each with positive weight, if X is sparse and not in CSR
            format, or if a parameter is out of its range or, with more than two classes, of no use.
        """
        self._check_solver_parameters()
        C = number("C", self.C, "a positive number", lambda x: x > 0.0)
        l1_ratio = fraction("l1_ratio", self.l1_ratio, "0 is L2 alone, 1 is L1 alone")
        X, y, weights, copied_bytes = self._check_data(X, y, sample_weight, y_numeric=False)
        codes = self._encode(y, weights)
        several = len(self.classes_) > 2
        if several:
            check_every_class(codes, self.classes_, weights)
        optimum = self._solve(
            X,
            as_dtype(codes if several else 2 * codes - 1, computed_in(X)),
            weights,
            Softmax() if several else Logistic(),
            alpha=1.0 / (C * sum_of_weights(X, weights)),
            l1_ratio=l1_ratio,
            heads="classes" if several else None,
            copied_bytes=copied_bytes,
        )
        self.coef_ = np.ascontiguousarray(np.atleast_2d(optimum.coef.T))
        self.intercept_ = np.atleast_1d(optimum.intercept)
        self.n_iter_ = np.array([math.ceil(optimum.passes)], dtype=np.int32)
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; float32 and float64 are read in place if C-contiguous.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``, in the dtype of X.
        """
        margins = self.decision_function(X)
        return softmax(margins) if margins.ndim == 2 else probabilities(margins)

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; float32 and float64 are read in place if C-contiguous.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithms in the order of ``classes_``; finite also where the probability itself
            underflows.
        """
        margins = self.decision_function(X)
        return log_softmax(margins) if margins.ndim == 2 else log_probabilities(margins)
