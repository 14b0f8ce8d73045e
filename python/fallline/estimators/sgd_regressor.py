"""Stochastic gradient descent for numbers."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from fallline import losses
from fallline.estimators._base import Regressor
from fallline.estimators._sgd import SGDModel
from fallline.schedules import Schedule


class SGDRegressor(Regressor, SGDModel):
    r"""Linear regression by stochastic gradient descent.

    Parameters
    ----------
    loss : str, default="squared_error"
        "squared_error" is half the squared error, and "huber" that up to an error of `epsilon`,
        then straight. "epsilon_insensitive" and "squared_epsilon_insensitive", of linear support
        vector regression, are the error beyond `epsilon` and its square.
    penalty : {"l2", "l1", "elasticnet", None}, default="l2"
        Penalty on the weights, never on the intercept.
    alpha : float, default=0.0001
        Strength of the penalty; "optimal" also takes its step size from it.
    l1_ratio : float, default=0.15
        Share of the L1 term in the penalty "elasticnet", in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    max_iter : int, default=1000
        Largest number of epochs.
    tol : float, default=0.001
        Stop when the objective has not fallen below the best so far less `tol` for
        `n_iter_no_change` epochs in a row. None makes all `max_iter` epochs.
    shuffle : bool, default=True
        Whether each epoch has an order of its own, or all the order of the rows.
    verbose : int, default=0
        Above 0, show progress.
    epsilon : float, default=0.1
        Error from which "huber" is straight, and up to which the two insensitive losses are 0, in
        units of y. "squared_error" has none.
    random_state : int, RandomState instance or None, default=None
        Seed of the order. None takes one from NumPy's global generator.
    learning_rate : {"constant", "optimal", "invscaling"}, default="invscaling"
        Step size at step t, from 1: `eta0`, ``1 / (alpha (t0 + t))`` or ``eta0 / t**power_t``.
    eta0 : float, default=0.01
        Step size of "constant", and first one of "invscaling".
    power_t : float, default=0.25
        Exponent of "invscaling".
    early_stopping : bool, default=False
        Not supported yet.
    validation_fraction : float, default=0.1
        Not supported yet.
    n_iter_no_change : int, default=5
        Epochs in a row without improvement after which to stop.
    warm_start : bool, default=False
        Not supported yet.
    average : bool or int, default=False
        Not supported yet.
    batch_size : int, default=1
        Rows per step; not a parameter of scikit-learn, which has 1. None takes all rows.
    schedule : Schedule or callable, default=None
        From `fallline.schedules`, or a function from the step number, from 0, to its step size, in
        place of `learning_rate`, `eta0` and `power_t`; not a parameter of scikit-learn.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Weights, in the dtype of X.
    intercept_ : ndarray of shape (1,)
        Prediction for a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Epochs made.
    t_ : float
        Steps made, and one.
    status_ : str
        "converged", "budget" (with a `ConvergenceWarning`, unless `tol` is None) or "interrupted"
        (Ctrl-C; the weights reached are kept).
    history_ : History
        One entry per epoch.
    report_ : dict
        What it cost: seconds, steps, bytes read and copied, threads.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any.

    Notes
    -----
    Minimises, as scikit-learn does, with sample weights s over n rows,

    .. math:: \frac1n \sum_i s_i \, \ell(x_i w + b, y_i) + \alpha \, \text{penalty}(w),

    with half the penalty's square norm for "l2".
    Without shuffling and with `batch_size` 1 the weights are scikit-learn's to rounding, except
    that an L1 term is a proximal step where scikit-learn accumulates what it truncates.
    The t of a step size counts steps: with `batch_size` m it goes on by one where scikit-learn's
    would by m. The objective that `tol` is compared with is the mean loss of an epoch, weighted by
    s, plus the penalty at its end; scikit-learn takes the penalty at every row and no weights.
    What is not supported yet must keep its default, and is refused with a ValueError otherwise.

    Examples
    --------
    >>> import fallline as fl
    >>> model = fl.SGDRegressor(eta0=0.1, tol=1e-6, random_state=0)
    >>> model.fit([[-1.0], [0.0], [1.0]], [-2.0, 0.0, 2.0]).coef_.round(1)
    array([2.])
    """

    _losses = {  # noqa: RUF012
        "squared_error": losses.Squared,
        "huber": losses.Huber,
        "epsilon_insensitive": losses.EpsilonInsensitive,
        "squared_epsilon_insensitive": losses.SquaredEpsilonInsensitive,
    }

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        penalty: str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 0.001,
        shuffle: bool = True,
        verbose: int = 0,
        epsilon: float = 0.1,
        random_state: Any = None,
        learning_rate: str = "invscaling",
        eta0: float = 0.01,
        power_t: float = 0.25,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: bool | int = False,
        batch_size: int | None = 1,
        schedule: Schedule | Callable[[int], float] | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average
        self.batch_size = batch_size
        self.schedule = schedule

    def fit(
        self,
        X: Any,
        y: Any,
        coef_init: Any = None,
        intercept_init: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training rows; sparse ones in CSR format.
        y : array-like of shape (n_samples,)
            Targets.
        coef_init : array-like of shape (n_features,), default=None
            Weights to start from; None is zero.
        intercept_init : float or array-like of one, default=None
            Intercept to start from; None is zero.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; None means 1 for each.

        Returns
        -------
        SGDRegressor
            The estimator itself.

        Raises
        ------
        TypeError
            If a parameter is not of its type.
        ValueError
            If X is sparse and not CSR, if X, y or sample_weight have the wrong shape or hold what
            is not a finite number, if y has more than one column, or if a parameter is out of its
            range or not supported yet.
        DivergenceError
            If the loss became infinite or NaN. It is a ValueError; its ``fit`` holds the last good
            weights.
        """
        self._check_parameters()
        X, y, weights, copied_bytes = self._check_data(X, y, sample_weight, y_numeric=True)
        fit = self._train(X, y, weights, coef_init, intercept_init)
        self.report_["copied_bytes"] = copied_bytes
        self.coef_ = fit.coef
        self.intercept_ = np.array([fit.intercept])
        return self
