"""Least squares, plain and with an L2 penalty."""

from typing import Any, Self

from fallline._arguments import not_negative
from fallline._validation import as_dtype, computed_in
from fallline.estimators._base import (
    Regressor,
    SolvedModel,
    sum_of_weights,
)


class _LeastSquares(SolvedModel, Regressor):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Targets.
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
            If X is sparse, if X, y or sample_weight have the wrong shape or hold what is not a
            finite number, if y has more than one column, or if a parameter is out of its range.
        """
        self._check_solver_parameters()
        alpha = self._strength()
        X, y, weights, copied_bytes = self._check_data(X, y, sample_weight, y_numeric=True)
        solution = self._solve(
            X,
            y,
            weights,
            "squared",
            alpha=alpha / sum_of_weights(X, weights),
            copied_bytes=copied_bytes,
        )
        self.coef_ = as_dtype(solution.coef, computed_in(X))
        self.intercept_ = solution.intercept
        self.n_iter_ = solution.n_iter
        return self

    def _strength(self) -> float:
        return 0.0


class LinearRegression(_LeastSquares):
    r"""Ordinary least squares.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    tol : float, default=1e-12
        Stop when the largest entry of the gradient, in standardised columns, is at most `tol`
        times what it is without any feature.
    max_iter : int, default=10000
        Largest number of passes over the data.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Weights, in the dtype of X.
    intercept_ : float
        Prediction for a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Passes made over the data.
    status_ : str
        "converged", "floor" (the gradient is within its rounding error: float32 data end here),
        "budget" (with a `ConvergenceWarning`) or "interrupted" (Ctrl-C; the best weights are kept).
    history_ : dict
        "objective": its value at every point a step was taken from.
    report_ : dict
        What it cost: seconds, passes and the bytes of X that had to be copied; and gradient_norm,
        the gradient at the end as a share of that at the start.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any.

    Notes
    -----
    Minimises, with sample weights s,

    .. math:: \frac{1}{2 \sum_i s_i} \sum_i s_i (x_i w + b - y_i)^2

    by accelerated gradient descent on columns standardised inside the solver, see
    `fallline.solvers.minimize`. Where the solution is not unique, scikit-learn returns the shortest
    weights, this class those that are shortest on standardised columns. Row-major float32 and
    float64 are read in place; any other X is copied once. Float32 columns whose mean is large
    against their spread lose digits by that; centre them, or pass float64.

    Examples
    --------
    >>> import numpy as np
    >>> import fallline as fl
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> model = fl.LinearRegression().fit(X, X @ [1.0, 2.0] + 3.0)
    >>> model.coef_.round(6), round(model.intercept_, 6)
    (array([1., 2.]), 3.0)
    """

    def __init__(
        self, *, fit_intercept: bool = True, tol: float = 1e-12, max_iter: int = 10_000
    ) -> None:
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter


class Ridge(_LeastSquares):
    r"""Least squares with an L2 penalty.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, not negative; in the units of the sum of squares, as in
        scikit-learn.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    tol : float, default=1e-12
        Stop when the largest entry of the gradient, in standardised columns, is at most `tol`
        times what it is without any feature.
    max_iter : int, default=10000
        Largest number of passes over the data.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Weights, in the dtype of X.
    intercept_ : float
        Prediction for a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Passes made over the data.
    status_ : str
        "converged", "floor" (the gradient is within its rounding error: float32 data end here),
        "budget" (with a `ConvergenceWarning`) or "interrupted" (Ctrl-C; the best weights are kept).
    history_ : dict
        "objective": its value at every point a step was taken from.
    report_ : dict
        What it cost: seconds, passes and the bytes of X that had to be copied; and gradient_norm,
        the gradient at the end as a share of that at the start.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any.

    Notes
    -----
    Minimises, with sample weights s and S their sum,

    .. math:: \frac{1}{2 S} \sum_i s_i (x_i w + b - y_i)^2 + \frac{\alpha}{2 S} \lVert w \rVert^2,

    which is scikit-learn's objective divided by 2 S. The columns are standardised inside the
    solver, see `fallline.solvers.minimize`; the penalty is on the weights as returned all the same.
    Row-major float32 and float64 are read in place; any other X is copied once.

    Examples
    --------
    >>> import fallline as fl
    >>> model = fl.Ridge(alpha=2.0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(6), round(model.intercept_, 6)
    (array([0.5]), 0.5)
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        tol: float = 1e-12,
        max_iter: int = 10_000,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def _strength(self) -> float:
        return not_negative("alpha", self.alpha)
