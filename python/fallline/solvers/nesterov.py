"""Accelerated proximal gradient over all the data; its step is 1/L, L from power iteration."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from fallline._standardization import inner
from fallline._validation import as_dtype, computed_in
from fallline.solvers.scaled import ScaledObjective, weighted_mean
from fallline.typing import DenseMatrix, Float64Array, FloatArray

# Power iteration ends when its estimate of L grows by less than this share, or after that many.
_POWER_TOLERANCE: Final = 0.01
_POWER_PASSES: Final = 20

# What the estimate is raised by, as it approaches L from below.
_MARGIN: Final = 1.05

# A gradient within its rounding error has reached the floor when it has not halved for this many
# passes, nor for as many as it had before: the bound is for the worst case, so more may come.
_PATIENCE: Final = 20


@dataclass(frozen=True)
class Solution:
    """What a solver hands back.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Weights in the units of X; float64, though no finer than the dtype of X.
    intercept : float
        0.0 when none was fitted.
    n_iter : int
        Passes over the data.
    status : str
        "converged" (gradient within the tolerance), "floor" (gradient within its rounding error,
        and no longer shrinking), "budget" (max_iter passes made) or "interrupted" (Ctrl-C).
    gradient_norm : float
        Largest entry of the gradient at the solution, relative to the start.
    objective : list of float
        F at each point a step was taken from.
    shift : ndarray of shape (n_features,) or None
        A point among the rows, where columns are far from zero for their spread: (X - shift).coef +
        (intercept + shift.coef) are the margins, with fewer digits lost.
    """

    coef: Float64Array
    intercept: float
    n_iter: int
    status: str
    gradient_norm: float
    objective: list[float]
    shift: FloatArray | None


def minimize(
    X: DenseMatrix,
    y: FloatArray,
    sample_weight: FloatArray | None,
    loss: str,
    *,
    alpha: float = 0.0,
    l1_ratio: float = 0.0,
    fit_intercept: bool = True,
    tol: float,
    max_iter: int,
) -> Solution:
    """Minimise F over weights and intercept.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite, of any elements and strides that the core reads.
    y : ndarray of shape (n_samples,)
        Targets, float32 or float64; -1 and +1, both with positive weight, for the logistic loss.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, not negative and not all zero; None means 1 for every row.
    loss : {"squared", "logistic"}
        Loss of the margin.
    alpha : float, default=0.0
        Strength of the penalty.
    l1_ratio : float, default=0.0
        Share of the L1 term in the penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised.
    tol : float
        Stop when the largest entry of the gradient in standardised coordinates is at most `tol`
        times what it was for the model without features.
    max_iter : int
        Largest number of passes over the data, those of the power iteration included.

    Returns
    -------
    Solution
        The point reached by the step with the smallest gradient.

    Raises
    ------
    ValueError
        If a column of X or the loss is too large for its square to be finite.

    Notes
    -----
    A step goes from the extrapolated point p to ``p' = prox(p - g(p) / L)``. What is called the
    gradient here is the gradient mapping ``L (p - p')``: the gradient itself when there is no L1
    term. Momentum follows [1]_ and starts again when it points uphill [2]_, which keeps the rate of
    a method that is told the strong convexity. Power iteration approaches L from below: where two
    gradients differ by more than L times the distance of their points, L is raised and the step
    between them made again.

    References
    ----------
    .. [1] Beck & Teboulle (2009), "A fast iterative shrinkage-thresholding algorithm for linear
       inverse problems", SIAM Journal on Imaging Sciences 2(1), eqs. 4.1-4.3.
    .. [2] O'Donoghue & Candès (2015), "Adaptive restart for accelerated gradient schemes",
       Foundations of Computational Mathematics 15, section 3.2, gradient scheme.
    """
    dtype = computed_in(X)
    weights = None if sample_weight is None else as_dtype(sample_weight, dtype)
    offset, start = _null_model(y, weights, loss, fit_intercept)
    objective = ScaledObjective(
        X,
        as_dtype(np.subtract(y, offset, dtype=np.float64), dtype),
        weights,
        loss,
        l2=alpha * (1.0 - l1_ratio),
        l1=alpha * l1_ratio,
        fit_intercept=fit_intercept,
    )
    descent = _Descent(objective, np.append(np.zeros(X.shape[1]), start))
    try:
        status = descent.run(tol, max_iter)
    except KeyboardInterrupt:
        status = "interrupted"
    coef, intercept = objective.weights(descent.best)
    return Solution(
        coef=coef.astype(np.float64),
        intercept=intercept + offset,
        n_iter=objective.passes,
        status=status,
        gradient_norm=descent.best_norm / descent.start_norm if descent.start_norm else 0.0,
        objective=descent.history,
        shift=objective.shift,
    )


def _null_model(
    y: FloatArray, sample_weight: FloatArray | None, loss: str, fit_intercept: bool
) -> tuple[float, float]:
    """Return what to take off the targets, and the best intercept then, without any feature."""
    if not fit_intercept:
        return 0.0, 0.0
    mean = weighted_mean(y, sample_weight)
    if loss == "squared":
        return mean, 0.0
    return 0.0, math.log1p(mean) - math.log1p(-mean)  # the log-odds, for targets -1 and +1


class _Descent:
    """One minimisation under way.

    Attributes
    ----------
    best, best_norm : ndarray of shape (n_features + 1,), float
        The point reached by the step with the smallest gradient, and its largest entry.
    start_norm : float
        The same at the start; NaN before the first pass.
    lipschitz : float
        L, the inverse of the step.
    history : list of float
        F at each point a step was taken from.
    """

    def __init__(self, objective: ScaledObjective, start: Float64Array) -> None:
        self.objective = objective
        self.best = start
        self.best_norm = math.inf
        self.start_norm = math.nan
        self.history: list[float] = []
        self.lipschitz = objective.smoothness
        # No coordinate curves more than the smoothness, so no direction more than their sum.
        active = int(np.count_nonzero(objective.inverse_scale))
        self._largest = objective.smoothness * max(1, active)

    def run(self, tol: float, max_iter: int) -> str:
        """Descend until tolerance, rounding error or budget say stop; return which."""
        objective = self.objective
        self._measure_curvature(max_iter)
        point = reached = self.best
        last: tuple[Float64Array, Float64Array] | None = None
        momentum = 1.0
        milestone, milestone_pass = math.inf, 0
        while objective.passes < max_iter:
            value, gradient = objective.evaluate(point)
            if last and self._is_too_steep(point - last[0], gradient - last[1]):
                point = reached = self._step(*last)
                momentum = 1.0
                continue
            self.history.append(value + objective.l1_term(point))
            last = point, gradient
            new = self._step(point, gradient)
            norm = self.lipschitz * float(np.abs(point - new).max())
            if len(self.history) == 1:
                self.start_norm = norm
            if norm < self.best_norm:
                self.best, self.best_norm = new, norm
            if norm <= tol * self.start_norm:
                return "converged"
            if norm <= 0.5 * milestone:
                milestone, milestone_pass = norm, objective.passes
            waited = objective.passes - milestone_pass
            if norm <= objective.rounding and waited >= max(_PATIENCE, milestone_pass):
                return "floor"
            if inner(point - new, new - reached) > 0.0:
                momentum = 1.0
            following = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * momentum * momentum))
            point = new + (momentum - 1.0) / following * (new - reached)
            reached, momentum = new, following
        return "budget"

    def _step(self, point: Float64Array, gradient: Float64Array) -> Float64Array:
        return self.objective.shrink(point - gradient / self.lipschitz, 1.0 / self.lipschitz)

    def _measure_curvature(self, max_iter: int) -> None:
        """Estimate L, the largest curvature of F, from a fixed random direction."""
        objective = self.objective
        direction = np.append(np.random.default_rng(0).standard_normal(self.best.size - 1), 0.0)
        direction[:-1][objective.inverse_scale == 0.0] = 0.0
        size = 0.0
        for _ in range(min(_POWER_PASSES, max_iter - objective.passes - 1)):
            if self.lipschitz >= self._largest:
                break
            direction = objective.curvature(direction / math.sqrt(inner(direction, direction)))
            previous, size = size, math.sqrt(inner(direction, direction))
            self.lipschitz = max(self.lipschitz, size)
            if size <= (1.0 + _POWER_TOLERANCE) * previous:
                break
        self.lipschitz = min(_MARGIN * self.lipschitz, self._largest)

    def _is_too_steep(self, step: Float64Array, change: Float64Array) -> bool:
        """Raise L if two gradients differ by more, rounding aside, than it allows for the step."""
        length, size = math.sqrt(inner(step, step)), math.sqrt(inner(change, change))
        rounding = 2.0 * self.objective.rounding * math.sqrt(step.size)
        if size - rounding <= self.lipschitz * length or self.lipschitz >= self._largest:
            return False
        self.lipschitz = min(_MARGIN * size / length, self._largest)
        return True
