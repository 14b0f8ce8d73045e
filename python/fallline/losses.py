"""What a prediction costs: functions of the margin z = x·w + b and the target y of one row."""

from fallline._frozen import Frozen

__all__ = ["Hinge", "Logistic", "Loss", "Squared"]


class Loss(Frozen):
    """The base of all losses.

    Attributes
    ----------
    name : str
        Name in the core.
    classifies : bool
        Whether targets are labels, -1 and +1 in the formula, or numbers.
    """

    name: str
    classifies: bool

    @property
    def parameters(self) -> list[float]:
        """What the formula holds besides margin and target, in the order of the constructor."""
        return list(vars(self).values())


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
    classifies = False


class Logistic(Loss):
    r"""The negative log-likelihood of two classes.

    Notes
    -----
    With y = -1 for the first class and +1 for the second, in sorted order of the labels,

    .. math:: \log(1 + e^{-y z}).

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Logistic()
    Logistic()
    """

    name = "logistic"
    classifies = True


class Hinge(Loss):
    r"""The loss of the linear support vector machine, for two classes.

    Notes
    -----
    With y = -1 for the first class and +1 for the second, in sorted order of the labels,

    .. math:: \max(0, 1 - y z).

    It has a kink at y z = 1; the derivative there is taken as 0.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Hinge()
    Hinge()
    """

    name = "hinge"
    classifies = True
