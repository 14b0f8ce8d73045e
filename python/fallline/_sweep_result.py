"""What a sweep found: weights, scores, a table and a picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.fit import Fit
from fallline.losses import Loss
from fallline.schedules import as_schedule
from fallline.typing import Float64Array, FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Sweep:
    """What `sweep` found; index k is the k-th candidate everywhere.

    Parameters
    ----------
    candidates : list of dict
        The parameters that were tried: learning rates outside, alphas inside.
    coef : ndarray of shape (n_candidates, n_features)
        Weights, in the dtype of the data.
    intercept : ndarray of shape (n_candidates,)
        Intercepts.
    scores : ndarray of shape (n_candidates,)
        Mean loss on the validation set or, without one, the objective on all rows, each at the end;
        infinite for candidates that diverged.
    status : list of str
        "budget", "interrupted" or "diverged"; the latter took no further step.
    running_loss : ndarray of shape (n_epochs, n_candidates)
        As in `History`.
    report : mapping
        What it cost: seconds, epochs, steps, bytes read and copied.
    loss : Loss
        What all were trained with.
    classes : ndarray of shape (2,), default=None
        The labels in sorted order; None for regression.
    feature_names : tuple of str, default=None
        Names of the columns.

    Attributes
    ----------
    best : int or None
        The candidate with the lowest score; None if all diverged.
    """

    def __init__(
        self,
        candidates: list[dict[str, Any]],
        coef: FloatArray,
        intercept: Float64Array,
        scores: Float64Array,
        status: list[str],
        running_loss: Float64Array,
        report: Mapping[str, Any],
        loss: Loss,
        classes: np.ndarray[Any, Any] | None = None,
        feature_names: tuple[str, ...] | None = None,
    ) -> None:
        self.candidates = candidates
        self.coef = coef
        self.intercept = intercept
        self.scores = scores
        self.status = status
        self.running_loss = running_loss
        self.report = dict(report)
        self.loss = loss
        self.classes = classes
        self.feature_names = feature_names
        self.best = int(np.argmin(scores)) if np.isfinite(scores).any() else None

    def __repr__(self) -> str:
        best = "all diverged" if self.best is None else f"best {self.candidates[self.best]}"
        return f"<Sweep of {len(self.candidates)} candidates, {best}>"

    def fit(self, candidate: int) -> Fit:
        """Return a candidate as a model of its own.

        Parameters
        ----------
        candidate : int
            Its place, such as `best`.

        Returns
        -------
        Fit
            The model; its history is that of the running loss alone.
        """
        model = Fit(
            self.coef[candidate].copy(),
            float(self.intercept[candidate]),
            self.loss,
            self.classes,
            status=self.status[candidate],
            report=self.report | self.candidates[candidate],
            feature_names=self.feature_names,
        )
        for epoch, losses in enumerate(self.running_loss, 1):
            model.history.append(epoch=epoch, running_loss=float(losses[candidate]))
        return model

    def table(self) -> str:
        """Return a line for each candidate; a star marks the best.

        Returns
        -------
        str
            Text for a terminal.
        """
        names = list(self.candidates[0])
        rows = [[*names, "score", "status"]]
        for k, candidate in enumerate(self.candidates):
            values = [_shown(candidate[name]) for name in names]
            star = " *" if k == self.best else ""
            rows.append([*values, f"{self.scores[k]:.4g}", self.status[k] + star])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """Draw the scores: over the learning rate a line per alpha, or over the one that was tried.

        Returns
        -------
        Figure
            It belongs to no window and no global state. Schedules are drawn at their first rate.

        Raises
        ------
        ImportError
            If matplotlib is absent, naming the extra that brings it.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            message = "pictures need matplotlib; pip install 'fallline[plot]'"
            raise ImportError(message) from error
        across, *others = self.candidates[0]
        figure = Figure(figsize=(6.4, 4.2), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for value in dict.fromkeys(tuple(c[name] for name in others) for c in self.candidates):
            line = [
                (_number(candidate[across]), score)
                for candidate, score in zip(self.candidates, self.scores, strict=True)
                if tuple(candidate[name] for name in others) == value and np.isfinite(score)
            ]
            label = ", ".join(f"{n} {_shown(v)}" for n, v in zip(others, value, strict=True))
            axes.plot(*np.array(sorted(line)).reshape(-1, 2).T, "o-", label=label or None)
        numbers = [_number(candidate[across]) for candidate in self.candidates]
        axes.set_xscale("log" if min(numbers) > 0 else "symlog", **_linear_below(numbers))
        axes.set_xlabel(across.replace("_", " "))
        axes.set_ylabel("score, lower is better")
        axes.spines[["top", "right"]].set_visible(False)
        if others:
            axes.legend(frameon=False)
        return figure


def _number(value: Any) -> float:
    """Return where a candidate stands on an axis."""
    return float(value if isinstance(value, int | float) else as_schedule(value)(0))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else repr(value)


def _linear_below(numbers: list[float]) -> dict[str, float]:
    """Return where a logarithmic axis that has a zero becomes linear."""
    positive = [number for number in numbers if number > 0]
    return {} if min(numbers) > 0 else {"linthresh": min(positive, default=1.0)}
