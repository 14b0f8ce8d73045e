"""What goes wrong that is nobody's typing mistake."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fallline.fit import Fit


class DivergenceError(ValueError):
    """Raised when the loss grows without bound, as with a learning rate that is too large.

    Parameters
    ----------
    message : str
        Where it happened, with which learning rate, and what to do.
    fit : Fit
        The last good weights and the history up to the failure.
    """

    def __init__(self, message: str, fit: "Fit") -> None:
        super().__init__(message)
        self.fit = fit

    def __reduce__(self) -> tuple[type["DivergenceError"], tuple[str, "Fit"]]:
        """Let worker processes send it home."""
        return type(self), (self.args[0], self.fit)


class ConvergenceWarning(UserWarning):
    """Issued when training ended while the loss was still falling, or higher than it began."""
