"""Gradients of some rows of an array, such as an embedding has."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.typing import IntArray

if TYPE_CHECKING:
    from fallline.optim._optimizer import Optimizer


class RowGradient:
    r"""The gradient of an array of which a step needs few rows, as a batch does of an embedding.

    It takes the place of a gradient in `Optimizer.step`.

    Parameters
    ----------
    rows : array of int, shape (k,)
        Numbers of rows, from 0, along the first axis of the weights: in any order, and a row any
        number of times. Of NumPy, or anything that it makes an array of, as a tensor or a list.
    values : array, shape (k, \*shape of a row)
        The gradient of each of these rows, of the dtype of the weights; C-contiguous, of any
        library that `Optimizer.step` takes arrays of. It is not changed, unless by ``zero_grads``.

    Attributes
    ----------
    rows : ndarray of int64, shape (k,)
        As given; not a copy of an array of int64.
    values : array
        As given.

    Raises
    ------
    TypeError
        If rows are no integers.
    ValueError
        If they are not 1-dimensional. Rows that the weights do not have, and values that do not fit
        them, are refused by the step.

    Notes
    -----
    The gradient of a row is the sum of all values that are given for it, added up in their order,
    in float64 for float64 weights and in float32 for all others. All other rows have a gradient of
    zero, and the optimizer's ``sparse`` says what becomes of them:

    ``sparse="lazy"``
        They stay as they are, weights and state, and are not even read. A row is stepped as an
        array of its own would be, with the step number of the optimizer: its moments do not fade
        while it is not named, bias corrections go on. That is torch.optim.SparseAdam, which has
        no weight decay, and adds an eps that is not corrected for the bias.
    ``sparse="exact"``
        They are stepped with a gradient of zero: moments fade, and go on moving weights. All bits,
        of norms and averages too, are those of a gradient of all rows. No such gradient is made,
        but all weights and state pass through the processor.

    Weight decay, coupled or decoupled, reaches a row in the steps that it is part of: with "lazy"
    in those that name it, so that rare rows are shrunk less than frequent ones and a row that is
    never named not at all; with "exact" in every step. Both are the same for plain `SGD` and for
    `Adagrad` without weight decay. What optimizers say of sparse data is about `fallline.Trainer`,
    which makes up for missed steps and decay where it can.

    Rules that begin the state of all weights with the first step, or sum over all weights or move
    their mean with each (`ASGD`, `Rprop`, `Prodigy`, `DoWG`, `ScheduleFreeSGD`,
    `ScheduleFreeAdamW`), and ``ema``, need "exact". Norms of ``clip_norm`` and the guard of
    ``skip_nonfinite`` see the sums.

    References
    ----------
    Duchi, J., Hazan, E. and Singer, Y. (2011). Adaptive subgradient methods for online learning
    and stochastic optimization, section 1, for why rare features should have a rate of their own.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> embedding = np.ones((4, 2))
    >>> gradient = fl.optim.RowGradient(np.array([2, 0, 2]), np.ones((3, 2)))
    >>> fl.optim.SGD(0.25).step(embedding, gradient)
    >>> embedding
    array([[0.75, 0.75],
           [1.  , 1.  ],
           [0.5 , 0.5 ],
           [1.  , 1.  ]])
    """

    __slots__ = ("rows", "values")

    def __init__(self, rows: Any, values: Any) -> None:
        found = rows if isinstance(rows, np.ndarray) else np.asarray(rows)
        if found.dtype.kind not in "iu" and found.size:
            remedy = "numpy.flatnonzero gives those of a mask"
            message = f"rows must be integers, got {found.dtype}; {remedy}"
            raise TypeError(message)
        if found.ndim != 1:
            message = f"rows must be 1-dimensional, got shape {found.shape}; use rows.reshape(-1)"
            raise ValueError(message)
        # What does not fit becomes negative, and is refused as such.
        self.rows: IntArray = np.ascontiguousarray(found, np.int64)
        self.values = values

    def __repr__(self) -> str:
        return f"RowGradient of {len(self.rows)} rows"


def check_may_skip(optimizer: "Optimizer") -> None:
    """Raise ValueError if an optimizer must not leave out rows."""
    name, reason = type(optimizer).__name__, ""
    if not optimizer.takes_sparse:
        reason = f"with {name}, whose steps are of all rows"
    elif optimizer.ema is not None:
        reason = f"with ema={optimizer.ema}, an average that every step moves at all rows"
    if reason:
        message = f"sparse must be 'exact' for a RowGradient {reason}, got 'lazy'"
        raise ValueError(message)
