"""One fit by a solver under way, as callbacks see it, and what is reported of it."""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fallline import _core
from fallline._callback import Callback
from fallline._convergence import shortfall
from fallline._run import Run, mean_loss
from fallline._standardization import Standardization
from fallline._validation import Data, check_every_class
from fallline.errors import ConvergenceWarning
from fallline.fit import Fit
from fallline.history import History
from fallline.penalties import Penalty, WeightedL2
from fallline.report import Report, objective_in_symbols
from fallline.solvers import Optimum, Problem, solve
from fallline.solvers.problem import Visit
from fallline.typing import Float64Array, FloatArray, Intercept

if TYPE_CHECKING:
    from fallline.trainer import Trainer


class SolverRun:
    """Where a solver stands: to callbacks a `Run` whose epochs are single steps.

    Attributes
    ----------
    epochs : int
        Most passes over the data.
    epoch, step : int
        Places that F of all rows has been computed at.
    total_steps : None
        How many there will be, which nobody knows.
    learning_rate : float
        NaN, as there is none.
    running_loss : float
        F at the last one.
    passes : float
        Over the data so far; a part of the rows is a part of a pass.
    validation_loss : float or None
        Mean loss on the validation set.
    history : History
        One entry for each place.
    """

    total_steps = None
    steps_per_epoch = 1
    learning_rate = math.nan

    def __init__(
        self, data: Data, held_out: Data | None, problem: Problem, max_time: float
    ) -> None:
        self._held_out, self._problem = held_out, problem
        self._started = time.monotonic()
        self._deadline = self._started + max_time
        self._callbacks: Sequence[Callback] = ()
        self._exchanged: tuple[FloatArray, Intercept] | None = None
        shape = (data.X.shape[1],) if data.heads is None else (data.X.shape[1], data.n_heads)
        nothing = np.zeros(shape, data.dtype)
        none = 0.0 if data.heads is None else np.zeros(data.n_heads)
        self._weights: Callable[[], tuple[FloatArray, Intercept]] = lambda: (nothing, none)
        self.epochs = problem.max_passes
        self.epoch = self.step = 0
        self.running_loss = math.nan
        self.passes = 0.0
        self.validation_loss: float | None = None
        self.history = History()
        self.out_of_time = False

    @property
    def seconds(self) -> float:
        """Time since the solver began."""
        return time.monotonic() - self._started

    @property
    def standing(self) -> str:
        """How far it is, in a few words."""
        text = f"{self.passes:.1f} passes, F {self.running_loss:.6g}"
        if self.validation_loss is not None:
            text += f", validation {self.validation_loss:.4g}"
        return text

    @property
    def weights(self) -> tuple[FloatArray, Intercept]:
        """Coefficients and intercept at the last place; assigning exchanges those of the result."""
        return self._exchanged or self._weights()

    @weights.setter
    def weights(self, value: tuple[FloatArray, Intercept]) -> None:
        self._exchanged = value

    def solve(self, callbacks: Sequence[Callback]) -> Optimum:
        """Solve the problem, with callbacks told of every place; returns what has come of it."""
        self._callbacks = callbacks
        with ExitStack() as ends:
            for callback in callbacks:
                callback.on_fit_begin(self._as_run)
                ends.callback(callback.on_fit_end, self._as_run)
            optimum = solve(self._problem._replace(observe=self._see))
            self._weights = lambda: (optimum.coef, optimum.intercept)
            self.running_loss, self.passes = optimum.value, optimum.passes
            if self.history.get("objective", [math.nan])[-1] != optimum.value:
                self._validate()
                self._record()
        if self._exchanged is None:
            return optimum
        # What has been proven is of other weights.
        coef, intercept = self._exchanged
        return optimum._replace(coef=coef, intercept=intercept, status="stopped", gap=math.nan)

    @property
    def _as_run(self) -> Run:
        return cast("Run", self)

    def _see(self, visit: Visit) -> bool:
        self._weights = visit.weights
        self.passes = visit.passes
        self.out_of_time = time.monotonic() > self._deadline
        if math.isnan(visit.value):
            return self.out_of_time
        self.running_loss = visit.value
        self._validate()
        self.epoch += 1
        self.step += 1
        self._record()
        for callback in self._callbacks:
            callback.on_chunk_end(self._as_run)
        # Every callback sees it, also after one has asked to stop.
        stops = any([callback.on_epoch_end(self._as_run) for callback in self._callbacks])
        return stops or self.out_of_time

    def _validate(self) -> None:
        if self._held_out is not None:
            loss = self._problem.loss
            self.validation_loss = mean_loss(self._held_out, loss, *self._weights())

    def _record(self) -> None:
        entry = {"passes": self.passes, "objective": self.running_loss, "seconds": self.seconds}
        if self.validation_loss is not None:
            entry["validation_loss"] = self.validation_loss
        self.history.append(**entry)


