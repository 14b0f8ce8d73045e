"""Many candidates for one model, trained in one pass over the data."""

import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fallline import _heads
from fallline._arguments import not_negative
from fallline._descent import loop_options, optimizer_of
from fallline._run import DIVERGED, chunk_steps, null_loss, total_weight
from fallline._sweep_result import Sweep
from fallline._validation import Data, check_data, check_validation
from fallline.schedules import Schedule, as_schedule
from fallline.trainer import Trainer
from fallline.typing import Float64Array, FloatArray


def sweep(
    trainer: Trainer,
    X: object,
    y: object,
    *,
    learning_rate: Sequence[Any] | None = None,
    alpha: Sequence[float] | None = None,
    sample_weight: object = None,
    validation: tuple[object, object] | None = None,
) -> Sweep:
    """Train every combination of some parameters in one pass over the data.

    A row that has been brought from memory serves all candidates, so that sixteen of them take the
    time of a few.

    Parameters
    ----------
    trainer : Trainer
        What the candidates have in common; it is left as it is.
    X : array-like of shape (n_samples, n_features)
        As for `Trainer.fit`.
    y : array-like of shape (n_samples,)
        Numbers, or two different labels where the loss is one for classification.
    learning_rate : sequence of float, Schedule or callable, default=None
        Learning rates to try; None for that of the trainer's optimizer. A `ReduceOnPlateau` is
        told the running loss of its candidate.
    alpha : sequence of float, default=None
        Strengths of the trainer's penalty to try; None for the one it has.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows, not negative; None weighs all rows 1.
    validation : tuple of X and y, default=None
        Data that decide which candidate is best.

    Returns
    -------
    Sweep
        Weights, scores and status of all candidates. After Ctrl-C it holds the weights reached.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the data are not usable, nothing is to be tried, a parameter is out of its range, or the
        model has several outputs.

    Notes
    -----
    A candidate has the same bits whichever and however many others ride along. It agrees with its
    own `Trainer.fit` to rounding, not to the bit, as the sums over features have another order. One
    that diverges is reported in `Sweep.status` and changes none of the others.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 3))
    >>> y = X @ [1.0, -2.0, 0.5] + 3.0
    >>> trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.1), epochs=5)
    >>> result = fl.sweep(trainer, X, y, learning_rate=[0.0001, 0.1, 100.0])
    >>> print(result.table())
    learning_rate  score      status
    0.0001         6.42       budget
    0.1            1.679e-06  budget *
    100            inf        diverged
    """
    if not isinstance(trainer, Trainer):
        message = f"trainer must be a Trainer, got {trainer!r}; the order is sweep(trainer, X, y)"
        raise TypeError(message)
    candidates, schedules, alphas = _combine(trainer, learning_rate, alpha)
    data = check_data(X, y, sample_weight, trainer.loss)
    if data.heads is not None:
        message = f"y must have one output in a sweep, got {data.n_heads} {data.kind_of_heads}"
        raise ValueError(message)
    if trainer.callbacks:
        message = f"trainer must have no callbacks in a sweep, got {trainer.callbacks!r}"
        raise ValueError(message)
    held_out = check_validation(validation, data, trainer.loss)
    race = _Race(trainer, data, schedules, alphas)
    race.train(trainer.epochs, trainer.max_time)
    return race.result(candidates, held_out)


