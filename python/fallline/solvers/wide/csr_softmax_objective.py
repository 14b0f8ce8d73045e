"""F of classes that softmax couples, over sparse rows of any width."""

from typing import Any, cast

import numpy as np

from fallline import _core
from fallline.solvers.narrow.softmax_objective import SoftmaxObjective
from fallline.typing import Float64Array


class CsrSoftmaxObjective(SoftmaxObjective):
    """As `SoftmaxObjective`, of all rows and without a Hessian, by stored elements alone.

    The coordinates must be those of columns that are not centred, as these would have no zeros.
    """

    def _sums(self, u: Float64Array, count: int, **_: Any) -> tuple[Any, Float64Array]:
        coordinates, vectors = self.coordinates, self._vectors(u)
        n_vectors, n_features = len(vectors), len(coordinates.mean)
        margins = np.empty(self.n_classes * count)
        intercepts = np.zeros(n_vectors)
        if coordinates.fit_intercept:
            intercepts[:] = vectors[:, -1]
        loss, of_weights, of_intercepts = _core.csr_softmax_pass(
            cast("_core.CsrMatrix", self.X),
            self.y,
            self.sample_weight,
            self.n_classes,
            (vectors[:, :n_features] * coordinates.inverse_scale).reshape(-1),
            intercepts,
            margins,
        )
        gradient = np.empty_like(vectors)
        gradient[:, :n_features] = of_weights.reshape(n_vectors, -1) * coordinates.inverse_scale
        if coordinates.fit_intercept:
            gradient[:, -1] = of_intercepts
        sums = (loss, self.sum_of_weights, gradient.reshape(-1), None)
        return sums, margins.reshape(self.n_classes, count)
