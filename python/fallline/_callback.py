"""What a callback may do, and when."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fallline._run import Run


class Callback:
    """The base of all callbacks: does nothing at every occasion.

    A callback sees the `Run`, whose attributes say where training stands.
    """

    def on_fit_begin(self, run: "Run") -> None:
        """Run before the first step.

        Parameters
        ----------
        run : Run
            The fit under way.
        """

    def on_chunk_end(self, run: "Run") -> None:
        """Run whenever the core returns to Python: every few milliseconds.

        Parameters
        ----------
        run : Run
            The fit under way.
        """

    def on_epoch_end(self, run: "Run") -> bool | None:
        """Run after each epoch.

        Parameters
        ----------
        run : Run
            The fit under way.

        Returns
        -------
        bool or None
            True stops the training.
        """

    def on_fit_end(self, run: "Run") -> None:
        """Run when training has ended, in whatever way.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
