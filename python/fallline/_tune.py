"""A search for the alpha of each feature along the gradient of the validation loss."""

import copy
import math
from typing import Any, Final, NamedTuple

import numpy as np

from fallline._arguments import integer
from fallline._at_optimum import AtOptimum, at_optimum
from fallline._hypergradient import checked
from fallline._standardization import inner
from fallline._validation import Data
from fallline.fit import Fit
from fallline.penalties import Penalty, WeightedL2
from fallline.trainer import Trainer
from fallline.typing import Float64Array

# The logarithm of a feature's alpha is expected to be so far from that of all.
_DEVIATION: Final = 2.0

# No logarithm moves by more at a time: beyond it the model of the loss says little.
_LONGEST: Final = 2.0
_LONGEST_SHARED: Final = 4.0

# What is left of a shift of all that has gone too far.
_BACK: Final = 0.25

# Fits at most for the alpha of all features, which each goes on from.
_SHARED_FITS: Final = 4

# A step that is to change less, in nats of all rows together, is none.
_LEAST_GAIN: Final = 1e-2
_SHORTEST: Final = 0.05

_MORE_DAMPING: Final = 10.0

# Of conjugate gradients, and the share of the right-hand side that they may leave.
_MOST_PRODUCTS: Final = 200
_LEFT: Final = 1e-6


class Tuned(NamedTuple):
    """What a search has found.

    Attributes
    ----------
    alpha : ndarray of shape (n_features,)
        Strength for each feature, as `fallline.penalties.WeightedL2` takes it.
    fit : Fit
        The model with it, of the rows to train on.
    value : float
        Its mean loss on the validation data.
    values : list of float
        The same of every fit, in their order; those with one alpha for all features come first.
    """

    alpha: Float64Array
    fit: Fit
    value: float
    values: list[float]


def tune(
    trainer: Trainer,
    X: object,
    y: object,
    *,
    validation: tuple[object, object],
    sample_weight: object = None,
    max_fits: int = 10,
) -> Tuned:
    r"""Find an L2 penalty for each feature by the loss on validation data.

    Parameters
    ----------
    trainer : Trainer
        With ``optimizer="auto"``, a smooth loss of one output, and the L2 penalty to begin with.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows to train on.
    y : array-like of shape (n_samples,)
        Their targets.
    validation : tuple of X and y
        Rows to measure the loss on.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows to train on.
    max_fits : int, default=10
        Most models to train.

    Returns
    -------
    Tuned
        The alphas and the model with them.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the trainer or the data are none of these; the message says what to use.

    Notes
    -----
    First comes one alpha for all, by Newton's method; then each gets its own, by Gauss-Newton steps
    on

    .. math:: V(\theta) + \frac{\varphi}{2 n \sigma^2} \sum_j (\theta_j - \bar\theta)^2, \quad
              \theta_j = \log \alpha_j,

    with V the mean loss of the n validation rows, :math:`\bar\theta` the shared logarithm,
    :math:`\varphi` the dispersion, which is 1 of losses for classification and of `Poisson` and
    twice V of others, and :math:`\sigma = 2`. That is the posterior mode for alphas that are
    expected within a factor of seven of the shared one; without it features without a signal would
    fit the noise of the validation rows. The gradient of V is that of `hypergradient`, and its
    Gauss-Newton matrix follows from the same factor.

    References
    ----------
    Bengio, Y. (2000). Gradient-based optimization of hyperparameters.
    MacKay, D. J. C. (1992). Bayesian interpolation, section 4, for an alpha of each feature.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 50))
    >>> y = X[:, :3].sum(axis=1) + rng.standard_normal(200)  # the other features say nothing
    >>> trainer = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(0.1))
    >>> tuned = fl.tune(trainer, X[:100], y[:100], validation=(X[100:], y[100:]))
    >>> bool(tuned.alpha[:3].max() < tuned.alpha[3:].min()), len(tuned.values) <= 10
    (True, True)
    """
    max_fits = integer("max_fits", max_fits, 1)
    data, held_out = checked(trainer, X, y, sample_weight, validation)
    if trainer.optimizer != "auto":
        message = f"optimizer must be 'auto' to tune, got {trainer.optimizer!r}; leave it out"
        raise ValueError(message)

    search = _Search(trainer, (X, y, sample_weight), data, held_out, max_fits)
    place = search.visit(np.array(_log_alphas(trainer.penalty, data.X.shape[1])))
    place = _separated(search, _shared(search, place), len(held_out.y))
    return Tuned(
        np.array(_exponentials(place.log_alpha)), place.fit, place.found.value, search.values
    )


