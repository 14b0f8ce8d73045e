"""F with an L2 penalty in the units of X, and its duality gap: for any number of columns."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import as_dtype, computed_in
from fallline.solvers.clock import Clock
from fallline.solvers.narrow.duality import CONJUGATES
from fallline.solvers.narrow.tolerance import ROUNDING, SHARE_OF_NULL
from fallline.solvers.problem import Optimum, Problem, Visit
from fallline.typing import Float64Array, FloatArray

_EPS: Final = float(np.finfo(np.float64).eps)

_INTERCEPT_STEPS: Final = 100


class Certificate(NamedTuple):
    """How far F is from its minimum, at weights as they are returned.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Weights in the dtype that X is computed in.
    intercept : float
        The best one with them.
    value : float
        F there.
    gap : float
        Bound of F less the smallest F there is; infinite without one.
    rounding : float
        The part of it that is for rounding errors; of the weights, only where it is not allowed.
    """

    coef: FloatArray
    intercept: float
    value: float
    gap: float
    rounding: float


class PenalizedObjective:
    """F of one head with an L2 penalty.

    Parameters
    ----------
    problem : Problem
        Without an L1 term.

    Attributes
    ----------
    passes : float
        How often the data were read.
    reading : Clock
        Time spent on that.
    values : list of float
        F wherever it was computed.
    null_value : float
        F of a model without features.
    null_intercept : float
        The intercept of that model.
    """

    def __init__(self, problem: Problem) -> None:
        self.X, self.loss, self.alpha = problem.X, problem.loss, problem.alpha
        self.fit_intercept, self.tol = problem.fit_intercept, problem.tol
        self.y = problem.y.astype(np.float64)
        shape: tuple[int, int] = problem.X.shape
        self.n_samples, self.n_features = shape
        self.sample_weight = None
        self.total = float(self.n_samples)
        if problem.sample_weight is not None:
            self.sample_weight = problem.sample_weight.astype(np.float64)
            self.total = float(self.sample_weight.sum())
        self._observe = problem.observe
        self.passes, self.reading = 0.0, Clock()
        self.values: list[float] = []
        self._squared_norms: Float64Array | None = None
        # From above Newton's steps on an exponential are of length 1: there may be hundreds.
        mean = self.mean(self.y)
        start = math.log(mean) if self.loss.log_link and mean > 0.0 else 0.0
        self.null_intercept = self.best_intercept(np.zeros(self.n_samples), start)
        null_margins = np.full(self.n_samples, self.null_intercept)
        self.null_value = self.mean(self.losses(null_margins))

    @property
    def has_dual(self) -> bool:
        """Whether the gap has a bound: there is a penalty, and the loss's conjugate is known."""
        return self.alpha > 0.0 and self.loss.name in CONJUGATES

    def observe(self, w: Float64Array, intercept: float, value: float) -> bool:
        """Tell of weights, and of F there or NaN; returns whether to end."""
        dtype = computed_in(self.X)
        return self._observe(Visit(self.passes, value, lambda: (as_dtype(w, dtype), intercept)))

    def outcome(self, found: Certificate, status: str, method: str, events: list[str]) -> Optimum:
        """Return what has come of the minimisation."""
        return Optimum(
            found.coef,
            found.intercept,
            status,
            found.gap,
            self.passes,
            found.value,
            self.null_value,
            self.values,
            None,
            method,
            events,
            {"passes": self.reading.seconds},
        )

    def mean(self, of_rows: Float64Array) -> float:
        """Return the weighted mean over the rows."""
        if self.sample_weight is None:
            return float(of_rows.sum()) / self.total
        return inner(self.sample_weight, of_rows) / self.total

    def losses(self, margins: Float64Array) -> Float64Array:
        """Return the loss of every row."""
        name, parameters = self.loss.name, self.loss.parameters
        return _core.loss_values(name, margins, self.y, parameters).astype(np.float64, copy=False)

    def derivatives(self, margins: Float64Array) -> Float64Array:
        """Return their derivatives in the margins."""
        name, parameters = self.loss.name, self.loss.parameters
        found = _core.loss_derivatives(name, margins, self.y, parameters)
        return found.astype(np.float64, copy=False)

    def curvatures(self, margins: Float64Array) -> Float64Array:
        """Return their second derivatives in the margins."""
        name, parameters = self.loss.name, self.loss.parameters
        found = _core.loss_curvatures(name, margins, self.y, parameters)
        return found.astype(np.float64, copy=False)

    def products(self, w: Float64Array) -> Float64Array:
        """Return ``X w``: one pass."""
        self.passes += 1.0
        with self.reading:
            return _core.row_products(self.X, w)

    def mean_row(
        self, of_rows: Float64Array, *, squares: bool = False, share: float = 1.0
    ) -> Float64Array:
        """Return the weighted mean of numbers times rows, or times their squares.

        Rows whose number is zero are not read: a share of a pass, that of the others.
        """
        self.passes += share
        weighted = of_rows if self.sample_weight is None else self.sample_weight * of_rows
        with self.reading:
            return _core.row_sums(self.X, weighted, squares=squares) / self.total

    def mean_gram(
        self, of_rows: Float64Array, w: Float64Array, *, share: float = 1.0
    ) -> Float64Array:
        """Return the weighted mean of numbers times ``x (x . w)``: one pass, as of `mean_row`."""
        self.passes += share
        weighted = of_rows if self.sample_weight is None else self.sample_weight * of_rows
        with self.reading:
            return _core.gram_products(self.X, weighted, w) / self.total

    def penalty(self, w: Float64Array) -> float:
        """Return the penalty's part of F."""
        return 0.5 * self.alpha * inner(w, w)

    def allowed(self, value: float) -> float:
        """Return how large the gap may be where F has a value."""
        scale = max(value, SHARE_OF_NULL * self.null_value)
        return self.tol * scale + self.rounding(value)

    def rounding(self, value: float) -> float:
        """Return the rounding error of an F."""
        return ROUNDING * (value + self.null_value)

    def best_intercept(self, products: Float64Array, start: float) -> float:
        """Return the intercept that fits best, to rounding: Newton's steps between two bounds."""
        if not self.fit_intercept:
            return 0.0
        low, high = -math.inf, math.inf
        b, reach = start, 1.0
        for _ in range(_INTERCEPT_STEPS):
            margins = products + b
            derivatives = self.derivatives(margins)
            slope = self.mean(derivatives)
            if abs(slope) <= _EPS * self.mean(np.abs(derivatives)):
                break
            low, high = (low, b) if slope > 0.0 else (b, high)
            curvature = self.mean(self.curvatures(margins))
            following = b - slope / curvature if curvature > 0.0 else math.nan
            if not low < following < high:
                if math.isinf(high - low):
                    following, reach = b - math.copysign(reach, slope), 4.0 * reach
                else:
                    following = 0.5 * (low + high)
            if abs(following - b) <= _EPS * abs(b):
                break
            b = following
        return b

    def certify(self, w: Float64Array, intercept: float, duals: Float64Array | None) -> Certificate:
        """Bound the gap of weights, rounded to the dtype that X is computed in: two passes.

        Parameters
        ----------
        w : ndarray of shape (n_features,)
            The weights.
        intercept : float
            One that is near the best.
        duals : ndarray of shape (n_samples,) or None
            Any dual variables of the rows; None is for the derivatives of the losses.

        Returns
        -------
        Certificate
            Its gap is infinite without a penalty, or where the conjugate of the loss is not known.

        Notes
        -----
        Let v be the mean of the rows times their dual variables a, whose own mean is zero if there
        is an intercept. By Fenchel's inequality ``loss(z) + conjugate(a) >= a z``,

            F(w) - F* <= mean(loss(z) + conjugate(a) - a z) + |alpha w + v|^2 / (2 alpha),

        whose terms are not negative, so that none cancels another. A mean that is not zero is made
        so by shrinking the dual variables of one sign; 0 is one of every loss that has a conjugate.
        """
        coef = as_dtype(w, computed_in(self.X))
        rounded = coef.astype(np.float64)
        products = self.products(rounded)
        intercept = self.best_intercept(products, intercept)
        margins = products + intercept
        losses = self.losses(margins)
        value = self.mean(losses) + self.penalty(rounded)
        self.values.append(value)
        if not self.has_dual:
            return Certificate(coef, intercept, value, value, 0.0)
        duals = self.balanced(self.derivatives(margins) if duals is None else duals)
        conjugates = _core.loss_conjugates(self.loss.name, duals, self.y, self.loss.parameters)
        excess = self.mean(losses + conjugates - duals * margins)
        lack = self.alpha * rounded + self.mean_row(duals)
        gap = min(max(excess, 0.0) + inner(lack, lack) / (2.0 * self.alpha), value)
        rounding = self.rounding(value) + self._rounding_of_sums(rounded, intercept, duals)
        rounding += ROUNDING * self.mean(np.abs(conjugates))
        of_weights = 0.0
        if coef.dtype != np.float64 and gap + rounding > self.allowed(value):
            exact = self.mean(self.losses(self.products(w) + intercept)) + self.penalty(w)
            of_weights = max(value - exact, 0.0)
        return Certificate(coef, intercept, value, gap + rounding, rounding + of_weights)

    def balanced(self, duals: Float64Array) -> Float64Array:
        """Return dual variables whose mean is zero, if it has to be."""
        if not self.fit_intercept:
            return duals
        above, below = self.mean(np.maximum(duals, 0.0)), self.mean(np.maximum(-duals, 0.0))
        if above > below:
            return np.where(duals > 0.0, duals * (below / above), duals)
        return duals if above == below else np.where(duals < 0.0, duals * (above / below), duals)

    def _rounding_of_sums(self, w: Float64Array, intercept: float, duals: Float64Array) -> float:
        """Return what the rounding of margins and of v may do to the gap.

        A sum of N terms is good to N eps times their sizes. Both enter the gap times a dual
        variable or a weight: as ``a_i x_ij w_j``, whose sizes are at most ``|a_i| |x_i| |w|``.
        """
        if isinstance(self.X, _core.CsrMatrix):
            longest = int(np.diff(self.X.indptr).max(initial=0))
        else:
            longest = self.n_features
        lengths = np.sqrt(self.squared_norms())
        size = math.sqrt(inner(w, w)) * self.mean(np.abs(duals) * lengths)
        size += abs(intercept) * self.mean(np.abs(duals))
        return float((self.n_samples + longest) * _EPS * size)

    def squared_norms(self) -> Float64Array:
        """Return the squared length of every row; one pass, the first time."""
        if self._squared_norms is None:
            self.passes += 1.0
            with self.reading:
                self._squared_norms = _core.squared_norms(self.X)
        return self._squared_norms
