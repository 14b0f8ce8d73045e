"""Things to do while a model trains."""

import math
import sys
import time
from typing import TYPE_CHECKING, Any

from fallline._arguments import boolean, integer, not_negative
from fallline._callback import Callback
from fallline.history import History

if TYPE_CHECKING:
    from fallline._run import Run

__all__ = ["Callback", "EarlyStopping", "History", "Progress"]


class EarlyStopping(Callback):
    """Stop when the loss no longer improves, and go back to the best weights.

    The loss is that of the validation set if there is one, else the running loss on the training
    data.

    Parameters
    ----------
    patience : int, default=3
        Epochs in a row without improvement after which training stops.
    min_delta : float, default=0.0
        An improvement is a loss below the best so far by more than this, in the units of the loss.
    restore_best : bool, default=True
        Whether the fit gets the weights of the end of the epoch with the lowest loss, instead of
        the last ones.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    A loss that falls by less than ``min_delta`` becomes the best so far all the same, as in
    scikit-learn; in Keras it does not. The running loss of an epoch is that of the weights on the
    way through it, so on training data the best weights are known to within an epoch.

    Examples
    --------
    >>> import fallline as fl
    >>> trainer = fl.Trainer(
    ...     fl.losses.Squared(),
    ...     optimizer=fl.optim.SGD(0.5),
    ...     epochs=1000,
    ...     callbacks=[fl.callbacks.EarlyStopping(patience=5)],
    ... )
    """

    def __init__(
        self, patience: int = 3, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        self.patience = integer("patience", patience, minimum=1)
        self.min_delta = not_negative("min_delta", min_delta)
        self.restore_best = boolean("restore_best", restore_best)

    def on_fit_begin(self, run: "Run") -> None:
        """Forget earlier fits.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
        self._best = math.inf
        self._best_weights = run.weights
        self._waited = 0

    def on_epoch_end(self, run: "Run") -> bool:
        """Compare the loss with the best so far.

        Parameters
        ----------
        run : Run
            The fit under way.

        Returns
        -------
        bool
            Whether to stop.
        """
        loss = run.running_loss if run.validation_loss is None else run.validation_loss
        self._waited = self._waited + 1 if loss >= self._best - self.min_delta else 0
        if loss < self._best:
            self._best = loss
            self._best_weights = run.weights
        return self._waited >= self.patience

    def on_fit_end(self, run: "Run") -> None:
        """Restore the best weights.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
        if self.restore_best and self._best < math.inf:
            run.weights = self._best_weights


class Progress(Callback):
    """Show how far training is: a bar by tqdm where it is installed, lines of text otherwise.

    Parameters
    ----------
    description : str, default="training"
        What stands in front.

    Examples
    --------
    >>> import fallline as fl
    >>> trainer = fl.Trainer(
    ...     fl.losses.Squared(),
    ...     optimizer=fl.optim.SGD(0.5),
    ...     callbacks=[fl.callbacks.Progress()],
    ... )
    """

    def __init__(self, description: str = "training") -> None:
        self.description = description

    def on_fit_begin(self, run: "Run") -> None:
        """Open the bar.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self._bar: Any = _Lines(self.description, run.total_steps)
        else:
            self._bar = tqdm(total=run.total_steps, desc=self.description, unit="step")

    def on_chunk_end(self, run: "Run") -> None:
        """Move the bar.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
        self._bar.update(run.step - self._bar.n)

    def on_epoch_end(self, run: "Run") -> None:
        """Show the loss.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
        self._bar.set_postfix_str(run.standing, refresh=False)

    def on_fit_end(self, run: "Run") -> None:
        """Close the bar.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
        self.on_chunk_end(run)
        self._bar.refresh()
        self._bar.close()


class _Lines:
    """The few methods of a tqdm bar that Progress uses, as lines of text, at most one a second."""

    def __init__(self, description: str, total: int | None) -> None:
        self.n = 0
        self._description, self._total = description, total
        self._postfix = ""
        self._shown = time.monotonic()

    def update(self, steps: int) -> None:
        self.n += steps
        if time.monotonic() - self._shown >= 1:
            self._show()

    def set_postfix_str(self, postfix: str, refresh: bool) -> None:  # noqa: ARG002 tqdm's
        self._postfix = postfix

    def refresh(self) -> None:
        self._show()

    def close(self) -> None:
        pass

    def _show(self) -> None:
        self._shown = time.monotonic()
        shown = f"{self.n} steps" if self._total is None else f"{self.n / max(self._total, 1):.0%}"
        sys.stderr.write(f"{self._description}: {shown} {self._postfix}\n")
