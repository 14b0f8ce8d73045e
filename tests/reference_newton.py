"""Sums of losses, gradients and Hessians in standardised columns, in NumPy and float64: obvious."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fallline.typing import DenseMatrix, Float64Array
from reference_losses import LOSSES


def standardized(
    X: DenseMatrix, mean: Float64Array, inverse_scale: Float64Array, *, fit_intercept: bool
) -> Float64Array:
    """The rows z_i = (x_i - mean) * inverse_scale, where an intercept is fitted with a 1 behind."""
    Z = (X.astype(np.float64) - mean) * inverse_scale
    return np.column_stack([Z, np.ones(len(Z))]) if fit_intercept else Z


class NewtonSums(NamedTuple):
    loss: float
    weight: float
    gradient: Float64Array
    hessian: Float64Array
    margins: Float64Array


def newton_sums(
    Z: Float64Array,
    y: Float64Array,
    s: Float64Array,
    u: Float64Array,
    *,
    loss: str,
    loss_parameters: Sequence[float] = (),
    hessian_rows: tuple[int, int] | None = None,
) -> NewtonSums:
    """Sums over the rows of Z with weights s; those of ``hessian_rows`` make the Hessian."""
    formulas, margins = LOSSES[loss], Z @ u
    residuals = s * formulas.derivative(margins, y, *loss_parameters)
    rows = slice(*(hessian_rows or (0, len(Z))))
    curvatures = (s * formulas.curvature(margins, y, *loss_parameters))[rows]
    return NewtonSums(
        float(np.sum(s * formulas.value(margins, y, *loss_parameters))),
        float(np.sum(s)),
        Z.T @ residuals,
        Z[rows].T @ (curvatures[:, np.newaxis] * Z[rows]),
        margins,
    )


def largest_leverage(Z: Float64Array, L: Float64Array) -> float:
    """max_i z_i' (L L')^-1 z_i."""
    return float(np.max(np.sum(np.linalg.solve(L, Z.T) ** 2, axis=0)))
