"""The explicit layer: a training in which every choice has a name."""

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeVar

from fallline import _core
from fallline._arguments import boolean, integer, not_negative, number
from fallline._callback import Callback
from fallline._descent import descend
from fallline._solving import solve_model
from fallline._standardization import Standardization, standardization
from fallline._validation import Data, check_data, check_validation
from fallline.fit import Fit
from fallline.losses import Loss
from fallline.optim import SGD, Optimizer, VarianceReduced
from fallline.optim._options import check_plain
from fallline.penalties import Penalty, WeightedL2
from fallline.solvers import KINKED

_ORDERS = ("blocks", "rows")

# Passes over the data where none are given: of a named optimizer, and at most, of a solver.
_EPOCHS: Final = 20
_MOST_PASSES: Final = 10_000

_Kind = TypeVar("_Kind")


class Trainer:
    r"""Train a linear model to its optimum, or by batch, stochastic or mini-batch descent.

    Parameters
    ----------
    loss : Loss
        From `fallline.losses`; it decides whether targets are numbers or labels, and what more than
        two labels are: `Softmax` is one model of all classes, any other loss one of each against
        the rest.
    penalty : Penalty, default=None
        From `fallline.penalties`; None for none.
    optimizer : Optimizer, VarianceReduced or "auto", default="auto"
        From `fallline.optim`, of which only the settings are used: every fit starts with fresh
        state. "auto" has no learning rate to find: it goes to the optimum of a convex loss and
        proves how close it has come (see Notes).
    batch_size : int, default=64
        Rows per step of a named optimizer; 1 is stochastic gradient descent. None takes all rows:
        batch gradient descent. "auto" chooses its own mini-batches; `SAGA` and `SVRG` step after
        every row.
    epochs : int, default=None
        Passes over the data; None is 20. "auto" ends before if it has arrived, and may make 10,000
        by default.
    tol : float, default=1e-6
        "auto" ends when F is proven to be within `tol` times the larger of F and a thousandth of
        the F of a model without features.
    max_time : float, default=None
        Seconds after which no further epoch begins, and the one under way ends at the next return
        to Python. The result then depends on the machine. None for no limit.
    shuffle : {"blocks", "rows", False}, default="blocks"
        Order of the rows. "blocks" goes through eight regions of the data side by side, a few
        neighbouring rows of each in turn and the blocks of 64 KB, but at least 16 rows, of each in
        random order, anew each epoch: a mini-batch has rows from everywhere, also of sorted data,
        and memory is read in long strokes. Data of less than 32 blocks are permuted whole. "rows"
        is always a full permutation, much slower on data larger than the cache; False is the stored
        order.
    seed : int, default=0
        Decides the order, together with the epoch.
    fit_intercept : bool, default=True
        Whether the model has an intercept. It is never penalised.
    standardize : bool, default=False
        Whether to train as if each column had mean 0 and standard deviation 1 (weighted by the
        sample weights), without a copy of X: steps of one size then suit all columns. The penalty
        is on the weights of the standardised columns, coef times deviation, and the report says so;
        ``coef`` and ``intercept`` are for X as it is. Constant columns are divided by 1. Without an
        intercept columns keep their mean and are divided by their root mean square.
    callbacks : sequence of Callback, default=()
        From `fallline.callbacks`, called in this order.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range, an L1 penalty is asked for with an adaptive rule, or a
        loss with kinks with `SAGA` or `SVRG`.

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

    "auto" makes mini-batches that grow into all rows, with a step of Newton's method on each; where
    a loss has kinks it is an interior-point method, and on many columns what suits them. ``status``
    is then "certified" (``gap`` is a proven bound of F less the smallest F there is, and within the
    tolerance), "estimated" (within it, but no bound is known), "floor" (rounding errors allow no
    more), "separable" (a plane lies between the classes and there is no penalty: F has no minimum),
    or one of those of a named optimizer. A callback's "epoch" is a place at which F of all rows has
    become known, and its loss is F. docs/certificate.md derives the bounds.

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
    >>> fit = fl.Trainer(fl.losses.Squared()).fit(X, y)
    >>> fit.coef.round(4), round(fit.intercept, 4), fit.status
    (array([ 1. , -2. ,  0.5]), 3.0, 'certified')
    >>> fit = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.1)).fit(X, y)
    >>> fit.coef.round(4), round(fit.intercept, 4), fit.status
    (array([ 1. , -2. ,  0.5]), 3.0, 'budget')
    """

    def __init__(
        self,
        loss: Loss,
        *,
        penalty: Penalty | None = None,
        optimizer: Optimizer | VarianceReduced | Literal["auto"] = "auto",
        batch_size: int | None = 64,
        epochs: int | None = None,
        tol: float = 1e-6,
        max_time: float | None = None,
        shuffle: Literal["blocks", "rows", False] = "blocks",
        seed: int = 0,
        fit_intercept: bool = True,
        standardize: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.loss = _instance("loss", loss, Loss, "fl.losses.Logistic()")
        self.penalty = (
            None
            if penalty is None
            else _instance("penalty", penalty, Penalty, "fl.penalties.L2(1e-4)")
        )
        self.optimizer = _checked_optimizer(optimizer, self.loss)
        self.batch_size = None if batch_size is None else integer("batch_size", batch_size, 1)
        usual = _MOST_PASSES if self.optimizer == "auto" else _EPOCHS
        self.epochs = usual if epochs is None else integer("epochs", epochs, 1)
        self.tol = not_negative("tol", tol)
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
        self.standardize = boolean("standardize", standardize)
        self.callbacks = _checked(callbacks)
        if isinstance(self.penalty, WeightedL2) and self.optimizer != "auto":
            message = (
                f"optimizer must be 'auto' with WeightedL2, got {type(optimizer).__name__}; leave "
                "it out, or use fl.penalties.L2 and columns of your own scale"
            )
            raise ValueError(message)
        adaptive = not isinstance(self.optimizer, SGD | VarianceReduced | str)
        if self.penalty is not None and self.penalty.l1 > 0 and adaptive:
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
            Rows of finite numbers. Arrays, and tables whose columns are of one kind and lie in one
            array, are read in place, whatever their strides: row-major is fastest, column-major
            next; and so are SciPy's sparse matrices and arrays in CSR format. float32, float16,
            bfloat16, bools and integers of 8 and 16 bits are computed with in float32, float64 and
            integers of 32 and 64 bits in float64. Anything else is copied once, to float32 where
            it holds floats of at most 32 bits, else to float64, and the copy is counted in the
            report.
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
            If the loss was still falling when the epochs were over, or is higher than it began; if
            "auto" ended short of its tolerance, or F has no minimum.
        """
        data = check_data(X, y, sample_weight, self.loss)
        held_out = check_validation(validation, data, self.loss)
        columns = self._standardization(data) if self.standardize else None
        if columns is not None:
            data = data._replace(shift=columns.shift)
            held_out = held_out and held_out._replace(shift=columns.shift)
        if self.optimizer == "auto":
            if coef is not None or intercept is not None:
                name = "intercept" if coef is None else "coef"
                message = (
                    f"{name} must be None with optimizer='auto', got one; leave it out, as the "
                    "optimum is the same from everywhere"
                )
                raise ValueError(message)
            return solve_model(self, data, held_out, columns)
        return descend(self, data, held_out, columns, coef, intercept)

    def _standardization(self, data: Data) -> Standardization:
        if data.heads is not None or isinstance(data.X, _core.CsrMatrix):
            kind = "sparse X" if data.heads is None else "several classes or targets"
            message = (
                f"standardize must be False with {kind}, got True; divide the columns by their "
                "deviations first"
            )
            raise ValueError(message)
        return standardization(data, center=self.fit_intercept)


def _instance(name: str, value: object, kind: type[_Kind], example: str) -> _Kind:
    if isinstance(value, kind):
        return value
    got = value.__name__ + " (a class)" if isinstance(value, type) else repr(value)
    article = "an" if kind is Optimizer else "a"
    message = f"{name} must be {article} {kind.__name__}, as {example}; got {got}"
    raise TypeError(message)


def _checked_optimizer(
    optimizer: object, loss: Loss
) -> Optimizer | VarianceReduced | Literal["auto"]:
    if isinstance(optimizer, str) and optimizer == "auto":
        return "auto"
    if not isinstance(optimizer, VarianceReduced):
        rule = _instance("optimizer", optimizer, Optimizer, "fl.optim.SGD(0.1)")
        if not rule.takes_rows:
            message = (
                f"optimizer must be one for models of rows, got {type(rule).__name__}, which steps "
                "arrays only; use 'auto', which needs no learning rate, or fl.optim.AdamW"
            )
            raise ValueError(message)
        check_plain(rule)
        return rule
    if loss.name in KINKED or loss.name == "perceptron":
        message = (
            f"loss must have no kinks with {type(optimizer).__name__}, whose noise would not die "
            f"away, got {loss!r}; use optimizer='auto' or fl.optim.SGD(0.01)"
        )
        raise ValueError(message)
    return optimizer


def _checked(callbacks: object) -> list[Callback]:
    if not isinstance(callbacks, list | tuple):
        message = (
            f"callbacks must be a list or tuple of Callback, got {callbacks!r}; "
            "write [fl.callbacks.Progress()] for a single one"
        )
        raise TypeError(message)
    return [
        _instance(f"callbacks[{k}]", callback, Callback, "fl.callbacks.Progress()")
        for k, callback in enumerate(callbacks)
    ]
