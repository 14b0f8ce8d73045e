"""How close to the smallest F is close enough, in numbers that are rounded."""

from typing import Final

from fallline.solvers.narrow.objective import EPS, Objective

# Rounding error of F, as a share of the terms it is made of: in the losses, the sums of each tile,
# their sums, and the mean.
ROUNDING: Final = 8.0 * EPS

# F counts as at least this share of that of the model without features: of an F of nearly zero no
# gap could be a small share.
SHARE_OF_NULL: Final = 1e-3


class Tolerance:
    """What the gap may be at a value of F.

    Parameters
    ----------
    objective : Objective
        Whose F it is.
    tol : float
        Share of F, or of a thousandth of the F without features where that is more.

    Attributes
    ----------
    null_value : float
        F without features.
    """

    def __init__(self, objective: Objective, tol: float) -> None:
        self.tol = tol
        null = objective.null
        self.null_value, self._null_size = null.value, null.size
        # Of rounded margins, where they are the intercept alone: matters where F could be zero.
        self._null_rounding = 8.0 * ((objective.size + 4) * EPS * null.margin) ** 2

    def allowed(self, value: float) -> float:
        """Return the largest gap that is close enough, rounding errors included."""
        return self.tol * max(value, SHARE_OF_NULL * self.null_value) + self.rounding(value)

    def rounding(self, value: float) -> float:
        """Return how far F may be off as it is computed."""
        return ROUNDING * (value + self._null_size) + self._null_rounding
