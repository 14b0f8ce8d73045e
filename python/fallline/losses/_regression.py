"""Losses of numbers: functions of the error r = z - y."""

from fallline._arguments import not_negative, number, positive
from fallline.losses._loss import Loss


class Squared(Loss):
    r"""Half the squared error, for regression.

    Notes
    -----
    .. math:: \tfrac12 (z - y)^2

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Squared()
    Squared()
    """

    name = "squared"
    symbols = "(z - y)^2 / 2"
    classifies = False


class Huber(Loss):
    r"""Half the squared error, straight where it is large: for targets with outliers.

    Parameters
    ----------
    delta : float, default=1.35
        Size of the error from which the loss is straight, in units of y; positive. The default
        keeps 95 % of the efficiency of least squares where errors are normal and of deviation 1.

    Raises
    ------
    TypeError
        If `delta` is not a number.
    ValueError
        If it is not positive and finite.

    Notes
    -----
    With r = z - y,

    .. math:: \tfrac12 r^2 \text{ if } |r| \le \delta, \quad
        \delta |r| - \tfrac12 \delta^2 \text{ otherwise}.

    The threshold does not follow the scale of the errors: scale y, or choose `delta` by it.

    References
    ----------
    P. J. Huber (1964), "Robust estimation of a location parameter", Annals of Mathematical
    Statistics 35.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Huber(2.0)
    Huber(2.0)
    """

    name = "huber"
    symbols = "(z - y)^2 / 2, but straight beyond |z - y| = {delta:g}"
    classifies = False

    def __init__(self, delta: float = 1.35) -> None:
        vars(self)["delta"] = positive("delta", delta)


class EpsilonInsensitive(Loss):
    r"""The absolute error beyond a tolerance: linear support vector regression.

    Parameters
    ----------
    epsilon : float, default=0.1
        Errors up to this cost nothing, in units of y; 0 is the absolute error.

    Raises
    ------
    TypeError
        If `epsilon` is not a number.
    ValueError
        If it is negative or not finite.

    Notes
    -----
    .. math:: \max(0, |z - y| - \epsilon)

    It has kinks where the absolute error is epsilon; the derivative there is taken as 0.

    References
    ----------
    V. Vapnik (1995), "The nature of statistical learning theory", Springer.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.EpsilonInsensitive(0.5)
    EpsilonInsensitive(0.5)
    """

    name = "epsilon_insensitive"
    symbols = "max(0, |z - y| - {epsilon:g})"
    classifies = False

    def __init__(self, epsilon: float = 0.1) -> None:
        vars(self)["epsilon"] = not_negative("epsilon", epsilon)


class SquaredEpsilonInsensitive(Loss):
    r"""The squared error beyond a tolerance.

    Parameters
    ----------
    epsilon : float, default=0.1
        Errors up to this cost nothing, in units of y; not negative.

    Raises
    ------
    TypeError
        If `epsilon` is not a number.
    ValueError
        If it is negative or not finite.

    Notes
    -----
    .. math:: \max(0, |z - y| - \epsilon)^2,

    without a half, as in scikit-learn.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.SquaredEpsilonInsensitive(0.5)
    SquaredEpsilonInsensitive(0.5)
    """

    name = "squared_epsilon_insensitive"
    symbols = "max(0, |z - y| - {epsilon:g})^2"
    classifies = False

    def __init__(self, epsilon: float = 0.1) -> None:
        vars(self)["epsilon"] = not_negative("epsilon", epsilon)


class Quantile(Loss):
    r"""The pinball loss: its fit predicts a quantile of y instead of the mean.

    Parameters
    ----------
    quantile : float, default=0.5
        Share of the targets that should lie below the prediction, between 0 and 1. The default is
        the median, with half the absolute error as the loss.

    Raises
    ------
    TypeError
        If `quantile` is not a number.
    ValueError
        If it does not lie between 0 and 1.

    Notes
    -----
    With r = z - y and q the quantile,

    .. math:: \max(-q r, (1 - q) r).

    It has a kink at r = 0; the derivative there is taken as 0.

    References
    ----------
    R. Koenker and G. Bassett (1978), "Regression quantiles", Econometrica 46.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Quantile(0.9)
    Quantile(0.9)
    """

    name = "quantile"
    symbols = "|z - y| times {quantile:g} where z < y, else 1 - {quantile:g}"
    classifies = False

    def __init__(self, quantile: float = 0.5) -> None:
        vars(self)["quantile"] = number(
            "quantile", quantile, "a number between 0 and 1", lambda x: 0 < x < 1
        )