class _Race:
    """All candidates under way."""

    def __init__(
        self, trainer: Trainer, data: Data, schedules: list[Schedule], alphas: list[float]
    ) -> None:
        # What is told a loss is each candidate's own.
        schedules = [schedule._for_training() for schedule in schedules]
        self._data, self._loss = data, trainer.loss
        self._started = time.monotonic()
        l1_ratio = trainer.penalty.l1_ratio if trainer.penalty else 0.0
        self._l2 = np.array(alphas) * (1.0 - l1_ratio)
        self._l1 = np.array(alphas) * l1_ratio
        self._core: Any = _heads.make_loop(
            data,
            "shared",
            l2=(self._l2 + optimizer_of(trainer).coupled_decay).tolist(),
            l1=self._l1.tolist(),
            weight_decay=[optimizer_of(trainer).decoupled_decay] * len(alphas),
            **loop_options(trainer, data),
        )
        self._schedules = list({id(schedule): schedule for schedule in schedules}.values())
        places = [id(schedule) for schedule in self._schedules]
        self._schedule_of = [places.index(id(schedule)) for schedule in schedules]
        self._chunk_steps = chunk_steps(data, self._core.steps_per_epoch, len(alphas))
        # As of a perceptron, losses that begin at 0 have no scale to grow beyond.
        self._highest = DIVERGED * null_loss(data, trainer.loss) or math.inf
        self._running_loss: list[Float64Array] = []
        self._interrupted = False

    def train(self, epochs: int, max_time: float) -> None:
        """Train to the end of the budget, or until no candidate is left."""
        try:
            for epoch in range(epochs):
                self._train_epoch((epoch + 1) * self._core.steps_per_epoch)
                if all(self._core.stopped) or time.monotonic() - self._started > max_time:
                    break
        except KeyboardInterrupt:
            self._interrupted = True

    def _train_epoch(self, end: int) -> None:
        losses, weights = np.zeros(len(self._l2)), np.zeros(len(self._l2))
        while self._core.step < end:
            count = min(self._chunk_steps, end - self._core.step)
            rates = [schedule.values(self._core.step, count) for schedule in self._schedules]
            done, _, _ = self._core.run(np.stack(rates, axis=1)[:, self._schedule_of].copy())
            losses += self._core.head_losses
            weights += self._core.head_weights
            if done < count:  # no candidate is left
                break
        mean = losses / np.maximum(weights, np.finfo(np.float64).tiny)
        self._running_loss.append(mean)
        for loss, place in zip(mean.tolist(), self._schedule_of, strict=True):
            self._schedules[place]._tell(loss, self._core.step)
        for k in np.flatnonzero(~(mean <= self._highest)):
            self._core.stop(int(k))

    def result(self, candidates: list[dict[str, Any]], held_out: Data | None) -> Sweep:
        """Measure where all candidates have arrived."""
        coef, intercept = self._core.coef, self._core.intercept
        losses = self._mean_losses(self._data, coef, intercept)
        diverged = np.array(self._core.stopped) | ~(losses <= self._highest)
        if held_out is None:
            w = coef.astype(np.float64)
            with np.errstate(invalid="ignore", over="ignore"):  # of those that diverged
                scores = losses + 0.5 * self._l2 * (w * w).sum(axis=0)
                scores += self._l1 * np.abs(w).sum(axis=0)
        else:
            scores = self._mean_losses(held_out, coef, intercept)
        otherwise = "interrupted" if self._interrupted else "budget"
        report = {
            "seconds": time.monotonic() - self._started,
            "epochs": len(self._running_loss),
            "steps": self._core.step,
            "bytes_read": self._core.step * self._data.X.nbytes // self._core.steps_per_epoch,
            "copied_bytes": self._data.copied_bytes,
        }
        return Sweep(
            candidates,
            np.ascontiguousarray(coef.T),
            intercept,
            np.where(diverged, np.inf, scores),
            ["diverged" if bad else otherwise for bad in diverged],
            np.array(self._running_loss).reshape(-1, len(candidates)),
            report,
            self._loss,
            self._data.classes,
            self._data.feature_names,
        )

    def _mean_losses(self, data: Data, coef: FloatArray, intercept: Float64Array) -> Float64Array:
        sums = _heads.loss_sums(data, "shared", self._loss, coef, intercept)
        return np.asarray(sums / total_weight(data))


def _combine(
    trainer: Trainer, learning_rate: object, alpha: object
) -> tuple[list[dict[str, Any]], list[Schedule], list[float]]:
    """Return all combinations, and the learning rate and the alpha of each."""
    tried: dict[str, list[Any]] = {}
    if learning_rate is not None:
        tried["learning_rate"] = _several("learning_rate", learning_rate, as_schedule)
    if alpha is not None:
        if trainer.penalty is None:
            message = (
                "alpha must be tried with a trainer that has a penalty, got penalty=None; "
                "give it fl.penalties.L2(0)"
            )
            raise ValueError(message)
        tried["alpha"] = _several("alpha", alpha, lambda value: not_negative("alpha", value))
    if not tried:
        message = "learning_rate or alpha must be given, got neither; there is nothing to try"
        raise ValueError(message)
    if learning_rate is None and optimizer_of(trainer).finds_rate:
        message = (
            "learning_rate must be tried, or a number in the optimizer of the trainer, got 'auto', "
            "which candidates do not find; use learning_rate=[0.01, 0.1, 1.0]"
        )
        raise ValueError(message)
    candidates = [dict(zip(tried, v, strict=True)) for v in itertools.product(*tried.values())]
    rates = {id(rate): as_schedule(rate) for rate in tried.get("learning_rate", [])}
    own_rate = optimizer_of(trainer).learning_rate
    own_alpha = trainer.penalty.alpha if trainer.penalty else 0.0
    return (
        candidates,
        [rates[id(c["learning_rate"])] if "learning_rate" in c else own_rate for c in candidates],
        [float(c.get("alpha", own_alpha)) for c in candidates],
    )


def _several(name: str, values: object, check: Callable[[Any], object]) -> list[Any]:
    """Return values to try, each of which has been checked."""
    given = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(given, list | tuple):
        message = f"{name} must be a list of values to try, got {values!r}; write [{values!r}]"
        raise TypeError(message)
    if not given:
        message = f"{name} must have at least one value to try, got {values!r}"
        raise ValueError(message)
    for value in given:
        check(value)
    return list(given)
