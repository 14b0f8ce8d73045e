"""Least squares, plain and with an L2 penalty."""

import math
from typing import Any, Self, cast

import numpy as np

from fallline._arguments import not_negative
from fallline.estimators._base import Regressor, SolvedModel, sum_of_weights
from fallline.losses import Squared
from fallline.typing import FloatArray


class LeastSquares(SolvedModel, Regressor):
    """What the models with the squared loss share: all but the penalty."""

    _penalises_sum = False  # whether alpha is in the units of the sum of squares, or of half a mean
    _keeps_a_single_column = False  # of y, as a dimension of the model: as scikit-learn has it

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that y may hold several targets."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. Several are several models that share X.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; None means 1 for each.

        Returns
        -------
        Self
            The estimator itself.

        Raises
        ------
        TypeError
            If a parameter is not of its type.
        ValueError
            If X, y or sample_weight have the wrong shape or hold what is not a finite number, if X
            is sparse and not in CSR format, or if a parameter is out of its range.
        """
        self._check_solver_parameters()
        alpha, l1_ratio = self._penalty()
        X, y, weights, copied_bytes = self._check_data(
            X, y, sample_weight, y_numeric=True, several=True
        )
        if y.ndim == 2 and y.shape[1] == 1 and not self._keeps_a_single_column:
            y = np.ascontiguousarray(y[:, 0])
        optimum = self._solve(
            X,
            y,
            weights,
            Squared(),
            alpha=alpha / sum_of_weights(X, weights) if self._penalises_sum else alpha,
            l1_ratio=l1_ratio,
            heads="per_head" if y.ndim == 2 else None,
            copied_bytes=copied_bytes,
        )
        self.coef_ = cast("FloatArray", np.ascontiguousarray(optimum.coef.T))
        self.intercept_ = optimum.intercept
        self.n_iter_ = math.ceil(optimum.passes)
        return self

    def _penalty(self) -> tuple[float, float]:
        return 0.0, 0.0


class LinearRegression(LeastSquares):
    r"""Ordinary least squares.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    tol : float, default=1e-6
        Stop when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        a model without features.
    max_iter : int, default=10000
        Largest number of passes over the data, for each target.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Weights, in the dtype of X.
    intercept_ : float or ndarray of shape (n_targets,)
        Prediction for a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Passes made over the data, rounded up; of several targets those for all of them.
    status_ : str
        "certified" (``gap_`` is a proven bound and within the tolerance), "estimated" (within it by
        the local model of F, but no bound is known), "floor" (rounding errors allow no more),
        "budget" (with a `ConvergenceWarning`) or "interrupted" (Ctrl-C; the weights reached are
        kept).
    gap_ : float
        F at the weights less the smallest F there is, at most. F of several targets is the sum, and
        the tolerance is that of each.
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
    Minimises, with sample weights s,

    .. math:: \frac{1}{2 \sum_i s_i} \sum_i s_i (x_i w + b - y_i)^2

    by one step of Newton's method, in float64 and on columns centred and scaled as they are read
    (beyond 1500 columns in the dimensions that the rows span if they are as few, else by conjugate
    gradients, without a bound of the gap). Where the solution is not unique, scikit-learn
    returns the shortest weights, this class those that are shortest on standardised columns, or of
    more than 1500. X is read in place where `Trainer.fit` does; see there.

    Examples
    --------
    >>> import numpy as np
    >>> import fallline as fl
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> model = fl.LinearRegression().fit(X, X @ [1.0, 2.0] + 3.0)
    >>> model.coef_.round(6), round(model.intercept_, 6)
    (array([1., 2.]), 3.0)
    """

    _keeps_a_single_column = True

    def __init__(
        self, *, fit_intercept: bool = True, tol: float = 1e-6, max_iter: int = 10_000
    ) -> None:
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter


class Ridge(LeastSquares):
    r"""Least squares with an L2 penalty.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, not negative; in the units of the sum of squares, as in
        scikit-learn.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    tol : float, default=1e-6
        Stop when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        a model without features.
    max_iter : int, default=10000
        Largest number of passes over the data, for each target.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Weights, in the dtype of X.
    intercept_ : float or ndarray of shape (n_targets,)
        Prediction for a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Passes made over the data, rounded up; of several targets those for all of them.
    status_ : str
        "certified" (``gap_`` is a proven bound and within the tolerance), "estimated" (within it by
        the local model of F, but no bound is known), "floor" (rounding errors allow no more),
        "budget" (with a `ConvergenceWarning`) or "interrupted" (Ctrl-C; the weights reached are
        kept).
    gap_ : float
        F at the weights less the smallest F there is, at most. F of several targets is the sum, and
        the tolerance is that of each.
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
    Minimises, with sample weights s and S their sum,

    .. math:: \frac{1}{2 S} \sum_i s_i (x_i w + b - y_i)^2 + \frac{\alpha}{2 S} \lVert w \rVert^2,

    which is scikit-learn's objective divided by 2 S. It is solved as `LinearRegression` is; beyond
    1500 columns by stochastic dual coordinate ascent or, where the penalty is weak, by conjugate
    gradients, which both end with the duality gap.

    Examples
    --------
    >>> import fallline as fl
    >>> model = fl.Ridge(alpha=2.0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(6), round(model.intercept_, 6)
    (array([0.5]), 0.5)
    """

    _penalises_sum = True

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def _penalty(self) -> tuple[float, float]:
        return not_negative("alpha", self.alpha), 0.0
