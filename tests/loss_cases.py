"""Every loss of the core with targets it can take, and what rounding may do to it."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import reference_losses
from arrays import DType, eps
from fallline import losses
from fallline.typing import Float64Array
from reference_losses import LOSSES

PARAMETERS = {name: list(loss.parameters) for name, loss in LOSSES.items()}
SIGNS = st.sampled_from([-1.0, 1.0])
POSITIVE = st.floats(0.015625, 128.0, width=32)
TARGETS: dict[str, st.SearchStrategy[float]] = {
    "signs": SIGNS,
    "numbers": st.floats(-16.0, 16.0, width=32),
    "not negative": st.just(0.0) | POSITIVE,
    "positive": POSITIVE,
}

# Roundings behind a value, derivative or curvature, in units of eps. Squares and straight lines
# take up to four. Logistic adds up exp (2 on the baseline) and log1p (3), or exp, sums and a
# quotient. The deviances have exp_excess (8) and log (1.5) in them, and tweedie a power and a sum.
# The rest is the reference's own.
ROUNDINGS = dict.fromkeys(LOSSES, 4) | {"logistic": 8, "poisson": 16, "gamma": 16, "tweedie": 20}


def of_python(name: str) -> losses.Loss:
    """The loss that Python knows by this name, with the parameters of `PARAMETERS`."""
    kinds = [getattr(losses, public) for public in losses.__all__ if public != "Loss"]
    kind: Any = next(kind for kind in kinds if kind.name == name)
    loss: losses.Loss = kind(*PARAMETERS[name])
    return loss


def targets_near(name: str, z: Float64Array) -> Float64Array:
    """Targets that margins z would not be far from, of the loss's own kind."""
    match LOSSES[name].targets:
        case "signs":
            return np.where(z > 0, 1.0, -1.0)
        case "numbers":
            return z
        case "positive":
            return np.exp(z)
    return np.floor(np.exp(z))


def has_log_link(name: str) -> bool:
    return LOSSES[name].targets in {"not negative", "positive"}


class Exact(NamedTuple):
    """A loss at margins and targets by the reference, and how far off the core may be.

    Margin and target are exact. Where the margin is the logarithm of a mean, it and the logarithm
    of the target (``size``) are rounded on the way: the loss is then one of a margin that is off by
    eps of both. Every difference there is one of terms that the curvature bounds.
    """

    name: str
    z: Float64Array
    y: Float64Array
    value: Float64Array
    derivative: Float64Array
    curvature: Float64Array
    size: Float64Array

    def _bound(self, scale: Float64Array, dtype: DType) -> Float64Array:
        smallest = float(np.finfo(dtype).smallest_subnormal)
        return np.asarray(ROUNDINGS[self.name] * (eps(dtype) * scale + smallest))

    def value_error(self, dtype: DType) -> Float64Array:
        rounded = self.value + self.size * (self.value + np.abs(self.derivative))
        return self._bound(rounded, dtype)

    def derivative_error(self, dtype: DType) -> Float64Array:
        rounded = np.abs(self.derivative)
        if has_log_link(self.name):
            rounded = rounded + 2 * self.curvature * (1 + self.size)
        return self._bound(rounded, dtype)

    def curvature_error(self, dtype: DType) -> Float64Array:
        return self._bound(self.curvature * (1 + self.size), dtype)


def exact(name: str, z: Float64Array, y: Float64Array) -> Exact:
    loss = LOSSES[name]
    size = np.zeros_like(z)
    if has_log_link(name):
        size = np.abs(z) + np.abs(reference_losses.log_target(y))
    with np.errstate(over="ignore"):  # of exponentials, far out
        value = loss.value(z, y, *loss.parameters)
        derivative = loss.derivative(z, y, *loss.parameters)
        curvature = loss.curvature(z, y, *loss.parameters)
    return Exact(name, z, y, value, derivative, curvature, size)


def distance_to_kink(name: str, z: Float64Array, y: Float64Array) -> Float64Array:
    """How far each margin is from where the derivative or the curvature jumps."""
    distance = np.full_like(z, np.inf)
    for kink in LOSSES[name].kinks(y, *LOSSES[name].parameters):
        distance = np.minimum(distance, np.abs(z - kink))
    return distance
