"""Some rows of X, copied so that a pass over them is a short one."""

from typing import cast

import numpy as np

from fallline import _core
from fallline._validation import Matrix
from fallline.typing import DenseMatrix, IntArray


def rows_of(X: Matrix, chosen: IntArray) -> Matrix:
    """Return X with some of its rows only.

    Parameters
    ----------
    X : ndarray or CsrMatrix of shape (n_samples, n_features)
        Anything that the core reads.
    chosen : ndarray of shape (n_chosen,)
        Numbers of rows.

    Returns
    -------
    ndarray or CsrMatrix of shape (n_chosen, n_features)
        Of the kind and the dtype of X.
    """
    if not isinstance(X, _core.CsrMatrix):
        return cast("DenseMatrix", np.ascontiguousarray(X[chosen]))
    lengths = np.diff(X.indptr)[chosen]
    starts = np.zeros(len(chosen) + 1, dtype=X.indptr.dtype)
    np.cumsum(lengths, out=starts[1:])
    elements = np.arange(starts[-1]) + np.repeat(X.indptr[chosen] - starts[:-1], lengths)
    return _core.CsrMatrix(X.data[elements], X.indices[elements], starts, X.shape[1])


def share_of_rows(X: Matrix, chosen: IntArray) -> float:
    """Return how much of a pass over X one over some of its rows is."""
    if not isinstance(X, _core.CsrMatrix):
        return len(chosen) / int(X.shape[0])
    lengths = np.diff(X.indptr)
    return int(lengths[chosen].sum()) / max(1, int(lengths.sum()))
