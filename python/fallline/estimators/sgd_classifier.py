"""Stochastic gradient descent for classes."""

from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np
from sklearn.utils.metaestimators import available_if

from fallline import _core, losses
from fallline._probability import (
    clipped_probabilities,
    log_probabilities,
    one_against_rest,
    probabilities,
)
from fallline.estimators._base import Classifier
from fallline.estimators._sgd import SGDModel
from fallline.schedules import Schedule
from fallline.typing import FloatArray, IntArray


def _has_probabilities(estimator: "SGDClassifier") -> bool:
    if estimator.loss in ("log_loss", "modified_huber"):
        return True
    message = f"probabilities need loss='log_loss' or loss='modified_huber', got {estimator.loss!r}"
    raise AttributeError(message)


# Losses for regression of targets that are -1 and +1 for labels.


class _SquaredOfLabels(losses.Squared):
    classifies = True


class _HuberOfLabels(losses.Huber):
    classifies = True


class _EpsilonInsensitiveOfLabels(losses.EpsilonInsensitive):
    classifies = True


class _SquaredEpsilonInsensitiveOfLabels(losses.SquaredEpsilonInsensitive):
    classifies = True


class SGDClassifier(Classifier, SGDModel):
    r"""Linear classifier, each class against the rest, by stochastic gradient descent.

    Parameters
    ----------
    loss : str, default="hinge"
        "hinge" and "squared_hinge" are linear support vector machines, "log_loss" is logistic
        regression, "modified_huber" a squared hinge that outliers pull less at, and "perceptron"
        the perceptron's. "squared_error", "huber", "epsilon_insensitive" and
        "squared_epsilon_insensitive" are those of regression, on targets -1 and +1.
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
        Margin's distance from -1 or +1 from which "huber" is straight, and up to which the two
        insensitive losses are 0. Other losses have none.
    n_jobs : int, default=None
        Not supported: all classes are trained in one pass. See `fallline.set_num_threads`.
    random_state : int, RandomState instance or None, default=None
        Seed of the order. None takes one from NumPy's global generator.
    learning_rate : {"constant", "optimal", "invscaling"}, default="optimal"
        Step size at step t, from 1: `eta0`, ``1 / (alpha (t0 + t))`` or ``eta0 / t**power_t``.
    eta0 : float, default=0.01
        Step size of "constant", and first one of "invscaling".
    power_t : float, default=0.5
        Exponent of "invscaling".
    early_stopping : bool, default=False
        Not supported yet.
    validation_fraction : float, default=0.1
        Not supported yet.
    n_iter_no_change : int, default=5
        Epochs in a row without improvement after which to stop.
    class_weight : dict, default=None
        Not supported yet.
    warm_start : bool, default=False
        Not supported yet.
    average : bool or int, default=False
        Not supported yet.
    batch_size : int, default=1
        Rows per step; not a parameter of scikit-learn, which has 1. None takes all rows.
    schedule : Schedule or callable, default=None
        From `fallline.schedules`, or a function from the step number, from 0, to its step size, in
        place of `learning_rate`, `eta0` and `power_t`; not a parameter of scikit-learn. Of more
        than two classes all have the same.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights, in the dtype of X; one row for two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Margins of a row of zeros; 0.0 if none was fitted.
    n_iter_ : int
        Epochs made; of several classes those of the last that stopped.
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

    with half the penalty's square norm for "l2", and y in {-1, +1}.
    Without shuffling and with `batch_size` 1 the weights are scikit-learn's to rounding, except
    that an L1 term is a proximal step where scikit-learn accumulates what it truncates.
    The t of a step size counts steps: with `batch_size` m it goes on by one where scikit-learn's
    would by m. The objective that `tol` is compared with is the mean loss of an epoch, weighted by
    s, plus the penalty at its end; scikit-learn takes the penalty at every row and no weights.
    Of more than two classes each stops for itself, as in scikit-learn, but all see the rows in the
    same order.
    What is not supported yet must keep its default, and is refused with a ValueError otherwise.

    Examples
    --------
    >>> import fallline as fl
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], ["no", "no", "yes", "yes"]
    >>> fl.SGDClassifier(random_state=0).fit(X, y).predict([[-1.5], [1.5]])
    array(['no', 'yes'], dtype='<U3')
    """

    _losses = {  # noqa: RUF012
        "hinge": losses.Hinge,
        "log_loss": losses.Logistic,
        "modified_huber": losses.ModifiedHuber,
        "squared_hinge": losses.SquaredHinge,
        "perceptron": losses.Perceptron,
        "squared_error": _SquaredOfLabels,
        "huber": _HuberOfLabels,
        "epsilon_insensitive": _EpsilonInsensitiveOfLabels,
        "squared_epsilon_insensitive": _SquaredEpsilonInsensitiveOfLabels,
    }

    def __init__(
        self,
        loss: str = "hinge",
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
        n_jobs: int | None = None,
        random_state: Any = None,
        learning_rate: str = "optimal",
        eta0: float = 0.01,
        power_t: float = 0.5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Any = None,
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
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
            At least two classes: numbers or strings.
        coef_init : array-like of shape (n_features,) or (n_classes, n_features), default=None
            Weights to start from; None is zero.
        intercept_init : float or array-like of shape (1,) or (n_classes,), default=None
            Intercepts to start from; None is zero.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; None means 1 for each.

        Returns
        -------
        SGDClassifier
            The estimator itself.

        Raises
        ------
        TypeError
            If a parameter is not of its type.
        ValueError
            If X is sparse and not CSR, if X, y or sample_weight have the wrong shape or hold what
            is not a finite number, if y does not hold at least two classes with positive weight,
            or if a parameter is out of its range or not supported yet.
        DivergenceError
            If the loss became infinite or NaN. It is a ValueError; its ``fit`` holds the last good
            weights.
        """
        self._check_parameters()
        X, y, weights, copied_bytes = self._check_data(X, y, sample_weight, y_numeric=False)
        codes = self._encode(y, weights)
        if isinstance(X, _core.CsrMatrix) and len(self.classes_) > 2:
            self._train_one_by_one(X, codes, weights, coef_init, intercept_init)
        else:
            fit = self._train(X, codes, weights, coef_init, intercept_init)
            self.coef_ = np.ascontiguousarray(np.atleast_2d(fit.coef.T))
            self.intercept_ = np.atleast_1d(fit.intercept)
        self.report_["copied_bytes"] = copied_bytes
        return self

    def _train_one_by_one(
        self, X: Any, codes: IntArray, weights: FloatArray | None, coef: Any, intercept: Any
    ) -> None:
        """Train each class against the rest by itself, as sparse rows are those of one head."""
        fits, reports = [], []
        for k in range(len(self.classes_)):
            start = None if coef is None else np.asarray(coef)[k]
            offset = None if intercept is None else np.asarray(intercept)[k]
            fits.append(self._train(X, codes == k, weights, start, offset))
            reports.append((self.n_iter_, self.t_, self.history_, self.report_, self.status_))
        # What is told of all is that of the class that took longest.
        longest = max(reports, key=lambda report: report[0])
        self.n_iter_, self.t_, self.history_, self.report_, self.status_ = longest
        self.coef_ = cast("FloatArray", np.stack([fit.coef for fit in fits]))
        self.intercept_ = np.array([fit.intercept for fit in fits])

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> FloatArray:
        """Predict the probability of each class, for "log_loss" and "modified_huber" alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; row-major float32 and float64 are read in place.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of ``classes_``, in the dtype of X; of more than two classes
            those of each against the rest, divided by their sum.
        """
        margins = self.decision_function(X)
        if margins.ndim == 2:
            return one_against_rest(margins, clipped=self.loss == "modified_huber")
        return probabilities(margins) if self.loss == "log_loss" else clipped_probabilities(margins)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> FloatArray:
        """Predict the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; row-major float32 and float64 are read in place.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithms in the order of ``classes_``. Those of "log_loss" are of two classes finite
            also where the probability itself underflows; "modified_huber" has probabilities of 0.
        """
        margins = self.decision_function(X)
        if self.loss == "log_loss" and margins.ndim == 1:
            return log_probabilities(margins)
        with np.errstate(divide="ignore"):
            return cast("FloatArray", np.log(self.predict_proba(X)))
