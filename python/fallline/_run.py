"""One fit under way: chunks of steps in the core, and what happens between them."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from fallline import _core, _heads
from fallline._callback import Callback
from fallline._standardization import Standardization, inner
from fallline._validation import Data, as_dtype
from fallline.history import History
from fallline.losses import Loss
from fallline.schedules import Schedule
from fallline.typing import Float64Array, FloatArray, Intercept

Core: TypeAlias = (
    _core.LoopFloat32
    | _core.LoopFloat64
    | _core.HeadsLoopFloat32
    | _core.HeadsLoopFloat64
    | _core.CsrLoop
    | _core.VarianceReducedLoop
)

# The mean loss may reach this multiple of what it was at the start.
DIVERGED = 10.0

# Elements of X per chunk: a millisecond or more of work, against 20 µs for the way to Python.
_CHUNK_ELEMENTS = 1 << 22
_CHUNK_STEPS = 1 << 16
# And elements per weight, as the weights are copied between two chunks.
_CHUNK_ELEMENTS_PER_WEIGHT = 32

# Rows at a time where Python goes over y, so that Ctrl-C is heard in between.
_NULL_ROWS = 1 << 20


class Run:
    """Where a training stands; callbacks read it, and may exchange the weights.

    Attributes
    ----------
    epochs, steps_per_epoch, total_steps : int
        How long training lasts if nothing stops it.
    epoch, step : int
        Whole epochs and steps made.
    finds_rate : bool
        Whether learning rates are found on the way; what is given then multiplies them.
    learning_rate : float
        Of the last step.
    running_loss : float
        Mean loss of the rows of this epoch so far, each before its step.
    head_losses : ndarray of shape (n_heads,), or () of a model of one
        The same of each head; a coupled loss is in the first place.
    final_loss : float
        Mean loss of all rows when the budget was used up.
    validation_loss : float or None
        Mean loss on the validation set at the end of the last epoch.
    history : History
        The epochs so far.
    status : str
        "budget", or why training ended before.
    """

    def __init__(
        self,
        core: Core,
        data: Data,
        validation: Data | None,
        loss: Loss,
        schedule: Schedule,
        epochs: int,
        max_time: float,
        start_loss: float,
        standardization: Standardization | None = None,
        *,
        finds_rate: bool = False,
    ) -> None:
        self._core: Any = core  # of one head, or of several: the members are the same
        self._data = data
        self._validation = validation
        self._loss = loss
        self._schedule, self.finds_rate = schedule, finds_rate
        self._standardization = standardization
        self._deadline = time.monotonic() + max_time
        self._started = time.monotonic()
        self._total_weight = total_weight(data)
        self._chunk_steps = chunk_steps(data, core.steps_per_epoch, data.n_heads)
        self._good_weights = self.weights
        self.start_loss = start_loss
        self.epochs = epochs
        self.steps_per_epoch = core.steps_per_epoch
        self.total_steps = epochs * core.steps_per_epoch
        self.epoch = 0
        self.learning_rate = math.nan
        self.running_loss = math.nan
        self.head_losses: Float64Array = np.array(math.nan)
        self.final_loss = math.nan
        self.validation_loss: float | None = None
        self.history = History()
        self.status = "budget"

    @property
    def step(self) -> int:
        """Steps made."""
        return int(self._core.step)

    @property
    def snapshots(self) -> int:
        """Passes over all rows that SVRG has made besides its steps."""
        return getattr(self._core, "snapshots", 0)

    @property
    def standing(self) -> str:
        """How far training is, in a few words."""
        text = f"epoch {self.epoch}/{self.epochs}, loss {self.running_loss:.4g}"
        if self.validation_loss is not None:
            text += f", validation {self.validation_loss:.4g}"
        return text

    @property
    def _highest(self) -> float:
        return DIVERGED * self.start_loss

    @property
    def seconds(self) -> float:
        """Time since training began."""
        return time.monotonic() - self._started

    @property
    def weights(self) -> tuple[FloatArray, Intercept]:
        """Coefficients and intercept: reading copies them, assigning exchanges them."""
        weights = self._core.coef, self._core.intercept
        return self._standardization.unscale(*weights) if self._standardization else weights

    @weights.setter
    def weights(self, value: tuple[FloatArray, Intercept]) -> None:
        if self._standardization:
            value = self._standardization.scale(*value)
        self._core.coef, self._core.intercept = value

    def train(self, callbacks: Sequence[Callback]) -> None:
        """Train to the end of the budget, or until something stops it; sets ``status``."""
        begun: list[Callback] = []
        try:
            for callback in callbacks:
                callback.on_fit_begin(self)
                begun.append(callback)
            chunk_ends = [callback.on_chunk_end for callback in callbacks]
            while self.status == "budget" and self.epoch < self.epochs:
                self._train_epoch(chunk_ends)
                if not np.isfinite(self._core.coef).all():  # the loss would tell in the next epoch
                    self.status = "diverged"
                if self.status == "budget":
                    self._end_epoch(callbacks)
            if self.status == "budget":
                # Nothing but all rows can tell what came of the last steps.
                self.final_loss = mean_loss(self._data, self._loss, *self.weights)
                if not self.final_loss <= self._highest:
                    self.running_loss = self.final_loss
                    self.status = "diverged"
        except KeyboardInterrupt:
            self.status = "interrupted"
        finally:
            for callback in begun:
                callback.on_fit_end(self)

    def _train_epoch(self, chunk_ends: Sequence[Callable[["Run"], None]]) -> None:
        end = (self.epoch + 1) * self.steps_per_epoch
        loss = weight = 0.0
        head_loss: Float64Array = np.array(0.0)
        acquitted = False
        while self.step < end:
            before = self.weights
            count = min(self._chunk_steps, end - self.step)
            rates = self._schedule.values(self.step, count)
            done, chunk_loss, chunk_weight = self._core.run(rates)
            rate = self._core.learning_rate if self.finds_rate else rates[min(done, count - 1)]
            self.learning_rate = float(rate)
            loss += chunk_loss
            weight += chunk_weight
            head_loss = head_loss + (
                chunk_loss if self._data.heads is None else self._core.head_losses
            )
            self.running_loss = loss / weight if weight else 0.0
            self.head_losses = head_loss / weight if weight else 0.0 * head_loss
            if done < count or loss > self._highest * self._total_weight:
                self.status = "diverged"
                return
            if chunk_loss <= self._highest * chunk_weight:
                # The loss of this chunk was that of these weights and what followed from them.
                self._good_weights = before
            elif not acquitted:
                # A few rows may cost that much honestly: all of them decide, once an epoch.
                acquitted = mean_loss(self._data, self._loss, *self.weights) <= self._highest
                if not acquitted:
                    self.status = "diverged"
                    return
            for chunk_end in chunk_ends:
                chunk_end(self)
            if time.monotonic() > self._deadline:
                self.epochs = self.epoch + 1  # the epoch under way is the last
                return

    def _end_epoch(self, callbacks: Sequence[Callback]) -> None:
        if self._validation is not None:
            self.validation_loss = mean_loss(self._validation, self._loss, *self.weights)
        self.epoch += 1  # only now: a Ctrl-C while validating leaves an epoch without its entry
        self.history.on_epoch_end(self)
        loss = self.running_loss if self.validation_loss is None else self.validation_loss
        self._schedule._tell(loss, self.step)
        # Every callback sees the epoch, also after one has asked to stop.
        if any([callback.on_epoch_end(self) for callback in callbacks]):
            self.status = "stopped"

    def stop_heads(self, arrived: np.ndarray[Any, Any]) -> None:
        """Let heads change no more; the only one of a model goes on."""
        if self._data.heads is not None:
            for head in np.flatnonzero(arrived):
                self._core.stop(int(head))

    def restore_good_weights(self) -> None:
        """Go back to the last weights whose loss has been seen to be sound."""
        self.weights = self._good_weights


def mean_loss(data: Data, loss: Loss, coef: FloatArray, intercept: Intercept) -> float:
    """Return the weighted mean loss, without penalty, added up over the heads."""
    if data.heads is not None:
        sums = _heads.loss_sums(data, data.heads, loss, coef, intercept)
        return float(sums.sum()) / total_weight(data)
    coef = as_dtype(coef, data.dtype)
    if data.shift is not None:
        intercept += inner(coef, data.shift)
    # Sparse rows take no shift, and have none.
    shift = {} if data.shift is None else {"shift": data.shift}
    total = _core.loss_sum(
        data.X, data.y, data.sample_weight, loss.name, coef, intercept, loss.parameters, **shift
    )
    return total / total_weight(data)


def null_loss(data: Data, loss: Loss) -> float:
    """Return that mean where all margins are zero; reads y only."""
    total = 0.0
    for start in range(0, len(data.y), _NULL_ROWS):
        rows = slice(start, start + _NULL_ROWS)
        if data.heads is None:
            y = data.y[rows]
            values = _core.loss_values(loss.name, np.zeros_like(y), y, loss.parameters)
        else:
            values = _heads.null_losses(data, loss, rows)
        if data.sample_weight is not None:
            values = np.multiply(values, data.sample_weight[rows], dtype=np.float64)
        total += float(values.sum(dtype=np.float64))
    return total / total_weight(data)


def total_weight(data: Data) -> float:
    """Return S, by which the objective is divided."""
    if data.sample_weight is None:
        return float(data.X.shape[0])
    return float(data.sample_weight.sum(dtype=np.float64))


def chunk_steps(data: Data, steps_per_epoch: int, n_heads: int) -> int:
    """Return the steps between two returns to Python, a function of shape alone."""
    n_features = data.X.shape[1]
    lines = -(-n_heads // 16)  # as many heads cost a few times what one does
    elements = max(-(-data.X.size * lines // steps_per_epoch), 1)
    enough = max(_CHUNK_ELEMENTS, _CHUNK_ELEMENTS_PER_WEIGHT * n_features * n_heads)
    return min(max(enough // elements, 1), max(_CHUNK_STEPS, n_features))
