"""Whether a training has arrived."""

import warnings
from itertools import pairwise

from fallline._run import Run
from fallline.errors import ConvergenceWarning
from fallline.solvers import Optimum

# A training whose last epochs each lower the loss by more than this share of it, or of a thousandth
# of what it was at the start, has not yet arrived. One epoch alone may fall by chance.
_STILL_FALLING = 3e-3
_LAST_EPOCHS = 3

# The running loss is that of rows not yet learnt from, so with nothing to learn it is a little
# above that of zero weights.
_ABOVE_START = 1.01


def warn_if_unfinished(run: Run) -> None:
    """Warn where the loss was still falling, or is higher than it began."""
    losses = run.history["running_loss"]
    if run.final_loss > _ABOVE_START * run.start_loss:
        message = (
            f"the loss ended at {run.final_loss:.4g}, above the {run.start_loss:.4g} it began "
            "with; lower the learning_rate or standardize X"
        )
        warnings.warn(message, ConvergenceWarning, stacklevel=4)
        return
    if len(losses) < 2:
        return
    fall = min(before - after for before, after in pairwise(losses[-_LAST_EPOCHS - 1 :]))
    arrived = _STILL_FALLING * max(losses[-1], 1e-3 * run.start_loss)
    # A rate that is much too small lowers the loss by next to nothing, but by the same each epoch.
    steady = 0.5 * (run.start_loss - losses[-1]) / len(losses)
    if fall > arrived or (fall > 1e-12 * losses[-1] and fall > steady):
        last_fall = losses[-2] - losses[-1]
        message = (
            f"the loss was still falling when the epochs were over: by {last_fall:.3g} "
            f"in the last one, to {losses[-1]:.6g}; raise epochs"
            f"{'' if run.finds_rate else ' or the learning_rate'}"
        )
        warnings.warn(message, ConvergenceWarning, stacklevel=4)


def shortfall(optimum: Optimum, who: str, *, budget: str, tol: float, penalty: str) -> str | None:
    """Return what to say where a solver ended without an optimum; None where it has one."""
    if optimum.status == "budget":
        return (
            f"{who} stopped at {budget}, short of tol={tol:.1e}; raise one of them, or drop "
            "columns that are nearly combinations of others"
        )
    if optimum.status == "separable":
        return (
            f"{who} found a plane between the classes, where no weights are the best without a "
            f"penalty: longer ones always fit better; pass {penalty}"
        )
    return None
