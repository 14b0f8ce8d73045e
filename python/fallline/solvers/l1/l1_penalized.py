"""F with an L1 term in the units of X, and its duality gap: for any number of columns."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import Matrix
from fallline.solvers.l1.columns import absolute
from fallline.solvers.narrow.duality import CONJUGATES, conjugate_excess
from fallline.solvers.problem import Problem
from fallline.solvers.wide.penalized import PenalizedObjective
from fallline.typing import Float64Array

_EPS: Final = float(np.finfo(np.float64).eps)


class Place(NamedTuple):
    """Weights of which few are not zero, the best intercept with them, and what F is like there.

    Attributes
    ----------
    w : ndarray of shape (n_features,)
        The weights.
    intercept : float
        The best with them.
    margins : ndarray of shape (n_samples,)
        Of all rows.
    duals : ndarray of shape (n_samples,)
        The derivatives of the losses; their mean is zero if there is an intercept.
    value : float
        F.
    gradient : ndarray of shape (n_features,)
        The mean of the dual variables times the rows.
    error : ndarray of shape (n_features,)
        Bound of its rounding errors.
    """

    w: Float64Array
    intercept: float
    margins: Float64Array
    duals: Float64Array
    value: float
    gradient: Float64Array
    error: Float64Array


class L1PenalizedObjective(PenalizedObjective):
    """F of one head with an L1 term, and an L2 term or none.

    Parameters
    ----------
    problem : Problem
        With an L1 term.

    Attributes
    ----------
    l1, l2 : float
        Factors of ``|w|_1`` and of ``|w|**2 / 2``.
    sizes : ndarray of shape (n_features,)
        Root mean squares of the columns.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.l1 = problem.alpha * problem.l1_ratio
        self.l2 = problem.alpha - self.l1
        self.sizes = np.sqrt(self.mean_row(np.ones(self.n_samples), squares=True))

    def penalty(self, w: Float64Array) -> float:
        """Return the penalty's part of F."""
        return 0.5 * self.l2 * inner(w, w) + self.l1 * float(np.abs(w).sum())

    def place(self, w: Float64Array, products: Float64Array, intercept: float) -> Place:
        """Return what F is like at weights whose products with the rows are known: one pass."""
        intercept = self.best_intercept(products, intercept)
        margins = products + intercept
        value = self.mean(self.losses(margins)) + self.penalty(w)
        if not math.isfinite(value):
            message = f"F must stay finite, got {value} without features; rescale y and X"
            raise ValueError(message)
        self.values.append(value)
        duals = self.balanced(self.derivatives(margins))
        # By Cauchy-Schwarz no mean of |a x_j| is larger than the root of the mean squares'.
        size = math.sqrt(self.mean(duals * duals))
        error = (4 + math.sqrt(self.n_samples)) * _EPS * size * self.sizes
        return Place(w, intercept, margins, duals, value, self.mean_row(duals), error)

    def gap(self, place: Place, support: Matrix, weights: Float64Array) -> float:
        """Return a bound of F less the smallest F there is, rounding errors included.

        Parameters
        ----------
        place : Place
            Where.
        support : ndarray or CsrMatrix of shape (n_samples, n_used)
            Columns that have all weights that are not zero.
        weights : ndarray of shape (n_used,)
            Theirs.

        Returns
        -------
        float
            At most F itself, as no F is negative, and its rounding error.

        Notes
        -----
        As `duality.duality_gap`, at the derivatives of the losses, whose mean the intercept has
        made zero.
        """
        if self.loss.name not in CONJUGATES:
            return place.value
        gap = self._scaled_gap(place)
        if self.l2 > 0.0:
            gap = min(gap, self._conjugate_gap(place))
        gap = max(gap, 0.0) + self._rounding_of_products(place, support, weights)
        return min(gap, place.value) + self.rounding(place.value)

    def _scaled_gap(self, place: Place) -> float:
        """Return the gap at the dual point scaled down to where the L1 term allows it."""
        w, gradient = place.w, place.gradient
        slope = float(np.max(np.abs(gradient) + place.error, initial=0.0))
        shrink = min(1.0, self.l1 / slope) if slope > 0.0 else 1.0
        of_penalty = self.penalty(w) + shrink * inner(gradient, w)
        return of_penalty + self._of_losses(place, shrink)

    def _conjugate_gap(self, place: Place) -> float:
        """Return the gap at the dual point as it is, of a penalty with an L2 term."""
        w, gradient, error = place.w, place.gradient, place.error
        of_l1 = np.clip(-gradient, -self.l1, self.l1)
        best = (-gradient - of_l1) / self.l2  # the weights that this slope would suit
        of_penalty = self.l1 * np.abs(w) - of_l1 * w + 0.5 * self.l2 * (w - best) ** 2
        of_rounding = error * np.abs(best) + 0.5 * error * error / self.l2
        return float((of_penalty + of_rounding).sum()) + self._of_losses(place, 1.0)

    def _rounding_of_products(self, place: Place, support: Matrix, weights: Float64Array) -> float:
        """Return what the rounding errors of margins and of ``G . w`` may do to the gap.

        Both are of at most so many eps of the sizes of their terms, the intercept's among them.
        """
        sizes = _core.row_products(absolute(support), np.abs(weights)) + abs(place.intercept)
        distances = (len(weights) + 4 + math.sqrt(self.n_samples)) * _EPS * sizes
        curvatures = self.curvatures(place.margins)
        return self.mean(distances * (np.abs(place.duals) + curvatures * distances))

    def _of_losses(self, place: Place, shrink: float) -> float:
        """Return the mean of ``loss(z) + loss*(a) - a z`` and of its terms' rounding errors."""
        of_rows = conjugate_excess(self.loss, place.margins, self.y, shrink * place.duals)
        return self.mean(of_rows.astype(np.float64, copy=False))
