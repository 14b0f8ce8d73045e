"""Products with a mean of ``x x'``: from the rows, or from a matrix where they are many."""

from typing import Final

import numpy as np

from fallline import _core
from fallline.solvers.wide.penalized import PenalizedObjective
from fallline.typing import Float64Array

# Of rows with six elements the matrix takes as long as eight products from the rows, and each of
# its own products a third: insteval's 45 to 80 take 0.45 to 0.75 of the time. Where the mean square
# of the rows' lengths is more than so many times the mean length it is not tried, and it is given
# up where it has more elements than half of X.
_LONGEST: Final = 8.0


class Gram:
    """The weighted mean of ``c x x'``.

    Parameters
    ----------
    objective : PenalizedObjective
        Its rows and their weights.
    curvatures : ndarray of shape (n_samples,)
        The numbers c; rows where they are zero are not read.
    often : bool
        Whether there will be dozens of products.
    """

    def __init__(
        self, objective: PenalizedObjective, curvatures: Float64Array, *, often: bool
    ) -> None:
        self._objective, self._curvatures = objective, curvatures
        self._share = share_of_nonzero(curvatures)
        self._triangle = _triangle_of(objective, curvatures) if often else None

    def times(self, w: Float64Array) -> Float64Array:
        """Return the product with weights: at most one pass."""
        objective, triangle = self._objective, self._triangle
        if triangle is None:
            return objective.mean_gram(self._curvatures, w, share=self._share)
        objective.passes += triangle.size / objective.X.size
        with objective.reading:
            both = _core.row_products(triangle, w) + _core.row_sums(triangle, w)
        return both / objective.total


def share_of_nonzero(curvatures: Float64Array) -> float:
    """Return the share of the rows that are read: those whose number is not zero."""
    return float(np.count_nonzero(curvatures)) / len(curvatures)


def _triangle_of(objective: PenalizedObjective, curvatures: Float64Array) -> _core.CsrMatrix | None:
    """Return the matrix with half of its diagonal and nothing below it; None if it is too large."""
    X, s = objective.X, objective.sample_weight
    if not isinstance(X, _core.CsrMatrix):
        return None
    lengths = np.diff(X.indptr).astype(np.float64)
    if float((lengths * lengths).sum()) > _LONGEST * X.size:
        return None
    objective.passes += 1.0
    with objective.reading:
        weighted = curvatures if s is None else s * curvatures
        return _core.sparse_gram(X, weighted, X.size // 2)
