"""F of classes that softmax couples, over sparse rows of any width."""

from typing import Any

import numpy as np

from fallline import _core
from fallline.solvers.softmax_objective import SoftmaxObjective
from fallline.solvers.softmax_rows import losses_and_residuals
from fallline.typing import Float64Array


class CsrSoftmaxObjective(SoftmaxObjective):
    """As `SoftmaxObjective`, of all rows and without a Hessian, by stored elements alone.

    Notes
    -----
    A column less its mean would have no zeros. So margins are those of the scaled weights less
    what the means make of them, and of the sum over the rows as many means are taken off again.
    """

    def _sums(self, u: Float64Array, count: int, **_: Any) -> tuple[Any, Float64Array]:
        mean, inverse_scale = self.coordinates.mean, self.coordinates.inverse_scale
        products = np.empty((self.n_classes - 1, count))
        for of_vector, vector in zip(products, self._vectors(u), strict=True):
            coef, intercept = self.coordinates.weights(vector)
            of_vector[:] = _core.row_products(self.X, coef)
            of_vector += intercept
        margins = self.of_classes(products)
        losses, residuals = losses_and_residuals(margins, self.classes)
        if self.sample_weight is not None:
            losses *= self.sample_weight
            residuals *= self.sample_weight
        gradient = np.zeros_like(self._vectors(u))
        for of_vector, weights in zip(gradient, self.of_vectors(residuals), strict=True):
            total = float(weights.sum())
            sums = _core.row_sums(self.X, weights)
            of_vector[: len(mean)] = (sums - total * mean) * inverse_scale
            if self.coordinates.fit_intercept:
                of_vector[-1] = total
        total_loss = float(losses.sum())
        return (total_loss, self.sum_of_weights, gradient.reshape(-1), None), margins
