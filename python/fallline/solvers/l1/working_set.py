"""An L1 term and many columns: Newton's method on the few that matter, and a proof for the rest."""

import math
from typing import Final, NamedTuple

import numpy as np

from fallline import _core
from fallline._standardization import shift_for
from fallline._validation import Matrix, as_dtype, computed_in
from fallline.solvers.clock import Clock
from fallline.solvers.l1 import column_newton
from fallline.solvers.l1.columns import columns_of, spread
from fallline.solvers.l1.l1_penalized import L1PenalizedObjective, Place
from fallline.solvers.narrow import proximal_newton
from fallline.solvers.narrow.coordinates import Coordinates, coordinates_for
from fallline.solvers.narrow.objective import Objective
from fallline.solvers.problem import Optimum, Problem
from fallline.solvers.wide.penalized import Certificate
from fallline.typing import Float64Array, IntArray

# The first columns, and what their number is next to that of the weights that are not zero.
_FEWEST: Final = 100
_GROWTH: Final = 2

# The columns chosen are solved to this share of the gap of all, and at last of what is allowed.
_SHARE_OF_GAP: Final = 0.01
_SHARE_OF_ALLOWED: Final = 0.3

# Where no other column is to join the gap falls as the root of what is left, which this makes
# small enough with some to spare.
_CLOSER: Final = 0.1

# Reading an element of a column takes as long as so many products of a Hessian (n = 5,000, 1,000
# columns), and so many sweeps over sparse columns are made in any case.
_PRODUCTS_PER_ELEMENT: Final = 16
_SWEEPS: Final = 100

# Beyond so many columns a Hessian costs too much.
LARGEST_SET: Final = 1499

_EPS: Final = float(np.finfo(np.float64).eps)
_TINY: Final = float(np.finfo(np.float64).tiny)


def solve(problem: Problem) -> Optimum:
    """Minimise F of a smooth convex loss with an L1 term, of any number of columns.

    Parameters
    ----------
    problem : Problem
        Of one head.

    Returns
    -------
    Optimum
        Certified by the duality gap of all columns, where the conjugate of the loss is known.

    Notes
    -----
    Of many columns an L1 term leaves few a weight. F is minimised over a working set of them; one
    pass over all then yields the gradient, and with it the duality gap and the columns that are to
    join, those whose gradient is above what the L1 term holds by the most for their size. The set
    is twice as large as the weights that are not zero are many, which bounds the number of rounds
    by the logarithm of theirs [1]_.

    References
    ----------
    .. [1] Massias, Gramfort & Salmon (2018), "Celer: a fast solver for the lasso with dual
       extrapolation", ICML, algorithm 4, whose order of the columns is that of their distance to
       the constraint of the dual problem.
    """
    return _WorkingSet(problem).run()


class _Solved(NamedTuple):
    """The minimum over some columns.

    Attributes
    ----------
    chosen : ndarray of shape (n_chosen,)
        Their numbers.
    columns : ndarray or CsrMatrix of shape (n_samples, n_chosen)
        The columns.
    weights : ndarray of shape (n_chosen,)
        Their weights.
    intercept : float
        The intercept.
    status : str
        How that ended: "solved" to what was asked for, or as `descent.Solution` says.
    gap : float
        Bound or estimate of how far F is above the minimum over these columns.
    """

    chosen: IntArray
    columns: Matrix
    weights: Float64Array
    intercept: float
    status: str
    gap: float


