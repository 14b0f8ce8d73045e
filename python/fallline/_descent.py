"""A training by mini-batches: the way of the data from a named optimizer to a `Fit`."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline import _core, _heads
from fallline._arguments import number
from fallline._convergence import warn_if_unfinished
from fallline._run import Run, mean_loss, null_loss
from fallline._standardization import Standardization
from fallline._validation import Data, as_dtype, check_coef, check_intercepts, column_spans
from fallline.errors import DivergenceError
from fallline.fit import Fit
from fallline.optim import Optimizer, VarianceReduced
from fallline.report import Report, objective_in_symbols
from fallline.typing import Intercept

if TYPE_CHECKING:
    from fallline.trainer import Trainer


def descend(
    trainer: "Trainer",
    data: Data,
    held_out: Data | None,
    columns: Standardization | None,
    coef: object,
    intercept: Intercept,
) -> Fit:
    """Train by the optimizer of a trainer; raises DivergenceError, and warns where it has to."""
    named = trainer.optimizer
    optimizer = named if isinstance(named, VarianceReduced) else optimizer_of(trainer)
    schedule = optimizer.learning_rate._for_training()
    if isinstance(optimizer, VarianceReduced):
        core = _make_variance_reduced(trainer, optimizer, data, columns)
    else:
        core = _make_loop(trainer, data, columns)
    start_loss = at_zero = null_loss(data, trainer.loss)
    if not math.isfinite(start_loss):
        largest = np.abs(data.y).max()
        message = f"y must have finite losses in {data.dtype}, got {largest!s}; rescale it"
        raise ValueError(message)
    if coef is not None or intercept is not None:
        weights = core.coef if coef is None else coef
        start = (check_coef(weights, data, data.dtype), _check_intercept(trainer, intercept, data))
        start_loss = max(start_loss, mean_loss(data, trainer.loss, *start))
        core.coef, core.intercept = columns.scale(*start) if columns else start
    if at_zero == 0 and (data.classes is not None or start_loss == 0):
        start_loss = math.inf  # as for a perceptron, whose losses have no scale to grow beyond
    run = Run(
        core,
        data,
        held_out,
        trainer.loss,
        schedule,
        trainer.epochs,
        trainer.max_time,
        start_loss,
        columns,
        finds_rate=optimizer.finds_rate,
    )
    run.train(trainer.callbacks)
    if run.status == "diverged":
        _raise_divergence(trainer, run, data)
    if run.status == "budget":
        warn_if_unfinished(run)
    return _result(trainer, run, data)


def optimizer_of(trainer: "Trainer") -> Optimizer:
    """Return the optimizer of a trainer that names one with a rule."""
    if isinstance(trainer.optimizer, Optimizer):
        return trainer.optimizer
    got = trainer.optimizer if trainer.optimizer == "auto" else type(trainer.optimizer).__name__
    message = (
        f"trainer must name an optimizer, as fl.optim.Adam(0.01), got {got!r}, whose steps do not "
        "serve several candidates at once"
    )
    raise ValueError(message)


def _make_loop(trainer: "Trainer", data: Data, columns: Standardization | None) -> Any:
    penalty, optimizer, n = trainer.penalty, optimizer_of(trainer), data.n_heads
    l2 = optimizer.coupled_decay + (penalty.l2 if penalty else 0.0)
    l1 = penalty.l1 if penalty else 0.0
    decay, options = optimizer.decoupled_decay, loop_options(trainer, data)
    is_sparse = isinstance(data.X, _core.CsrMatrix)
    if optimizer.finds_rate and is_sparse:
        message = (
            "learning_rate must be a number, a schedule or a function with sparse X, got 'auto'; "
            "use fl.optim.SAGA(), or Trainer(optimizer='auto'), which has none to find"
        )
        raise ValueError(message)
    if is_sparse and not optimizer.takes_sparse:
        name = type(optimizer).__name__
        message = (
            f"X must be dense with {name}, which has no steps for features that are absent from a "
            "mini-batch, got a sparse matrix; use fl.optim.SGD or fl.optim.Adam, or X.toarray()"
        )
        raise ValueError(message)
    if not is_sparse:
        options["rate"] = optimizer.rate_rule
    if data.heads is not None:
        return _heads.make_loop(
            data, data.heads, l2=[l2] * n, l1=[l1] * n, weight_decay=[decay] * n, **options
        )
    if columns is not None:
        options |= columns._asdict()
    return _loop_class(data)(
        data.X, data.y, data.sample_weight, l2=l2, l1=l1, weight_decay=decay, **options
    )


def _make_variance_reduced(
    trainer: "Trainer", method: VarianceReduced, data: Data, columns: Standardization | None
) -> Any:
    if data.heads is not None:
        message = (
            f"y must have one output with {type(method).__name__}, got {data.n_heads} "
            f"{data.kind_of_heads}; use "
            "optimizer='auto', or fit one output at a time"
        )
        raise ValueError(message)
    penalty, weight = trainer.penalty, data.sample_weight
    standard = () if columns is None else columns
    return _core.VarianceReducedLoop(
        data.X,
        as_dtype(data.y, np.dtype(np.float64)),
        None if weight is None else as_dtype(weight, np.dtype(np.float64)),
        *standard,
        loss=trainer.loss.name,
        loss_parameters=trainer.loss.parameters,
        l2=penalty.l2 if penalty else 0.0,
        l1=penalty.l1 if penalty else 0.0,
        memory=method.memory,
        line_search=method.finds_rate,
        shuffle=trainer.shuffle or "none",
        seed=trainer.seed,
        fit_intercept=trainer.fit_intercept,
    )


def _loop_class(data: Data) -> Callable[..., Any]:
    if isinstance(data.X, _core.CsrMatrix):
        return _core.CsrLoop
    return _core.LoopFloat32 if data.dtype == np.float32 else _core.LoopFloat64


def loop_options(trainer: "Trainer", data: Data) -> dict[str, Any]:
    """Return what the core's loops are told besides data and penalties."""
    n_samples, optimizer = data.X.shape[0], optimizer_of(trainer)
    return {
        "loss": trainer.loss.name,
        "loss_parameters": trainer.loss.parameters,
        "rule": optimizer.rule,
        "parameters": optimizer.rule_parameters,
        "batch_size": min(trainer.batch_size or n_samples, n_samples),
        "shuffle": trainer.shuffle or "none",
        "seed": trainer.seed,
        "fit_intercept": trainer.fit_intercept,
    }


