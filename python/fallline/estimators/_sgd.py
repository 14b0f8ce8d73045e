"""scikit-learn's stochastic gradient descent as a `Trainer`: parameters, step sizes, stopping."""

import math
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from sklearn.utils import check_random_state

from fallline import callbacks, losses, penalties
from fallline._arguments import (
    boolean,
    fraction,
    integer,
    not_negative,
    number,
    one_of,
    positive,
)
from fallline._callback import Callback
from fallline._run import Run
from fallline._validation import Matrix
from fallline.estimators._base import (
    ConvergenceWarning,
    LinearModel,
    sum_of_weights,
)
from fallline.estimators._schedule import Optimal, Scaled
from fallline.fit import Fit
from fallline.optim import SGD
from fallline.schedules import Constant, InverseScaling, Schedule, as_schedule
from fallline.trainer import Trainer
from fallline.typing import Float64Array, FloatArray

# Parameters that must keep their defaults for now, and what to do instead.
_NOT_YET: Final[dict[str, tuple[object, str]]] = {
    "n_jobs": (None, "use fallline.set_num_threads"),
    "early_stopping": (False, "use fallline.Trainer with validation= and EarlyStopping"),
    "validation_fraction": (0.1, "use fallline.Trainer with validation= and EarlyStopping"),
    "class_weight": (None, "pass sample_weight to fit"),
    "warm_start": (False, "pass coef_init and intercept_init to fit"),
    "average": (False, "averaging is not supported yet"),
}

# Losses that the parameter epsilon belongs to.
_WITH_EPSILON: Final = (
    losses.Huber,
    losses.EpsilonInsensitive,
    losses.SquaredEpsilonInsensitive,
)


class SGDModel(LinearModel):
    """A model that steps from row to row, or from mini-batch to mini-batch."""

    loss: str
    epsilon: float
    penalty: str | None
    alpha: float
    l1_ratio: float
    fit_intercept: bool
    max_iter: int
    tol: float | None
    shuffle: bool
    verbose: int
    random_state: Any
    learning_rate: str
    eta0: float
    power_t: float
    n_iter_no_change: int
    batch_size: int | None
    schedule: Schedule | Callable[[int], float] | None

    _accepts_sparse = True
    _losses: dict[str, Callable[..., losses.Loss]]

    def _check_parameters(self) -> None:
        for name, (default, remedy) in _NOT_YET.items():
            value = getattr(self, name, default)
            if value is not default and value != default:
                message = f"{name} must be {default!r}, got {value!r}; {remedy}"
                raise ValueError(message)
        one_of("loss", self.loss, list(self._losses))
        (positive if self.loss == "huber" else not_negative)("epsilon", self.epsilon)
        if self.penalty is not None:
            one_of("penalty", self.penalty, ("l2", "l1", "elasticnet"))
        one_of("learning_rate", self.learning_rate, ("constant", "optimal", "invscaling"))
        alpha = not_negative("alpha", self.alpha)
        given: object = self.schedule
        if given is not None and (not callable(given) or isinstance(given, type)):
            message = (
                f"schedule must be a schedule, a function of the step number or None, got "
                f"{given!r}; a number is learning_rate='constant' with eta0"
            )
            raise TypeError(message)
        if alpha == 0.0 and self.learning_rate == "optimal" and self.schedule is None:
            message = (
                f"alpha must be positive with learning_rate='optimal', which divides by it, got "
                f"{self.alpha!r}; use learning_rate='invscaling'"
            )
            raise ValueError(message)
        fraction("l1_ratio", self.l1_ratio, "0 is L2 alone, 1 is L1 alone")
        positive("eta0", self.eta0)
        not_negative("power_t", self.power_t)
        if self.tol is not None:
            number("tol", self.tol, "None or a number >= 0", lambda x: x >= 0.0)
        integer("max_iter", self.max_iter, 1)
        integer("n_iter_no_change", self.n_iter_no_change, 1)
        integer("verbose", int(self.verbose))
        boolean("shuffle", self.shuffle)
        boolean("fit_intercept", self.fit_intercept)

    def _train(
        self,
        X: Matrix,
        y: np.ndarray[Any, Any],
        sample_weight: FloatArray | None,
        coef: Any,
        intercept: Any,
    ) -> Fit:
        # The Trainer's objective is divided by the sum of weights, scikit-learn's by their number.
        mean_weight = sum_of_weights(X, sample_weight) / X.shape[0]
        penalty = self._penalty(self.alpha / mean_weight)
        stopping = _Stopping(self.tol, self.n_iter_no_change, penalty)
        trainer = Trainer(
            self._loss(),
            penalty=penalty,
            optimizer=SGD(self._schedule(mean_weight)),
            batch_size=self.batch_size,
            epochs=self.max_iter,
            shuffle="rows" if self.shuffle else False,
            seed=int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max)),
            fit_intercept=self.fit_intercept,
            callbacks=[stopping, callbacks.Progress()] if self.verbose else [stopping],
        )
        fit = trainer.fit(
            X,
            y,
            sample_weight=sample_weight,
            coef=None if coef is None else _in_columns(np.atleast_2d(coef)),
            intercept=None if intercept is None else _in_columns(np.asarray(intercept)),
        )
        self._report(fit, stopping)
        return fit

    def _loss(self) -> losses.Loss:
        kind: Any = self._losses[self.loss]
        loss: losses.Loss = kind(self.epsilon) if issubclass(kind, _WITH_EPSILON) else kind()
        return loss

    def _penalty(self, alpha: float) -> penalties.Penalty | None:
        match self.penalty:
            case "l2":
                return penalties.L2(alpha)
            case "l1":
                return penalties.L1(alpha)
            case "elasticnet":
                return penalties.ElasticNet(alpha, self.l1_ratio)
        return None

    def _schedule(self, mean_weight: float) -> Schedule:
        schedule: Schedule
        if self.schedule is not None:
            schedule = Scaled(as_schedule(self.schedule), mean_weight)
        elif self.learning_rate == "optimal":
            schedule = Optimal(self.alpha, mean_weight)
        elif self.learning_rate == "invscaling":
            schedule = InverseScaling(self.eta0 * mean_weight, self.power_t)
        else:
            schedule = Constant(self.eta0 * mean_weight)
        penalty = self._penalty(self.alpha)
        shrinkage = schedule(0) / mean_weight * (penalty.l2 if penalty else 0.0)
        if shrinkage > 1.0:
            message = (
                f"alpha times the learning rate must be at most 1, got {shrinkage:.3g}: the first "
                "step would turn the weights over; lower alpha or eta0"
            )
            raise ValueError(message)
        return schedule

    def _report(self, fit: Fit, stopping: "_Stopping") -> None:
        self.n_iter_ = fit.report["epochs"]
        self.t_ = fit.report["steps"] + 1.0
        self.history_ = fit.history
        self.report_ = fit.report
        if fit.status == "interrupted":
            self.status_ = "interrupted"
        else:
            self.status_ = "converged" if stopping.converged else "budget"
        if self.status_ == "budget" and self.tol is not None:
            message = (
                f"{type(self).__name__} stopped after max_iter={self.max_iter} epochs with its "
                f"objective still falling by more than tol={self.tol} within "
                f"n_iter_no_change={self.n_iter_no_change} of them; raise max_iter or tol"
            )
            warnings.warn(message, ConvergenceWarning, stacklevel=4)


