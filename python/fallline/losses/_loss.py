"""What all losses share."""

from typing import Literal

from fallline._frozen import Frozen


class Loss(Frozen):
    """The base of all losses.

    Attributes
    ----------
    name : str
        Name in the core.
    classifies : bool
        Whether targets are labels, -1 and +1 in the formula, or numbers.
    coupled : bool
        Whether it is a function of the margins of all classes at once.
    log_link : bool
        Whether the margin is the logarithm of the mean, or the mean itself.
    domain : {"any", "not negative", "positive"}
        What targets may be that are numbers.
    """

    name: str
    symbols: str  # the formula, z the margin, with the parameters to be filled in
    classifies: bool
    coupled: bool = False
    log_link: bool = False
    domain: Literal["any", "not negative", "positive"] = "any"

    @property
    def formula(self) -> str:
        """The loss in symbols, of a margin z and a target y, with its parameters as numbers."""
        return self.symbols.format(**vars(self))

    @property
    def parameters(self) -> list[float]:
        """What the formula holds besides margin and target, in the order of the constructor."""
        return list(vars(self).values())
