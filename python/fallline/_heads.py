"""Models of several heads: classes, targets or candidates that share the rows."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from fallline import _core, _standardization
from fallline._validation import Data, Matrix, as_dtype, computed_in
from fallline.losses import Loss
from fallline.typing import DenseMatrix, Float64Array, FloatArray, Intercept


def make_loop(
    data: Data,
    targets: str,
    *,
    l2: Sequence[float],
    l1: Sequence[float],
    weight_decay: Sequence[float],
    **options: Any,
) -> "_core.HeadsLoopFloat32 | _core.HeadsLoopFloat64":
    """Return the core's loop; the penalties have one number per head."""
    X = _dense(data.X)
    core_class = _core.HeadsLoopFloat32 if data.dtype == np.float32 else _core.HeadsLoopFloat64
    return core_class(
        X,
        data.y,
        data.sample_weight,
        targets=targets,
        n_heads=len(l2),
        l2=list(l2),
        l1=list(l1),
        weight_decay=list(weight_decay),
        **options,
    )


def loss_sums(
    data: Data, targets: str, loss: Loss, coef: FloatArray, intercept: Intercept
) -> Float64Array:
    """Return the sum of the weighted losses of each head; of a coupled loss, all in the first."""
    w = cast("FloatArray", np.ascontiguousarray(coef, data.dtype))
    return _core.head_loss_sums(
        _dense(data.X),
        data.y,
        data.sample_weight,
        targets,
        loss.name,
        w,
        intercept,
        loss.parameters,
    )


def null_losses(data: Data, loss: Loss, rows: slice) -> FloatArray:
    """Return the loss of each row where all margins are zero, added up over the heads."""
    y = data.y[rows]
    if loss.coupled:
        return np.full_like(y, np.log(data.n_heads))
    if data.heads == "per_head":
        flat = y.reshape(-1)
        values = _core.loss_values(loss.name, np.zeros_like(flat), flat, loss.parameters).reshape(
            y.shape
        )
        return cast("FloatArray", values.sum(axis=1))
    signs = as_dtype(np.array([1, -1]), y.dtype)
    own, other = _core.loss_values(loss.name, np.zeros_like(signs), signs, loss.parameters)
    return np.full_like(y, own + (data.n_heads - 1) * other)


def margins(
    X: Matrix, coef: FloatArray, intercept: Float64Array, shift: FloatArray | None = None
) -> FloatArray:
    """Return X·coef + intercept, one column per head, from the point `shift` if there is one."""
    w = cast("FloatArray", np.ascontiguousarray(coef, computed_in(X)))
    if shift is None and not isinstance(X, _core.CsrMatrix):
        return _core.head_margins(X, w, intercept)
    columns = [
        _standardization.margins(X, w[:, k].copy(), float(b), shift)
        for k, b in enumerate(intercept)
    ]
    return cast("FloatArray", np.column_stack(columns))


def _dense(X: Matrix) -> DenseMatrix:
    if isinstance(X, _core.CsrMatrix):
        message = (
            "X must be dense for a model of several classes, targets or candidates, got a sparse "
            "matrix; train one model for each of them, or use X.toarray()"
        )
        raise ValueError(message)
    return X
