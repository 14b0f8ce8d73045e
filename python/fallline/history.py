"""What happened, epoch by epoch."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fallline._callback import Callback

if TYPE_CHECKING:
    from fallline._run import Run


class History(Callback, Mapping[str, list[float]]):
    """Columns of numbers, one entry per epoch; every fit has one.

    Notes
    -----
    ``epoch`` counts from 1; ``step`` is the number of steps made at its end; ``learning_rate`` is
    that of its last step; ``running_loss`` is the weighted mean of the losses of all rows, each
    before the step of its mini-batch, without penalty; ``validation_loss`` is the weighted mean
    loss on the validation set at the end of the epoch (absent without one); ``seconds`` is the time
    since the fit began.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> X = np.eye(4)
    >>> trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.5), epochs=50)
    >>> fit = trainer.fit(X, X[0])
    >>> fit.history["epoch"][-1], fit.history["step"][-1]
    (50, 50)
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}

    def __getitem__(self, column: str) -> list[float]:
        return self._columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        epochs = len(self._columns.get("epoch", []))
        return f"<History of {epochs} epochs: {', '.join(self._columns)}>"

    def append(self, **values: float) -> None:
        """Add one epoch.

        Parameters
        ----------
        **values : float
            One number per column.
        """
        for name, value in values.items():
            self._columns.setdefault(name, []).append(value)

    def on_epoch_end(self, run: "Run") -> None:
        """Record the epoch.

        Parameters
        ----------
        run : Run
            The fit under way.
        """
        self.append(
            epoch=run.epoch,
            step=run.step,
            learning_rate=run.learning_rate,
            running_loss=run.running_loss,
            seconds=run.seconds,
        )
        if run.validation_loss is not None:
            self.append(validation_loss=run.validation_loss)