def _exponentials(log_alpha: Float64Array) -> list[float]:
    # Not numpy.exp, whose last bits are those of the processor's instructions.
    return [math.exp(x) for x in log_alpha.tolist()]


def _log_alphas(penalty: Penalty | None, n_features: int) -> list[float]:
    if isinstance(penalty, WeightedL2):
        return [math.log(alpha) for alpha in penalty.alphas]
    return [math.log(penalty.l2 if penalty else 1.0)] * n_features


class _Place(NamedTuple):
    log_alpha: Float64Array
    fit: Fit
    found: AtOptimum


class _Search:
    """Fits at places of the search, and what they have cost."""

    def __init__(
        self, trainer: Trainer, rows: tuple[Any, Any, Any], data: Data, held_out: Data, fits: int
    ) -> None:
        self.trainer, self._rows, self._data, self._held_out = trainer, rows, data, held_out
        self._fits = fits
        self.values: list[float] = []

    @property
    def left(self) -> int:
        """Fits that may still be made."""
        return self._fits - len(self.values)

    def visit(self, log_alpha: Float64Array) -> _Place:
        """Train a model."""
        trainer = copy.copy(self.trainer)
        trainer.penalty = WeightedL2(_exponentials(log_alpha))
        X, y, sample_weight = self._rows
        fit = trainer.fit(X, y, sample_weight=sample_weight)
        if fit.status == "interrupted":
            raise KeyboardInterrupt
        found = at_optimum(trainer, fit, self._data, self._held_out)
        self.values.append(found.value)
        return _Place(log_alpha, fit, found)


def _shared(search: _Search, place: _Place) -> _Place:
    """Return where all alphas together do best, or nearly so."""
    together = np.ones(len(place.log_alpha))
    is_far = True  # where the last shift was cut, the loss was nearly flat
    while search.left and (is_far or len(search.values) < _SHARED_FITS):
        slope = float(place.found.slopes.sum())
        curvature = float(place.found.curve(together).sum())
        shift = -slope / curvature if curvature > 0.0 else -math.copysign(_LONGEST_SHARED, slope)
        shift = min(max(shift, -_LONGEST_SHARED), _LONGEST_SHARED)
        if abs(shift) < _SHORTEST:
            break
        is_far = abs(shift) == _LONGEST_SHARED
        moved = search.visit(place.log_alpha + shift)
        while search.left and moved.found.value > place.found.value and abs(shift) > _SHORTEST:
            shift *= _BACK
            moved = search.visit(place.log_alpha + shift)
        if not moved.found.value < place.found.value:
            break
        place = moved
    return place


def _separated(search: _Search, place: _Place, n_held_out: int) -> _Place:
    """Return where each alpha on its own does best, as far as the validation rows can tell."""
    loss, center = search.trainer.loss, place.log_alpha
    has_scale = loss.classifies or loss.name == "poisson"
    dispersion = 1.0 if has_scale else 2.0 * place.found.value
    prior = dispersion / (n_held_out * _DEVIATION**2)

    def value_at(place: _Place) -> float:
        away = place.log_alpha - center
        return place.found.value + 0.5 * prior * inner(away, away)

    damping = 0.0
    while search.left:
        slopes = place.found.slopes + prior * (place.log_alpha - center)
        step = _solved(place.found, prior * (1.0 + damping), -slopes)
        step = np.clip(step, -_LONGEST, _LONGEST)
        if -inner(slopes, step) <= _LEAST_GAIN * dispersion / n_held_out:
            break
        moved = search.visit(place.log_alpha + step)
        if value_at(moved) < value_at(place):
            place, damping = moved, damping / _MORE_DAMPING
        else:
            damping = max(damping, 1.0) * _MORE_DAMPING
    return place


def _solved(found: AtOptimum, prior: float, right: Float64Array) -> Float64Array:
    """Return the solution of (curve + prior) x = right, by conjugate gradients."""
    x = np.zeros_like(right)
    left, way = right.copy(), right.copy()
    size = start = inner(right, right)
    for _ in range(_MOST_PRODUCTS):
        if size <= _LEFT**2 * start:
            break
        bent = found.curve(way) + prior * way
        length = size / inner(way, bent)
        x += length * way
        left -= length * bent
        size, before = inner(left, left), size
        way = left + size / before * way
    return x
