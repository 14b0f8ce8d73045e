"""How the weights at an optimum, and the loss on other data, move with the penalty."""

from typing import Final, NamedTuple, cast

import numpy as np

from fallline import _core
from fallline._solving import problem_of
from fallline._validation import Data
from fallline.fit import Fit
from fallline.solvers.narrow.newton_step import NewtonStep, newton_step, solve_again
from fallline.solvers.narrow.objective import Objective, Point
from fallline.solvers.narrow.second_order import objective_of
from fallline.trainer import Trainer
from fallline.typing import Float64Array

# Newton's steps from a certified optimum to one that rounding errors limit.
_MOST_STEPS: Final = 8

# How fits end that Newton's method goes on from.
_AT_OPTIMUM: Final = frozenset({"certified", "estimated", "floor"})


class AtOptimum(NamedTuple):
    """The minimum of F, and the validation loss there.

    Attributes
    ----------
    value : float
        Mean loss V on the validation data.
    forces : ndarray of shape (n_features,)
        What each weight's part of the penalty pulls with: the derivative of F's gradient with
        respect to the logarithm of its alpha.
    step : NewtonStep
        With the factor of the Hessian of F.
    held_out : Point
        V in the same coordinates, with its gradient and Hessian.
    """

    value: float
    forces: Float64Array
    step: NewtonStep
    held_out: Point

    @property
    def slopes(self) -> Float64Array:
        """Derivatives of V with respect to the logarithm of each alpha, of shape (n_features,)."""
        return self.forces * self._to_alphas(self.held_out.gradient)

    def curve(self, direction: Float64Array) -> Float64Array:
        """Return the Gauss-Newton matrix of V in the logarithms of the alphas, times a vector."""
        padded = np.zeros(len(self.held_out.u))
        padded[: len(direction)] = self.forces * direction
        moved = solve_again(self.step, padded)
        bent = _core.row_products(self.held_out.hessian, moved)
        return self.forces * self._to_alphas(bent)

    def _to_alphas(self, gradient: Float64Array) -> Float64Array:
        return solve_again(self.step, gradient)[: len(self.forces)]


def at_optimum(trainer: Trainer, fit: Fit, data: Data, held_out: Data) -> AtOptimum:
    """Return what the optimum that a fit has come close to is like.

    Raises
    ------
    ValueError
        If it has not come close.

    Notes
    -----
    A certificate is of F, whose minimum is flat: weights a millionth of F above it may be off by a
    thousandth. Newton's method goes on from them until nothing changes.
    """
    if fit.status not in _AT_OPTIMUM:
        message = (
            f"trainer must come to an optimum, got status {fit.status!r}; raise max_time, epochs "
            "or the alpha of the penalty"
        )
        raise ValueError(message)
    columns = trainer._standardization(data) if trainer.standardize else None
    objective = objective_of(problem_of(trainer, data, columns))
    coef, intercept = fit.coef.astype(np.float64), cast("float", fit.intercept)
    point, step = _settled(objective, objective.coordinates.of(coef, intercept))
    n_features = len(objective.coordinates.mean)
    weights = held_out.sample_weight
    other = Objective(
        held_out.X,
        held_out.y.astype(np.float64),
        None if weights is None else weights.astype(np.float64),
        trainer.loss,
        0.0,
        objective.coordinates,
    ).at(point.u)
    forces = (objective.ridge * point.u)[:n_features]
    return AtOptimum(other.value, forces, step, other)


def _settled(objective: Objective, u: Float64Array) -> tuple[Point, NewtonStep]:
    point = objective.at(u)
    step = newton_step(point)
    for _ in range(_MOST_STEPS):
        next_point = objective.at(u + step.direction)
        next_step = newton_step(next_point)
        if not next_step.decrement < 0.25 * step.decrement:
            break
        u, point, step = next_point.u, next_point, next_step
    return point, step
