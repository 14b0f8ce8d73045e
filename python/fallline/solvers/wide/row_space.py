"""More columns than rows: the same problem in the coordinates of the space that the rows span."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from fallline import _core
from fallline._standardization import inner
from fallline._validation import Matrix, as_dtype, computed_in
from fallline.solvers.narrow import second_order
from fallline.solvers.narrow.certificate import gap_by_penalty
from fallline.solvers.narrow.coordinates import Coordinates
from fallline.solvers.narrow.objective import Objective
from fallline.solvers.narrow.tolerance import Tolerance
from fallline.solvers.problem import Optimum, Problem, Visit
from fallline.typing import Float64Array, FloatArray, Intercept

# Columns that are copied at a time.
_BLOCK: Final = 1024

# The bound for all columns is a crude one, so the few coordinates are taken closer.
_CLOSER: Final = 1e-4

_EPS: Final = float(np.finfo(np.float64).eps)


def solve(problem: Problem) -> Optimum:
    """Minimise F of a smooth loss with an L2 penalty, or none, of few rows.

    Parameters
    ----------
    problem : Problem
        With no more rows than a Hessian may have coordinates, and without an L1 term.

    Returns
    -------
    Optimum
        Without a penalty the shortest weights of all that are as good.

    Notes
    -----
    The best weights are a combination of the rows, or as good as one [1]_. With Q an orthonormal
    basis of what the centred rows span, w = Q v, so that X w = (X Q) v and |w| = |v|: the problem
    of X Q, which has no more columns than X has rows, is the same one. X Q comes from a QR
    decomposition of X', which never squares X.

    References
    ----------
    .. [1] Schölkopf, Herbrich & Smola (2001), "A generalized representer theorem", COLT, theorem 1.
    """
    X = problem.X
    n, n_features = X.shape
    factor, mean = np.zeros((n, n)), np.zeros(n_features)
    for columns, block in _blocks(X):
        if problem.fit_intercept:
            mean[columns] = block.mean(axis=1)
            block -= mean[columns, np.newaxis]
        factor = _core.qr_update(factor, block)
    factor, order = _core.pivoted_qr(factor)
    sizes = factor.diagonal()
    rank = max(1, int(np.count_nonzero(sizes > n * _EPS * sizes[0])))
    rows = np.empty((n, rank))
    rows[order] = factor[:rank].T
    reduced = problem._replace(
        X=rows,
        y=problem.y.astype(np.float64),
        sample_weight=_as_float64(problem.sample_weight),
        tol=_CLOSER * problem.tol,
    )
    basis = np.ascontiguousarray(factor[:rank, :rank].T)

    def of_all_columns(v: FloatArray, intercept: Intercept) -> tuple[FloatArray, Intercept]:
        of_rows, coef = np.zeros(n), np.empty(n_features)
        if sizes[0] > 0.0:
            of_rows[order[:rank]] = _core.triangular_solve(
                basis, v.astype(np.float64), transposed=True
            )
        for columns, block in _blocks(X):
            coef[columns] = ((block - mean[columns, np.newaxis]) * of_rows).sum(axis=1)
        return as_dtype(coef, computed_in(X)), float(intercept) - inner(mean, coef)

    def observe(visit: Visit) -> bool:
        return problem.observe(visit._replace(weights=lambda: of_all_columns(*visit.weights())))

    found = second_order.solve(reduced._replace(observe=observe))
    return _judged(problem, found, *of_all_columns(found.coef, found.intercept), mean)


def _judged(
    problem: Problem, found: Optimum, coef: FloatArray, intercept: float, mean: Float64Array
) -> Optimum:
    """Return the optimum with the weights of all columns, and what is known of them."""
    coordinates = Coordinates(mean, np.ones_like(mean), problem.fit_intercept)
    objective = Objective(
        problem.X,
        problem.y.astype(np.float64),
        _as_float64(problem.sample_weight),
        problem.loss,
        problem.alpha,
        coordinates,
    )
    u = coordinates.of(coef.astype(np.float64), intercept)
    point = objective.with_best_intercept(objective.at(u, hessian=False))
    tolerance = Tolerance(objective, problem.tol)
    gap = min(gap_by_penalty(objective, point), point.value)
    gap += 2.0 * tolerance.rounding(point.value)
    status = found.status
    if status in {"certified", "estimated", "floor"}:
        status = "certified" if gap <= tolerance.allowed(point.value) else "estimated"
    intercept = float(point.u[-1]) - inner(mean, coef) if problem.fit_intercept else 0.0
    return found._replace(
        coef=coef,
        intercept=intercept,
        status=status,
        gap=gap,
        passes=2.0 + objective.passes,
        value=point.value,
        objective=[*found.objective, point.value],
        shift=None,
        method=f"{found.method}, in the {len(found.coef)} dimensions that the rows span",
    )


def _blocks(X: Matrix) -> Iterator[tuple[slice, Float64Array]]:
    """Yield columns of X as the rows of an array, a few at a time."""
    n, n_features = X.shape
    blocks = [slice(k, min(k + _BLOCK, n_features)) for k in range(0, n_features, _BLOCK)]
    if not isinstance(X, _core.CsrMatrix):
        for columns in blocks:
            yield columns, np.array(X[:, columns].T, dtype=np.float64, order="C")
        return
    order = np.argsort(X.indices, kind="stable")
    indices, values = X.indices[order].astype(np.int64), X.data[order].astype(np.float64)
    rows = np.repeat(np.arange(n), np.diff(X.indptr))[order]
    for columns in blocks:
        count = columns.stop - columns.start
        first, last = np.searchsorted(indices, [columns.start, columns.stop])
        places = (indices[first:last] - columns.start) * n + rows[first:last]
        dense = np.bincount(places, values[first:last], count * n)  # adds up repeated elements
        yield columns, dense.astype(np.float64).reshape(count, n)


def _as_float64(weights: object) -> Float64Array | None:
    return None if weights is None else np.asarray(weights, dtype=np.float64)
