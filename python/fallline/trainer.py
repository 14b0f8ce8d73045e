"""The explicit layer: a training in which every choice has a name."""

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np

from fallline import _core, _heads
from fallline._arguments import boolean, integer, number
from fallline._callback import Callback
from fallline._run import Run, mean_loss, null_loss
from fallline._validation import (
    Data,
    Matrix,
    check_coef,
    check_data,
    check_intercepts,
    check_validation,
    column_spans,
)
from fallline.errors import ConvergenceWarning, DivergenceError
from fallline.fit import Fit
from fallline.losses import Loss
from fallline.optim import SGD, Optimizer
from fallline.penalties import Penalty
from fallline.typing import Intercept

_ORDERS = ("blocks", "rows")

_Kind = TypeVar("_Kind")

# A training whose last epochs each lower the loss by more than this share of it, or of a thousandth
# of what it was at the start, has not yet arrived. One epoch alone may fall by chance.
_STILL_FALLING = 3e-3
_LAST_EPOCHS = 3

# The running loss is that of rows not yet learnt from, so with nothing to learn it is a little
# above that of zero weights.
_ABOVE_START = 1.01


class Trainer:
    r"""Train a linear model by batch, stochastic or mini-batch gradient descent.

    Parameters
    ----------
    loss : Loss
        From `fallline.losses`; it decides whether targets are numbers or labels, and what more than
        two labels are: `Softmax` is one model of all classes, any other loss one of each against
        the rest.
    penalty : Penalty, default=None
        From `fallline.penalties`; None for none.
    optimizer : Optimizer
        From `fallline.optim`. Only its settings are used: every fit starts with fresh state.
    batch_size : int, default=64
        Rows per step; 1 is stochastic gradient descent. None takes all rows: batch gradient
        descent.
    epochs : int, default=20
        Passes over the data.
    max_time : float, default=None
        Seconds after which no further epoch begins, and the one under way ends at the next return
        to Python. The result then depends on the machine. None for no limit.
    shuffle : {"blocks", "rows", False}, default="blocks"
        Order of the rows. "blocks" visits blocks of 128 KB in random order and their rows in random
        order, anew each epoch; "rows" is a full permutation, much slower on data larger than the
        cache; False is the stored order.
    seed : int, default=0
        Decides the order, together with the epoch.
    fit_intercept : bool, default=True
        Whether the model has an intercept. It is never penalised.
    callbacks : sequence of Callback, default=()
        From `fallline.callbacks`, called in this order.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range, or an L1 penalty is asked for with an adaptive rule.

    Notes
    -----
    Minimises, with S the sum of the sample weights s,

    .. math:: F(w, b) = \frac1S \sum_i s_i \, \ell(x_i \cdot w + b, y_i)
              + \alpha \left[ \tfrac{1-\rho}{2} \|w\|^2 + \rho \|w\|_1 \right].

    With several targets, or classes, each has a column of W and an entry of b, the losses of a row
    are added up, and the penalty is the sum over all of W.

    A mini-batch of m of the n rows steps by n / (S m) times the sum of its weighted gradients,
    which is unbiased for the gradient of F; the last one of an epoch may be shorter. The same data
    and seed give the same bits at any number of threads.

    On sparse data a step takes time in proportion to the stored elements of its rows, whose columns
    may come in any order and more than once. The model is that of the same numbers in a dense
    array, to rounding, with `fallline.optim.SGD` and any penalty, and with momentum and L2; what an
    adaptive rule does with a feature that is absent from a mini-batch, and momentum with L1, is
    said at each optimizer.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 3))
    >>> y = X @ [1.0, -2.0, 0.5] + 3.0
    >>> trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.1))
    >>> fit = trainer.fit(X, y)
    >>> fit.coef.round(4), round(fit.intercept, 4)
    (array([ 1. , -2. ,  0.5]), 3.0)
    """

    def __init__(
        self,
        loss: Loss,
        *,
        penalty: Penalty | None = None,
        optimizer: Optimizer,
        batch_size: int | None = 64,
        epochs: int = 20,
        max_time: float | None = None,
        shuffle: Literal["blocks", "rows", False] = "blocks",
        seed: int = 0,
        fit_intercept: bool = True,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.loss = _instance("loss", loss, Loss, "fl.losses.Logistic()")
        self.penalty = (
            None
            if penalty is None
            else _instance("penalty", penalty, Penalty, "fl.penalties.L2(1e-4)")
        )
        self.optimizer = _instance("optimizer", optimizer, Optimizer, "fl.optim.SGD(0.1)")
        self.batch_size = None if batch_size is None else integer("batch_size", batch_size, 1)
        self.epochs = integer("epochs", epochs, 1)
        self.max_time = (
            math.inf
            if max_time is None
            else number("max_time", max_time, "a positive number of seconds", lambda x: x > 0)
        )
        if shuffle is not False and not (isinstance(shuffle, str) and shuffle in _ORDERS):
            message = f"shuffle must be 'blocks', 'rows' or False, got {shuffle!r}"
            raise ValueError(message)
        self.shuffle = shuffle
        self.seed = integer("seed", seed)
        self.fit_intercept = boolean("fit_intercept", fit_intercept)
        if not isinstance(callbacks, list | tuple):
            message = (
                f"callbacks must be a list or tuple of Callback, got {callbacks!r}; "
                "write [fl.callbacks.Progress()] for a single one"
            )
            raise TypeError(message)
        self.callbacks = [
            _instance(f"callbacks[{k}]", callback, Callback, "fl.callbacks.Progress()")
            for k, callback in enumerate(callbacks)
        ]
        if self.penalty is not None and self.penalty.l1 > 0 and not isinstance(optimizer, SGD):
            message = (
                f"penalty must not contain L1 with an adaptive rule, got {penalty!r} with "
                f"{type(optimizer).__name__}; use fl.optim.SGD, whose steps it is defined for, or "
                "the l1 of fl.optim.FTRL"
            )
            raise ValueError(message)

    def fit(
        self,
        X: object,
        y: object,
        *,
        sample_weight: object = None,
        validation: tuple[object, object] | None = None,
        coef: object = None,
        intercept: object = None,
    ) -> Fit:
        """Train a model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Rows of finite numbers. Row-major float32 and float64 are read in place, and so are
            SciPy's sparse matrices and arrays in CSR format; anything else is copied once, to
            float32 where it holds floats of at most 32 bits, else to float64, and the copy is
            counted in the report.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, one or several per row, or labels where the loss is one for classification.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, not negative; None weighs all rows 1.
        validation : tuple of X and y, default=None
            Data whose loss is measured after each epoch.
        coef : array-like of the shape that ``Fit.coef`` will have, default=None
            Where the weights start; None is zero.
        intercept : float or array-like of shape (n_outputs,), default=None
            Where the intercept starts; None is zero.

        Returns
        -------
        Fit
            The model, with its history and report. After Ctrl-C it holds the weights reached, and
            its status is "interrupted".

        Raises
        ------
        TypeError
            If an argument is of the wrong kind.
        ValueError
            If the data are not usable; the message says where and why.
        DivergenceError
            If the loss grows out of bounds. Its ``fit`` holds the last good weights.

        Warns
        -----
        ConvergenceWarning
            If the loss was still falling when the epochs were over, or is higher than it began.
        """
        data = check_data(X, y, sample_weight, self.loss)
        held_out = check_validation(validation, data, self.loss)
        core = self._make_loop(data)
        start_loss = at_zero = null_loss(data, self.loss)
        if not math.isfinite(start_loss):
            largest = np.abs(data.y).max()
            message = f"y must have finite losses in {data.X.dtype}, got {largest!s}; rescale it"
            raise ValueError(message)
        if coef is not None or intercept is not None:
            weights = core.coef if coef is None else coef
            core.coef = check_coef(weights, data, data.X.dtype)
            core.intercept = self._check_intercept(intercept, data)
            start_loss = max(start_loss, mean_loss(data, self.loss, core.coef, core.intercept))
        if at_zero == 0 and (data.classes is not None or start_loss == 0):
            start_loss = math.inf  # as for a perceptron, whose losses have no scale to grow beyond
        run = Run(
            core,
            data,
            held_out,
            self.loss,
            self.optimizer.learning_rate,
            self.epochs,
            self.max_time,
            start_loss,
        )
        run.train(self.callbacks)
        if run.status == "diverged":
            self._raise_divergence(run, data)
        if run.status == "budget":
            _warn_if_unfinished(run)
        return self._result(run, data)

    def _make_loop(self, data: Data) -> Any:
        penalty, optimizer, n = self.penalty, self.optimizer, data.n_heads
        l2 = optimizer.coupled_decay + (penalty.l2 if penalty else 0.0)
        l1 = penalty.l1 if penalty else 0.0
        decay, options = optimizer.decoupled_decay, loop_options(self, data)
        if data.heads is not None:
            return _heads.make_loop(
                data, data.heads, l2=[l2] * n, l1=[l1] * n, weight_decay=[decay] * n, **options
            )
        return _loop_class(data.X)(
            data.X, data.y, data.sample_weight, l2=l2, l1=l1, weight_decay=decay, **options
        )

    def _check_intercept(self, intercept: object, data: Data) -> Intercept:
        value: Intercept
        if data.heads is not None:
            value = check_intercepts(intercept, data)
        elif intercept is None:
            value = 0.0
        else:
            value = number("intercept", intercept, "a finite number", math.isfinite)
        if not self.fit_intercept and np.any(value):
            message = f"intercept must be None with fit_intercept=False, got {intercept!r}"
            raise ValueError(message)
        return value

    def _raise_divergence(self, run: Run, data: Data) -> None:
        loss, rate = run.running_loss, run.learning_rate
        spans = column_spans(data.X)
        widest = int(np.argmax(spans))
        rose = (
            f"rose to {loss:.3g} from {run.start_loss:.3g}"
            if math.isfinite(loss)
            else f"became {loss}"
        )
        message = (
            f"the loss {rose} at epoch {run.epoch + 1} (step {run.step}) with "
            f"learning_rate={rate:.6g}; lower it or standardize X "
            f"(column {widest} spans {spans[widest]:.2g})"
        )
        run.restore_good_weights()
        raise DivergenceError(message, self._result(run, data))

    def _result(self, run: Run, data: Data) -> Fit:
        coef, intercept = run.weights
        report = {
            "seconds": run.seconds,
            "epochs": run.epoch,
            "steps": run.step,
            "bytes_read": run.step * data.X.nbytes // run.steps_per_epoch,
            "copied_bytes": data.copied_bytes,
            "threads": _core.get_num_threads(),
            "target": _core.get_target(),
        }
        return Fit(
            coef,
            intercept,
            self.loss,
            data.classes,
            history=run.history,
            status=run.status,
            report=report,
            feature_names=data.feature_names,
        )


def _loop_class(X: Matrix) -> Callable[..., Any]:
    if isinstance(X, _core.CsrMatrix):
        return _core.CsrLoop
    return _core.LoopFloat32 if X.dtype == np.float32 else _core.LoopFloat64


def loop_options(trainer: Trainer, data: Data) -> dict[str, Any]:
    """Return what the core's loops are told besides data and penalties."""
    n_samples = data.X.shape[0]
    return {
        "loss": trainer.loss.name,
        "loss_parameters": trainer.loss.parameters,
        "rule": trainer.optimizer.rule,
        "parameters": trainer.optimizer.rule_parameters,
        "batch_size": min(trainer.batch_size or n_samples, n_samples),
        "shuffle": trainer.shuffle or "none",
        "seed": trainer.seed,
        "fit_intercept": trainer.fit_intercept,
    }


def _instance(name: str, value: object, kind: type[_Kind], example: str) -> _Kind:
    if isinstance(value, kind):
        return value
    got = value.__name__ + " (a class)" if isinstance(value, type) else repr(value)
    article = "an" if kind is Optimizer else "a"
    message = f"{name} must be {article} {kind.__name__}, as {example}; got {got}"
    raise TypeError(message)


def _warn_if_unfinished(run: Run) -> None:
    losses = run.history["running_loss"]
    if run.final_loss > _ABOVE_START * run.start_loss:
        message = (
            f"the loss ended at {run.final_loss:.4g}, above the {run.start_loss:.4g} it began "
            "with; lower the learning_rate or standardize X"
        )
        warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return
    if len(losses) < 2:
        return
    fall = min(before - after for before, after in pairwise(losses[-_LAST_EPOCHS - 1 :]))
    arrived = _STILL_FALLING * max(losses[-1], 1e-3 * run.start_loss)
    # A rate that is much too small lowers the loss by next to nothing, but by the same each epoch.
    steady = 0.5 * (run.start_loss - losses[-1]) / len(losses)
    if fall > arrived or (fall > 1e-12 * losses[-1] and fall > steady):
        last_fall = losses[-2] - losses[-1]
        message = (
            f"the loss was still falling when the epochs were over: by {last_fall:.3g} "
            f"in the last one, to {losses[-1]:.6g}; raise epochs or the learning_rate"
        )
        warnings.warn(message, ConvergenceWarning, stacklevel=3)
