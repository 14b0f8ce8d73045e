"""Losses of counts and amounts, whose mean is the exponential of the margin."""

from fallline._arguments import number
from fallline.losses._loss import Loss


class Poisson(Loss):
    r"""Half the unit deviance of counts.

    Notes
    -----
    For y >= 0 of mean e^z,

    .. math:: e^z - y z + y \log y - y,

    which is never negative; 0 log 0 is 0. Predictions are means. Curvature grows with them without
    bound: center and scale X, and begin with a small learning rate.

    References
    ----------
    P. McCullagh and J. A. Nelder (1989), "Generalized linear models", 2nd edition, section 2.3.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Poisson()
    Poisson()
    """

    name = "poisson"
    symbols = "exp(z) - y z + y log(y) - y"
    classifies = False
    log_link = True
    domain = "not negative"


class Gamma(Loss):
    r"""Half the unit deviance of positive amounts, of errors in proportion to their mean.

    Notes
    -----
    For y > 0 of mean e^z,

    .. math:: z - \log y + y e^{-z} - 1,

    which is never negative. Predictions are means.

    References
    ----------
    P. McCullagh and J. A. Nelder (1989), "Generalized linear models", 2nd edition, section 2.3.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Gamma()
    Gamma()
    """

    name = "gamma"
    symbols = "y exp(-z) + z - log(y) - 1"
    classifies = False
    log_link = True
    domain = "positive"


class Tweedie(Loss):
    r"""Half the unit deviance of amounts of which many are exactly 0, as insurance claims.

    Parameters
    ----------
    power : float, default=1.5
        Exponent p of the variance, which is in proportion to the mean to the power p; between 1
        (see `Poisson`) and 2 (see `Gamma`).

    Raises
    ------
    TypeError
        If `power` is not a number.
    ValueError
        If it does not lie between 1 and 2.

    Notes
    -----
    For y >= 0 of mean e^z,

    .. math:: \frac{y e^{(1-p) z}}{p-1} + \frac{e^{(2-p) z}}{2-p} - \frac{y^{2-p}}{(p-1)(2-p)},

    which is never negative. Predictions are means.

    References
    ----------
    B. Jørgensen (1987), "Exponential dispersion models", Journal of the Royal Statistical Society
    B 49.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Tweedie(1.9)
    Tweedie(1.9)
    """

    name = "tweedie"
    symbols = "half the unit deviance of power {power:g} of y and exp(z)"
    classifies = False
    log_link = True
    domain = "not negative"

    def __init__(self, power: float = 1.5) -> None:
        vars(self)["power"] = number(
            "power",
            power,
            "a number between 1 and 2",
            lambda x: 1 < x < 2,
            "use Poisson() for 1, Gamma() for 2 and Squared() for 0",
        )
