"""Arrays that scikit-learn's checks would hand back as they are, told at little cost."""

from typing import Any, Final

import numpy as np

from fallline import _core

_FLOATS: Final = (np.dtype(np.float64), np.dtype(np.float32))  # native ones equal no others


def are_plain(X: object, y: object) -> bool:
    """Return whether rows and targets need no conversion and give no reason to be refused.

    Parameters
    ----------
    X : object
        Plain if a contiguous array of finite float32 or float64, with a row and a column.
    y : object
        Plain if a contiguous array of as many finite ones, integers or booleans.

    Returns
    -------
    bool
        False says nothing: scikit-learn finds out what is to be converted, and what is wrong.
    """
    if type(X) is not np.ndarray or type(y) is not np.ndarray:  # subclasses may be masked
        return False
    if X.ndim != 2 or X.size == 0 or y.shape != X.shape[:1]:
        return False
    if not (_is_in_order(X) and _is_in_order(y)):
        return False
    return _is_finite(X) and (y.dtype.kind in "biu" or _is_finite(y))


def _is_in_order(array: np.ndarray[Any, Any]) -> bool:
    return array.flags.c_contiguous and array.flags.aligned


def _is_finite(array: np.ndarray[Any, Any]) -> bool:
    return array.dtype in _FLOATS and _core.all_finite(np.atleast_2d(array))