def solve_model(
    trainer: "Trainer", data: Data, held_out: Data | None, columns: Standardization | None
) -> Fit:
    """Solve the problem of a trainer; warns where it has no optimum to return."""
    problem = problem_of(trainer, data, columns)
    run = SolverRun(data, held_out, problem, trainer.max_time)
    optimum = run.solve(trainer.callbacks)
    if optimum.status == "stopped" and run.out_of_time:
        optimum = optimum._replace(status="budget")
    budget = "max_time" if run.out_of_time else f"epochs={trainer.epochs}"
    penalty_to_pass = "penalty=fl.penalties.L2(1e-4)"
    message = shortfall(
        optimum, "the solver", budget=budget, tol=trainer.tol, penalty=penalty_to_pass
    )
    if message:
        warnings.warn(message, ConvergenceWarning, stacklevel=3)
    return Fit(
        optimum.coef,
        optimum.intercept,
        trainer.loss,
        data.classes,
        history=run.history,
        status=optimum.status,
        gap=optimum.gap,
        report=report(problem, optimum, copied_bytes=data.copied_bytes, seconds=run.seconds),
        feature_names=data.feature_names,
        shift=optimum.shift,
    )


def problem_of(trainer: "Trainer", data: Data, columns: Standardization | None) -> Problem:
    """Return what a trainer is to minimise on some data."""
    if data.classes is not None:
        codes = data.y if data.heads == "classes" else data.y > 0
        check_every_class(codes, data.classes, data.sample_weight)
    penalty = trainer.penalty
    return Problem(
        data.X,
        data.y,
        data.sample_weight,
        trainer.loss,
        alpha=penalty.alpha if penalty else 0.0,
        l1_ratio=penalty.l1_ratio if penalty else 0.0,
        fit_intercept=trainer.fit_intercept,
        tol=trainer.tol,
        max_passes=trainer.epochs,
        heads=data.heads,
        deviation=_deviation(penalty, data, columns),
        penalized=_penalized(penalty, columns),
    )


def _deviation(
    penalty: Penalty | None, data: Data, columns: Standardization | None
) -> Float64Array | None:
    """Return what the weights are multiplied by before they are penalised; None for 1."""
    deviation = None if columns is None else 1.0 / columns.inverse_scale.astype(np.float64)
    if not isinstance(penalty, WeightedL2):
        return deviation
    n_features = data.X.shape[1]
    if len(penalty.alphas) != n_features:
        message = (
            f"penalty must have an alpha for each of the {n_features} features, got "
            f"{len(penalty.alphas)}"
        )
        raise ValueError(message)
    if data.heads is not None:
        message = (
            f"penalty must be the same for all features with several {data.kind_of_heads}, got "
            "WeightedL2; use fl.penalties.L2"
        )
        raise ValueError(message)
    roots: Float64Array = np.sqrt(np.array(penalty.alphas))
    return roots if deviation is None else roots * deviation


def _penalized(penalty: Penalty | None, columns: Standardization | None) -> str:
    words = ["deviation"] * (columns is not None) + ["root alpha"] * isinstance(penalty, WeightedL2)
    return " ".join([*words, "w"])


def report(problem: Problem, optimum: Optimum, *, copied_bytes: int, seconds: float) -> Report:
    """Return what a solver did and what it cost."""
    n_bytes, l1 = optimum.passes * problem.X.nbytes, problem.alpha * problem.l1_ratio
    facts: dict[str, Any] = {
        "objective": objective_in_symbols(
            problem.loss,
            problem.alpha - l1,
            l1,
            fit_intercept=problem.fit_intercept,
            penalized=problem.penalized,
        ),
        "value": optimum.value,
        "null_value": optimum.null_value,
        "status": optimum.status,
        "gap": optimum.gap,
        "method": optimum.method,
        "events": optimum.events,
        "passes": optimum.passes,
        "bytes_read": round(n_bytes),
        "bytes_per_pass": problem.X.nbytes,
        "seconds": seconds,
        "seconds_in": optimum.seconds,
        "copied_bytes": copied_bytes,
        "threads": _core.get_num_threads(),
        "target": _core.get_target(),
    }
    if optimum.seconds.get("passes", 0.0) > 0.0:
        facts["GB/s"] = n_bytes / optimum.seconds["passes"] / 1e9
    return Report(facts)