class _WorkingSet:
    """One minimisation under way."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.objective = L1PenalizedObjective(problem)
        X, weights = problem.X, self.objective.sample_weight
        self.coordinates = coordinates_for(X, weights, fit_intercept=problem.fit_intercept)
        nothing = np.empty(0, dtype=np.int64)
        intercept = self.objective.null_intercept
        self.solved = _Solved(
            nothing, columns_of(X, nothing), np.empty(0), intercept, "solved", math.inf
        )
        self.solving = Clock()
        self.rounds = 0

    def run(self) -> Optimum:
        """Go on until the certificate, the rounding error, the budget or Ctrl-C says stop."""
        try:
            status, gap = self._descend()
        except KeyboardInterrupt:
            status, gap = "interrupted", math.nan
        return self._end(status, gap)

    def _descend(self) -> tuple[str, float]:
        objective, share, value = self.objective, math.inf, math.inf
        while True:
            place, solved = self._place(), self.solved
            gap = objective.gap(place, solved.columns, solved.weights)
            allowed = objective.allowed(place.value)
            if solved.status in {"stopped", "interrupted"}:
                return solved.status, gap
            if gap <= allowed:
                return "certified", gap
            if objective.passes >= self.problem.max_passes:
                return "budget", gap
            falls = place.value < value - objective.rounding(place.value)
            if falls and self._wants_more(place):
                share = min(share, max(_SHARE_OF_ALLOWED, _SHARE_OF_GAP * gap / allowed))
            elif solved.status == "solved" and share * allowed > _EPS * _EPS * place.value:
                share = _CLOSER * min(share, (allowed / gap) ** 2)
            else:
                return ("estimated" if solved.gap <= allowed else "floor"), solved.gap
            value = place.value
            self._solve(self._choice(place), share)

    def _place(self) -> Place:
        chosen, columns, weights, intercept, *_ = self.solved
        products = _core.row_products(columns, weights)
        w = spread(weights, chosen, self.objective.n_features)
        return self.objective.place(w, products, intercept)

    def _excess(self, place: Place) -> Float64Array:
        """Return by how much each gradient is above what the L1 term holds, for columns of size 1.

        Of those that have a weight it is infinite, and of zeros minus infinity.
        """
        sizes = self.objective.sizes
        excess = np.abs(place.gradient) - place.error - self.objective.l1
        excess = np.divide(excess, sizes, out=np.full_like(sizes, -math.inf), where=sizes > 0.0)
        excess[place.w != 0.0] = math.inf
        return excess

    def _wants_more(self, place: Place) -> bool:
        """Return whether a column that was left out is to have a weight."""
        left_out = self._excess(place)
        left_out[self.solved.chosen] = -math.inf
        return bool((left_out > 0.0).any())

    def _choice(self, place: Place) -> IntArray:
        excess = self._excess(place)
        n_used = int(np.count_nonzero(place.w))
        count = max(_FEWEST, _GROWTH * n_used)
        if n_used + _FEWEST <= LARGEST_SET:
            count = min(count, LARGEST_SET)
        order = np.argsort(-excess, kind="stable")[:count]
        return np.sort(order[excess[order] > -math.inf])

    def _solve(self, chosen: IntArray, share: float) -> None:
        """Minimise F over some columns, from the weights that they have."""
        X, objective = self.problem.X, self.objective
        columns = columns_of(X, chosen)
        objective.passes += 1.0  # to find them
        self.rounds += 1
        before = spread(self.solved.weights, self.solved.chosen, objective.n_features)
        start = self.solved._replace(chosen=chosen, columns=columns, weights=before[chosen])
        if isinstance(X, _core.CsrMatrix) or len(chosen) > LARGEST_SET:
            start = self._by_columns(start, share)
            if start.status != "budget" or len(chosen) > LARGEST_SET:
                self.solved = start
                return
        self.solved = self._by_hessian(start, share)

    def _by_columns(self, start: _Solved, share: float) -> _Solved:
        """Read the columns as often as it takes, or for as long as a Hessian would."""
        objective, X = self.objective, self.problem.X
        passes, n_features = objective.passes, objective.n_features
        most = math.ceil((self.problem.max_passes - passes) * X.size)
        if len(start.chosen) <= LARGEST_SET:
            products = objective.n_samples * len(start.chosen) ** 2
            most = min(most, products // _PRODUCTS_PER_ELEMENT + _SWEEPS * start.columns.size)

        def observe(w: Float64Array, intercept: float, value: float, elements: int) -> bool:
            objective.passes = passes + elements / X.size
            return objective.observe(spread(w, start.chosen, n_features), intercept, value)

        with self.solving:
            found = column_newton.minimize(
                objective,
                start.columns,
                (start.weights, start.intercept),
                least=share * objective.allowed(objective.values[-1]),
                most_elements=most,
                observe=observe,
            )
        objective.passes = passes + found.elements / X.size
        return start._replace(
            weights=found.weights, intercept=found.intercept, status=found.status, gap=found.left
        )

    def _by_hessian(self, start: _Solved, share: float) -> _Solved:
        """Find the Hessian of the columns, on growing parts of the rows."""
        problem, objective = self.problem, self.objective
        chosen, columns = start.chosen, start.columns
        coordinates = Coordinates(
            self.coordinates.mean[chosen],
            self.coordinates.inverse_scale[chosen],
            problem.fit_intercept,
        )
        few = Objective(
            columns,
            objective.y,
            objective.sample_weight,
            objective.loss,
            objective.l2,
            coordinates,
            objective.l1,
        )
        passes, of_all = objective.passes, columns.size / max(problem.X.size, 1)

        def observe(u: Float64Array, value: float) -> bool:
            coef, intercept = coordinates.weights(u)
            objective.passes = passes + of_all * few.passes
            return objective.observe(spread(coef, chosen, objective.n_features), intercept, value)

        few.observe = observe
        u = coordinates.of(start.weights, start.intercept)
        left = math.ceil((problem.max_passes - passes) / max(of_all, _TINY))
        found = proximal_newton.minimize(few, u, tol=share * problem.tol, max_passes=left)
        objective.passes = passes + of_all * few.passes
        objective.reading.seconds += few.reading.seconds
        self.solving.seconds += few.solving.seconds
        weights, intercept = coordinates.weights(found.u)
        status = "solved" if found.status == "certified" else found.status
        return start._replace(weights=weights, intercept=intercept, status=status, gap=found.gap)

    def _end(self, status: str, gap: float) -> Optimum:
        """Return the weights, rounded to the dtype that X is computed in, and what is known."""
        objective, dtype = self.objective, computed_in(self.problem.X)
        chosen, columns, weights, intercept, *_ = self.solved
        rounded = as_dtype(weights, dtype).astype(np.float64)
        products = _core.row_products(columns, rounded)
        intercept = objective.best_intercept(products, intercept)
        value = objective.mean(objective.losses(products + intercept)) + objective.penalty(rounded)
        gap += max(0.0, value - objective.values[-1]) if dtype != np.float64 else 0.0
        if status == "certified" and gap > objective.allowed(value):
            status = "floor"
        coef = as_dtype(spread(rounded, chosen, objective.n_features), dtype)
        method = f"proximal Newton's method on {len(chosen)} columns, in {self.rounds} rounds"
        found = Certificate(coef, intercept, value, gap, 0.0)
        deviation = 1.0 / self.coordinates.inverse_scale
        copies = f"copies of columns, {columns.nbytes / 1e6:.1f} MB at last"
        return objective.outcome(found, status, method, [copies])._replace(
            shift=shift_for(self.coordinates.mean, deviation, dtype),
            seconds={"passes": objective.reading.seconds, "equations": self.solving.seconds},
        )
