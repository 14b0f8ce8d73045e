"""`python -m fallline demo`: two models, beside the same training in NumPy, and a picture."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fallline as fl
from fallline import _core, plots
from fallline.bench.agreement import check_agreement, epoch_tolerance
from fallline.bench.numpy_loop import NumpyLoop
from fallline.bench.problems import make_problem
from fallline.bench.roofline import measure_read_bandwidth
from fallline.typing import FloatArray

PICTURE = Path("fallline-demo.png")

_BATCH_SIZE = 64
_EPOCHS = 20
_LEARNING_RATE = 0.01
_ROUNDS = 3


@dataclass(frozen=True)
class _Result:
    name: str
    loss: float
    accuracy: str
    seconds: float
    speed: float  # GB/s


def report(n_samples: int = 200_000, n_features: int = 50, megabytes: int = 512) -> Iterator[str]:
    """Train, compare and draw, and yield the lines to be printed.

    Parameters
    ----------
    n_samples : int, default=200_000
        Rows to train on; a quarter as many again are made to test on.
    n_features : int, default=50
        Columns.
    megabytes : int, default=512
        Size of the array the read bandwidth is measured with, in 1e6 bytes.

    Yields
    ------
    line : str
        One line of text.

    Raises
    ------
    RuntimeError
        If fallline and NumPy do not come to the same weights.

    Notes
    -----
    Both make the same steps: gradient descent by batches of 64 rows in stored order, 20 epochs. The
    rows are random, so shuffling them would gain nothing. Times are of the wall clock, the best of
    three turns each, and fallline's holds everything `Trainer.fit` does.
    """
    yield f"Training on {n_samples:,} x {n_features} float32, {_EPOCHS} epochs of SGD:"
    bandwidth = measure_read_bandwidth(megabytes).one_thread
    results: dict[str, list[_Result]] = {}
    for loss in (fl.losses.Logistic(), fl.losses.Squared()):
        X, y = make_problem(loss.name, n_samples + n_samples // 4, n_features)
        models = _race(loss, X[:n_samples], y[:n_samples])
        results[loss.name] = [_judge(n, fit, X, y, n_samples) for n, fit in models.items()]
        # Whatever else runs here slows down memory: the best of several moments counts.
        bandwidth = max(bandwidth, measure_read_bandwidth(megabytes).one_thread)
    yield ""
    yield f"{'':20}{'loss':>9}{'accuracy':>14}{'time':>10}{'GB/s':>8}{'of memory':>11}"
    for name, (ours, numpy) in results.items():
        for result in (ours, numpy):
            yield (
                f"{name:10}{result.name:10}{result.loss:9.5f}{result.accuracy:>14}"
                f"{result.seconds:8.3f} s{result.speed:8.2f}{result.speed / bandwidth:11.0%}"
            )
        ratio = numpy.seconds / ours.seconds
        yield f"{'':10}The weights agree; fallline is {ratio:.1f} times as fast.\n"
    yield f"Memory is read at {bandwidth:.1f} GB/s, by one thread like all of the above."
    yield _draw()


def _race(loss: fl.losses.Loss, X: FloatArray, y: FloatArray) -> dict[str, fl.Fit]:
    """Train with both in turn, and return what each came to in its best time."""
    best: dict[str, fl.Fit] = {}
    for turn in range(_ROUNDS):
        callbacks = [fl.callbacks.Progress(loss.name)] if turn == 0 else []
        trainer = fl.Trainer(
            loss,
            optimizer=fl.optim.SGD(_LEARNING_RATE),
            batch_size=_BATCH_SIZE,
            epochs=_EPOCHS,
            shuffle=False,
            callbacks=callbacks,
        )
        start = time.perf_counter()
        ours = trainer.fit(X, y)
        ours.report["seconds"] = time.perf_counter() - start
        for name, fit in (("fallline", ours), ("NumPy", _train_numpy(loss, X, y))):
            if turn == 0 or fit.report["seconds"] < best[name].report["seconds"]:
                best[name] = fit
    _check(loss, X, y, best["fallline"], best["NumPy"])
    return best


def _train_numpy(loss: fl.losses.Loss, X: FloatArray, y: FloatArray) -> fl.Fit:
    start = time.perf_counter()
    loop = NumpyLoop(X, y, loss=loss.name, learning_rate=_LEARNING_RATE, batch_size=_BATCH_SIZE)
    for _ in range(_EPOCHS):
        loop.epoch()
    seconds = time.perf_counter() - start
    classes = np.unique(y) if loss.classifies else None
    return fl.Fit(loop.coef, loop.intercept, loss, classes, report={"seconds": seconds})


def _check(loss: fl.losses.Loss, X: FloatArray, y: FloatArray, ours: fl.Fit, numpy: fl.Fit) -> None:
    tolerance = epoch_tolerance(
        X,
        y,
        numpy.coef,
        loss=loss.name,
        learning_rate=_LEARNING_RATE,
        batch_size=_BATCH_SIZE,
        steps=_EPOCHS * -(-len(y) // _BATCH_SIZE),
    )
    check_agreement(
        f"{_EPOCHS} epochs of {loss.name}",
        np.append(ours.coef, ours.intercept),
        np.append(numpy.coef, numpy.intercept),
        tolerance,
    )


def _judge(name: str, fit: fl.Fit, X: FloatArray, y: FloatArray, n_train: int) -> _Result:
    """Take the loss on the rows trained on, the accuracy on the others, and the speed."""
    rows = X[:n_train]
    loss = _core.loss_sum(rows, y[:n_train], None, fit.loss.name, fit.coef, fit.intercept) / n_train
    predicted, wanted = fit.predict(X[n_train:]), y[n_train:]
    if fit.classes is None:
        accuracy = f"R^2 {1.0 - np.mean((predicted - wanted) ** 2) / np.var(wanted):.4f}"
    else:
        accuracy = f"{np.mean(predicted == wanted):.2%}"
    seconds = fit.report["seconds"]
    return _Result(name, loss, accuracy, seconds, _EPOCHS * rows.nbytes / seconds / 1e9)


def _draw() -> str:
    try:
        plots.save_picture(PICTURE)
    except ImportError as error:
        return f"No picture: {error}."
    return f"Picture: {PICTURE.resolve()}"
