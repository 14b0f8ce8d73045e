"""What solvers are given and what they hand back."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from fallline._validation import Matrix
from fallline.losses import Loss
from fallline.typing import Float64Array, FloatArray, Intercept


class Visit(NamedTuple):
    """A place where F of all rows has become known.

    Attributes
    ----------
    passes : float
        Over the data so far.
    value : float
        F, or NaN where it is not known on the way.
    weights : callable
        Returns coefficients and intercept, in the units of X.
    """

    passes: float
    value: float
    weights: Callable[[], tuple[FloatArray, Intercept]]


def look_on(_: Visit) -> bool:
    """Ask for nothing."""
    return False


class Problem(NamedTuple):
    """F, and how well it is to be minimised.

    Attributes
    ----------
    X : ndarray or CsrMatrix of shape (n_samples, n_features)
        Finite, of anything the core reads.
    y : ndarray of shape (n_samples,) or (n_samples, n_heads)
        Targets; -1 and +1, both with positive weight, for a loss that classifies. With `heads` the
        targets of each, or the number of each row's class, all with positive weight.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, not negative and not all zero.
    loss : Loss
        A convex one with a second derivative, or zero where it has none.
    alpha, l1_ratio : float
        Of the penalty.
    fit_intercept : bool
        Whether to fit an intercept, which is never penalised.
    tol : float
        F is to be within `tol` times the larger of F and a thousandth of what it is without
        features.
    max_passes : int
        Largest number of passes over the data, for each of several heads that do not know of each
        other.
    heads : {"per_head", "classes"} or None
        What y is to the outputs of the model; None is one head.
    deviation : ndarray of shape (n_features,) or None
        What each weight is multiplied by before it is penalised; None is 1.
    penalized : str
        That in symbols.
    observe : callable
        Called with each `Visit`; to return True is to ask for the end.
    """

    X: Matrix
    y: FloatArray
    sample_weight: FloatArray | None
    loss: Loss
    alpha: float
    l1_ratio: float
    fit_intercept: bool
    tol: float
    max_passes: int
    heads: Literal["per_head", "classes"] | None = None
    deviation: Float64Array | None = None
    penalized: str = "w"
    observe: Callable[[Visit], bool] = look_on

    @property
    def n_heads(self) -> int:
        """Number of outputs of the model."""
        if self.heads == "classes":
            return int(self.y.max()) + 1
        return self.y.shape[1] if self.heads else 1


class Optimum(NamedTuple):
    """Where a solver ended.

    Attributes
    ----------
    coef : ndarray of shape (n_features,) or (n_features, n_heads)
        Weights in the units of X and in the dtype it is computed in.
    intercept : float or ndarray of shape (n_heads,)
        0.0 when none was fitted.
    status : str
        "certified", "estimated", "floor", "budget", "separable", "stopped" (`Problem.observe` asked
        for it) or "interrupted"; see `newton`.
    gap : float
        Upper bound of F less the smallest F there is, of the weights as returned; an estimate
        unless certified, NaN where there is none.
    passes : float
        Over the data; a part of the rows counts as a part of a pass.
    value, null_value : float
        F, and F without features.
    objective : list of float
        F at each point of all rows.
    shift : ndarray of shape (n_features,) or None
        A point among the rows from which margins are computed with fewer digits lost.
    method : str
        What was done, in a few words.
    events : list of str
        What happened on the way.
    seconds : dict of str to float
        Spent on "passes" over the data and on "equations"; the rest is on bookkeeping.
    """

    coef: FloatArray
    intercept: Intercept
    status: str
    gap: float
    passes: float
    value: float
    null_value: float
    objective: list[float]
    shift: FloatArray | None
    method: str
    events: list[str]
    seconds: dict[str, float]