def _check_intercept(trainer: "Trainer", intercept: object, data: Data) -> Intercept:
    """Return the intercept to start from, for every output."""
    value: Intercept
    if data.heads is not None:
        value = check_intercepts(intercept, data)
    elif intercept is None:
        value = 0.0
    else:
        value = number("intercept", intercept, "a finite number", math.isfinite)
    if not trainer.fit_intercept and np.any(value):
        message = f"intercept must be None with fit_intercept=False, got {intercept!r}"
        raise ValueError(message)
    return value


def _raise_divergence(trainer: "Trainer", run: Run, data: Data) -> None:
    loss, rate = run.running_loss, run.learning_rate
    spans = column_spans(data.X)
    widest = int(np.argmax(spans))
    rose = (
        f"rose to {loss:.3g} from {run.start_loss:.3g}" if math.isfinite(loss) else f"became {loss}"
    )
    message = (
        f"the loss {rose} at epoch {run.epoch + 1} (step {run.step}) with "
        f"learning_rate={rate:.6g}; {'give a lower one' if run.finds_rate else 'lower it'}"
    )
    if not trainer.standardize:
        message += f" or standardize X (column {widest} spans {spans[widest]:.2g})"
    run.restore_good_weights()
    raise DivergenceError(message, _result(trainer, run, data))


def _result(trainer: "Trainer", run: Run, data: Data) -> Fit:
    coef, intercept = run.weights
    penalty = trainer.penalty
    passes = run.step / run.steps_per_epoch + run.snapshots
    facts = {
        "seconds": run.seconds,
        "epochs": run.epoch,
        "steps": run.step,
        "passes": passes,
        "bytes_read": int(passes * data.X.nbytes),
        "copied_bytes": data.copied_bytes,
        "threads": _core.get_num_threads(),
        "target": _core.get_target(),
        "objective": objective_in_symbols(
            trainer.loss,
            penalty.l2 if penalty else 0.0,
            penalty.l1 if penalty else 0.0,
            fit_intercept=trainer.fit_intercept,
            penalized="deviation w" if trainer.standardize else "w",
        ),
    }
    return Fit(
        as_dtype(coef, data.dtype),
        intercept,
        trainer.loss,
        data.classes,
        history=run.history,
        status=run.status,
        report=Report(facts),
        feature_names=data.feature_names,
        shift=data.shift,
    )