class _Stopping(Callback):
    """scikit-learn's rule: so many epochs in a row without an objective below the best less tol."""

    def __init__(self, tol: float | None, patience: int, penalty: penalties.Penalty | None) -> None:
        self.tol, self.patience, self.penalty = tol, patience, penalty
        self.converged = False
        self._best: Float64Array = np.array(math.inf)
        self._waited = np.array(0)
        self._arrived = np.array(False)

    def on_fit_begin(self, run: Run) -> None:
        # The first steps of these schedules are long by design, and scikit-learn lets the loss rise
        # as far as it likes: only a loss that is not finite counts as divergence.
        run.start_loss = math.inf

    def on_epoch_end(self, run: Run) -> bool:
        objective = run.head_losses
        if self.penalty is not None:
            coef = run.weights[0].astype(np.float64)
            objective = objective + 0.5 * self.penalty.l2 * (coef * coef).sum(axis=0)
            objective += self.penalty.l1 * np.abs(coef).sum(axis=0)
        stuck = np.array(self.tol is not None) & (objective > self._best - (self.tol or 0.0))
        self._waited = np.where(stuck, self._waited + 1, 0)
        self._best = np.minimum(self._best, objective)
        self._arrived = self._arrived | (self._waited >= self.patience)
        run.stop_heads(self._arrived)
        self.converged = bool(self._arrived.all())
        # Also after the last epoch, as the Trainer has no need to warn: the estimator does.
        return self.converged or run.epoch == run.epochs


def _in_columns(start: np.ndarray[Any, Any]) -> Any:
    """Return scikit-learn's starting values, a row per class, as the Trainer's, a column each."""
    if start.size == 1 and start.ndim < 2:
        return float(start.reshape(()))
    return start.T if start.ndim == 2 and len(start) > 1 else start.reshape(-1)
