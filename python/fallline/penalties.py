"""What large weights cost. The intercept is never penalised."""

from collections.abc import Iterable

import numpy as np

from fallline._arguments import fraction, not_negative, positive
from fallline._frozen import Frozen

__all__ = ["L1", "L2", "ElasticNet", "Penalty", "WeightedL2"]


class Penalty(Frozen):
    """The base of all penalties: each is an elastic net.

    Attributes
    ----------
    alpha : float
        Strength, in the units of the mean loss.
    l1_ratio : float
        Share of the absolute value in it, in [0, 1].
    """

    alpha: float
    l1_ratio: float

    @property
    def l2(self) -> float:
        """Factor of half the squared norm."""
        return self.alpha * (1.0 - self.l1_ratio)

    @property
    def l1(self) -> float:
        """Factor of the sum of absolute values."""
        return self.alpha * self.l1_ratio


class L2(Penalty):
    r"""Half the squared norm, which shrinks weights (ridge).

    Parameters
    ----------
    alpha : float
        Strength, finite and not negative.

    Raises
    ------
    TypeError
        If ``alpha`` is not a number.
    ValueError
        If ``alpha`` is negative or not finite.

    Notes
    -----
    .. math:: \tfrac{\alpha}{2} \|w\|_2^2

    Examples
    --------
    >>> import fallline as fl
    >>> fl.penalties.L2(0.5)
    L2(0.5)
    """

    l1_ratio = 0.0

    def __init__(self, alpha: float) -> None:
        vars(self).update(alpha=not_negative("alpha", alpha))


class WeightedL2(Penalty):
    r"""Half the squared norm with a strength for each feature (generalised ridge).

    For `fallline.Trainer` with ``optimizer="auto"``, which goes to the optimum, and fewer than
    1,500 features of one output.

    Parameters
    ----------
    alphas : array-like of shape (n_features,)
        Strengths, positive and finite.

    Raises
    ------
    TypeError
        If ``alphas`` is not one number for each feature.
    ValueError
        If one is not positive or not finite.

    Notes
    -----
    .. math:: \tfrac12 \sum_j \alpha_j w_j^2

    `fallline.tune` finds the strengths.

    References
    ----------
    Hoerl, A. E. and Kennard, R. W. (1970). Ridge regression: biased estimation for nonorthogonal
    problems, section 6.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.penalties.WeightedL2([0.5, 2.0])
    WeightedL2((0.5, 2.0))
    """

    alpha = 1.0
    l1_ratio = 0.0
    alphas: tuple[float, ...]

    def __init__(self, alphas: Iterable[float]) -> None:
        given = alphas.tolist() if isinstance(alphas, np.ndarray) else alphas
        if not isinstance(given, list | tuple):
            message = (
                f"alphas must be a list or array of numbers, one for each feature, got {alphas!r}; "
                "L2 takes a single one"
            )
            raise TypeError(message)
        if not given:
            message = "alphas must have a number for each feature, got none"
            raise ValueError(message)
        checked = (positive(f"alphas[{k}]", alpha) for k, alpha in enumerate(given))
        vars(self).update(alphas=tuple(checked))


class L1(Penalty):
    r"""The sum of absolute values, which sets weights to zero (lasso).

    Parameters
    ----------
    alpha : float
        Strength, finite and not negative.

    Raises
    ------
    TypeError
        If ``alpha`` is not a number.
    ValueError
        If ``alpha`` is negative or not finite.

    Notes
    -----
    .. math:: \alpha \|w\|_1

    Each step ends with the proximal step of this penalty, soft thresholding by the learning rate
    times alpha (Parikh & Boyd 2014, section 6.5.2), so that weights become exactly zero.

    References
    ----------
    Parikh, N. and Boyd, S. (2014). Proximal algorithms.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.penalties.L1(0.5)
    L1(0.5)
    """

    l1_ratio = 1.0

    def __init__(self, alpha: float) -> None:
        vars(self).update(alpha=not_negative("alpha", alpha))


class ElasticNet(Penalty):
    r"""A mixture of `L2` and `L1`.

    Parameters
    ----------
    alpha : float
        Strength, finite and not negative.
    l1_ratio : float, default=0.5
        Share of the absolute value, in [0, 1].

    Raises
    ------
    TypeError
        If an argument is not a number.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    .. math:: \alpha \left[ \tfrac{1 - \rho}{2} \|w\|_2^2 + \rho \|w\|_1 \right],
              \quad \rho = \texttt{l1\_ratio}

    References
    ----------
    Zou, H. and Hastie, T. (2005). Regularization and variable selection via the elastic net. In the
    parametrisation of scikit-learn.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.penalties.ElasticNet(0.5, l1_ratio=0.25)
    ElasticNet(0.5, l1_ratio=0.25)
    """

    def __init__(self, alpha: float, l1_ratio: float = 0.5) -> None:
        share = fraction("l1_ratio", l1_ratio, "0 is L2, 1 is L1")
        vars(self).update(alpha=not_negative("alpha", alpha), l1_ratio=share)
