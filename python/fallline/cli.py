"""The command line: `python -m fallline demo | train | predict | bench | info`."""

import argparse
import csv
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

import fallline as fl
from fallline._table import read_table
from fallline.typing import Float64Array

_LOSSES: dict[str, fl.losses.Loss] = {
    "logistic": fl.losses.Logistic(),
    "squared": fl.losses.Squared(),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        What follows the name of the program; None takes it from `sys.argv`.

    Returns
    -------
    int
        0 if all went well, 2 for a mistake in the command or in a file, 130 after Ctrl-C.

    Examples
    --------
    >>> from fallline.cli import main
    >>> main(["info"])  # doctest: +ELLIPSIS
    fallline ...
    0
    """
    options = _parser().parse_args(arguments)
    if arguments is None and options.run in (_demo, _bench):
        _restart_with_one_blas_thread()
    try:
        code: int = options.run(options)
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 kept for Python's own last flush
        return 0
    except (ValueError, OSError) as error:
        _remark(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _remark("interrupted")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fallline",
        description="Train linear and logistic models by gradient descent at the speed of memory.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], summary: str
    ) -> Callable[..., Any]:
        added = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
        )
        added.set_defaults(run=run)
        return added.add_argument

    command("demo", _demo, "train two models on made-up data, beside the same in NumPy")

    add = command("train", _train, "train a model on a CSV file and save it")
    add("file", type=Path, metavar="FILE.csv", help="table of numbers with a header line")
    add("--target", required=True, metavar="COLUMN", help="column to predict")
    add("--ignore", action="append", default=[], metavar="COLUMN", help="column to leave out")
    add("--loss", choices=sorted(_LOSSES), help="default: logistic for two labels, else squared")
    add("--output", type=Path, metavar="MODEL.npz", help="default: FILE.npz")
    add(
        "--alpha",
        type=float,
        default=1e-4,
        help="L2 penalty on standardised columns (default: %(default)s)",
    )
    add("--seed", type=int, default=0, help="decides which rows are held out (default: 0)")
    add("--validation-fraction", type=float, default=0.0, help="rows held out (default: none)")

    add = command("predict", _predict, "predict the rows of a CSV file")
    add("model", type=Path, metavar="MODEL.npz", help="written by train or fl.save")
    add("file", type=Path, metavar="FILE.csv", help="table with the columns of the model")
    add("--output", type=Path, metavar="OUT.csv", help="where to write, instead of the terminal")

    add = command("bench", _bench, "measure fallline beside NumPy")
    add("--quick", action="store_true", help="a few shapes only")

    command("info", _info, "print versions, compiler, threads and SIMD targets")
    return parser


def _demo(_options: argparse.Namespace) -> int:
    from fallline import demo

    for line in demo.report():
        _say(line)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from fallline.bench import ratios

    for line in ratios.report(ratios.QUICK if options.quick else ratios.FULL):
        _say(line)
    return 0


def _info(_options: argparse.Namespace) -> int:
    fl.show_config()
    return 0


def _restart_with_one_blas_thread() -> None:
    """Begin again with BLAS limited to one thread, which it heeds only when NumPy is loaded.

    More threads make NumPy slower at mini-batches, and would not be a comparison at the others.
    """
    wanted = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "MKL", "BLIS")}
    wanted["VECLIB_MAXIMUM_THREADS"] = "1"
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # does not return


def _train(options: argparse.Namespace) -> int:
    output = options.output or Path(options.file.name).with_suffix(".npz")
    _check_output(output, options.file)
    table = read_table(options.file, target=options.target, ignore=options.ignore)
    loss, y = _read_target(table.target, options.target, options.loss)
    held_out = _choose_rows(len(y), options.validation_fraction, options.seed)
    X, rows = table.X[~held_out], y[~held_out]
    _say(
        f"{options.file}: {len(y):,} rows, {len(table.names)} features; {options.target!r} "
        f"has {len(np.unique(y)):,} different values, {loss.name} loss"
    )
    fit = _fit_standardised(options.alpha, loss, X, rows)
    fit.feature_names = table.names
    fl.save(fit, output)
    if fit.status == "interrupted":
        _remark(f"interrupted after {fit.report['passes']:.3g} passes, keeping the model so far")
    _say(str(fit))
    _say(f"training rows: {_score(fit, X, rows)}")
    if held_out.any():
        _say(f"held-out rows: {_score(fit, table.X[held_out], y[held_out])}")
    _say(f"wrote {output}; predict with: python -m fallline predict {output} FILE.csv")
    return 130 if fit.status == "interrupted" else 0


def _read_target(
    cells: list[str], name: str, wanted: str | None
) -> tuple[fl.losses.Loss, np.ndarray[Any, Any]]:
    """Choose the loss by what the column holds, unless the user did."""
    y: np.ndarray[Any, Any] = np.array(cells)
    try:
        numbers = y.astype(np.float64)
    except ValueError:
        numeric = False
    else:
        numeric = bool(np.isfinite(numbers).all())
        if numeric:
            y = numbers
    labels = np.unique(y)
    shown = ", ".join(str(label) for label in labels[:4]) + (", ..." if len(labels) > 4 else "")
    if wanted is None:
        wanted = "squared" if numeric and len(labels) != 2 else "logistic"
    if wanted == "squared" and not numeric:
        message = f"target {name!r} must hold numbers for the squared loss, got {shown}"
        raise ValueError(message)
    if wanted == "logistic" and len(labels) != 2:
        message = (
            f"target {name!r} must hold two different labels for the logistic loss, "
            f"got {len(labels)}: {shown}"
        )
        raise ValueError(message)
    if wanted == "logistic" and numeric and all(float(label).is_integer() for label in labels):
        y = y.astype(np.int64)  # so that predictions read 0 and 1, not 0.0 and 1.0
    return _LOSSES[wanted], y


def _choose_rows(n: int, fraction: float, seed: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return a mask of the rows held out."""
    if not 0.0 <= fraction < 1.0:
        message = f"--validation-fraction must be in [0, 1), got {fraction}"
        raise ValueError(message)
    held_out = np.zeros(n, np.bool_)
    held_out[np.random.default_rng(seed).permutation(n)[: round(n * fraction)]] = True
    if held_out.all():
        message = f"--validation-fraction {fraction} of {n} rows leaves none to train on; lower it"
        raise ValueError(message)
    return held_out


def _fit_standardised(
    alpha: float, loss: fl.losses.Loss, X: Float64Array, y: np.ndarray[Any, Any]
) -> fl.Fit:
    """Train on columns of mean 0 and deviation 1, and fold mean and deviation into the weights."""
    center, scale = _location_and_scale(X)
    penalty, callbacks = fl.penalties.L2(alpha), [fl.callbacks.Progress()]
    trainer = fl.Trainer(loss, penalty=penalty, callbacks=callbacks)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = trainer.fit((X - center) / scale, y)
    for warning in caught:
        _remark(f"warning: {warning.message}")
    fit.coef = fit.coef / scale
    fit.intercept -= float(center @ fit.coef)
    fit.shift = center
    return fit


def _location_and_scale(X: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Mean and standard deviation of the columns; 1 where a deviation is only rounding."""
    center, scale = X.mean(axis=0), X.std(axis=0)
    rounding = 4.0 * np.finfo(np.float64).eps * np.abs(center)
    return center, np.where(scale > rounding, scale, 1.0)


def _score(fit: fl.Fit, X: Float64Array, y: np.ndarray[Any, Any]) -> str:
    if fit.classes is None:
        errors = fit.decision_function(X) - y
        spread = float(np.var(y))
        score = f"R^2 {1.0 - np.mean(errors**2) / spread:.4f}" if spread else "constant target"
        return f"loss {0.5 * np.mean(errors**2):.6g}, {score}"
    signs = np.where(y == fit.classes[1], 1.0, -1.0)
    losses = np.logaddexp(0.0, -signs * fit.decision_function(X))
    return f"loss {np.mean(losses):.6g}, accuracy {np.mean(fit.predict(X) == y):.2%}"


def _check_output(output: Path, *inputs: Path) -> None:
    """Refuse to write over what is read, or where nothing can be written, before any work."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            message = f"--output must be another file than {path}, which is read"
            raise ValueError(message)
    if not output.parent.is_dir():
        message = f"--output must lie in a folder that exists, got {output}"
        raise ValueError(message)


def _predict(options: argparse.Namespace) -> int:
    if options.output is not None:
        _check_output(options.output, options.model, options.file)
    fit = fl.load(options.model)
    table = read_table(options.file, features=fit.feature_names)
    columns = {"prediction": fit.predict(table.X)}
    if isinstance(fit.loss, fl.losses.Logistic) and fit.classes is not None:
        columns[f"probability_{fit.classes[1]}"] = fit.predict_proba(table.X)[:, 1]
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    if options.output is None:
        _write_rows(sys.stdout, columns, rows)
    else:
        with options.output.open("w", newline="", encoding="utf-8") as file:
            _write_rows(file, columns, rows)
        _remark(f"wrote {options.output}: {len(table.X):,} predictions")
    return 0


def _write_rows(file: TextIO, names: Iterable[str], rows: Iterable[Sequence[object]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _remark(text: str) -> None:
    sys.stderr.write(f"fallline: {text}\n")
