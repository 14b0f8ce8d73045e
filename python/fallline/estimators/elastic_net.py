"""Least squares with an L1 penalty, alone or next to an L2 penalty."""

from fallline._arguments import fraction, not_negative
from fallline.estimators.linear import LeastSquares


class ElasticNet(LeastSquares):
    r"""Least squares with L1 and L2 penalties.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, not negative; in the units of half the mean square, as in
        scikit-learn.
    l1_ratio : float, default=0.5
        Share of the L1 term in the penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    tol : float, default=1e-6
        Stop when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        a model without features.
    max_iter : int, default=10000
        Largest number of passes over the data.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Weights, in the dtype of X; zeros among them are exact.
    intercept_ : float
        Prediction for a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Passes made over the data, rounded up.
    status_ : str
        "certified" (``gap_`` is a proven bound and within the tolerance), "estimated" (within it by
        the local model of F, but no bound is known), "floor" (rounding errors allow no more),
        "budget" (with a `ConvergenceWarning`) or "interrupted" (Ctrl-C; the weights reached are
        kept).
    gap_ : float
        F at the weights less the smallest F there is, at most.
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
    Minimises, with sample weights s, S their sum and r the `l1_ratio`,

    .. math::
        \frac{1}{2 S} \sum_i s_i (x_i w + b - y_i)^2
        + \alpha \Bigl( \frac{1 - r}{2} \lVert w \rVert^2 + r \lVert w \rVert_1 \Bigr),

    which is scikit-learn's objective. X is read twice: for the Hessian, on which coordinate descent
    and a direct solution find the weights, and for the duality gap where they are (beyond 500
    columns, a few times more to find those that matter, of which copies are made). Sums are in
    float64, of columns centred and scaled as they are read. X is read in place where `Trainer.fit`
    does; see there.

    Examples
    --------
    >>> import fallline as fl
    >>> model = fl.ElasticNet(alpha=0.5).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(6), round(model.intercept_, 6), model.status_
    (array([0.454545]), 0.545455, 'certified')
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def _penalty(self) -> tuple[float, float]:
        l1_ratio = fraction("l1_ratio", self.l1_ratio, "0 is L2 alone, 1 is L1 alone")
        return not_negative("alpha", self.alpha), l1_ratio


class Lasso(LeastSquares):
    r"""Least squares with an L1 penalty, which makes weights exactly zero.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, not negative; in the units of half the mean square, as in
        scikit-learn.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    tol : float, default=1e-6
        Stop when F is proven to be within `tol` times the larger of F and a thousandth of the F of
        a model without features.
    max_iter : int, default=10000
        Largest number of passes over the data.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Weights, in the dtype of X; zeros among them are exact.
    intercept_ : float
        Prediction for a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Passes made over the data, rounded up.
    status_ : str
        "certified" (``gap_`` is a proven bound and within the tolerance), "estimated" (within it by
        the local model of F, but no bound is known), "floor" (rounding errors allow no more),
        "budget" (with a `ConvergenceWarning`) or "interrupted" (Ctrl-C; the weights reached are
        kept).
    gap_ : float
        F at the weights less the smallest F there is, at most.
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

    .. math::
        \frac{1}{2 S} \sum_i s_i (x_i w + b - y_i)^2 + \alpha \lVert w \rVert_1,

    which is scikit-learn's objective, as `ElasticNet` does.

    Examples
    --------
    >>> import fallline as fl
    >>> model = fl.Lasso(alpha=0.5).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(6), round(model.intercept_, 6), model.status_
    (array([0.25]), 0.75, 'certified')
    """

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
        return not_negative("alpha", self.alpha), 1.0
