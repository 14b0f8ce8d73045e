"""Decay where a metric no longer improves."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from fallline._arguments import integer, not_negative, number, one_of, positive, up_to
from fallline.schedules._schedule import Schedule, entries
from fallline.typing import Float64Array


class ReduceOnPlateau(Schedule):
    r"""Multiply the learning rate by ``factor`` where a metric no longer improves.

    The one schedule with a state: its value is the same for every step, and depends on what
    `update` has told it. A `fallline.Trainer` and `fallline.sweep` tell it themselves after each
    epoch.

    Parameters
    ----------
    learning_rate : float
        Learning rate to begin with, positive and finite.
    mode : {"min", "max"}, default="min"
        Whether lower or higher metrics are better.
    factor : float, default=0.1
        Factor of each decay, in (0, 1); dimensionless.
    patience : int, default=10
        How many metrics in a row may be no better than the best; the next one decays.
    threshold : float, default=0.0001
        By how much a better metric is better: with "rel" a fraction of the best one, in [0, 1),
        with "abs" in units of the metric, at least 0.
    threshold_mode : {"rel", "abs"}, default="rel"
        What ``threshold`` is.
    cooldown : int, default=0
        How many metrics after a decay are not counted as no better.
    min_learning_rate : float, default=0.0
        Where it stops (torch's ``min_lr``), in [0, learning_rate].

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    With :math:`\theta` = ``threshold`` and mode "min", a metric m is better than the best so far,
    M, if :math:`m < M (1 - \theta)` ("rel") or :math:`m < M - \theta` ("abs"); with "max" if
    :math:`m > M (1 + \theta)` or :math:`m > M + \theta`. The first is better than none, and NaN is
    no better. So does `torch.optim.lr_scheduler.ReduceLROnPlateau`, which also lets be a rate that
    would fall by no more than its ``eps``, 1e-8.

    In a `fallline.Trainer` the metric is the loss on the validation set if there is one, else the
    running loss, in `fallline.sweep` the candidate's running loss; ``mode`` must be "min". Every
    fit begins with a schedule of its own that has been told nothing, so that yours stays as it is.
    In a chain the part under way at the end of an epoch is told.

    Examples
    --------
    >>> import fallline as fl
    >>> schedule = fl.schedules.ReduceOnPlateau(1.0, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.update(loss)
    >>> schedule(1000)
    0.5

    An optimizer asks its schedule at every step:

    >>> adam = fl.optim.Adam(schedule)
    >>> adam.learning_rate.update(1.0)
    """

    learning_rate: float
    mode: str
    factor: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    min_learning_rate: float
    _state: dict[str, Any]

    def __init__(
        self,
        learning_rate: float,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_learning_rate: float = 0.0,
    ) -> None:
        rate = positive("learning_rate", learning_rate)
        vars(self).update(
            learning_rate=rate,
            mode=one_of("mode", mode, ("min", "max")),
            factor=number("factor", factor, "a number in (0, 1)", lambda x: 0 < x < 1),
            patience=integer("patience", patience),
            threshold=_threshold(threshold, threshold_mode),
            threshold_mode=threshold_mode,
            cooldown=integer("cooldown", cooldown),
            min_learning_rate=up_to("min_learning_rate", min_learning_rate, rate),
        )
        worst = math.inf if self.mode == "min" else -math.inf
        vars(self)["_state"] = {"learning_rate": rate, "best": worst, "waited": 0, "skipped": 0}

    def update(self, metric: float) -> None:
        """Tell a metric, and decay if it is one too many that is no better.

        Parameters
        ----------
        metric : float
            A loss, or with ``mode="max"`` a score; NaN is no better than anything.

        Raises
        ------
        TypeError
            If ``metric`` is not a number.
        """
        metric = number("metric", metric, "a number", lambda _: True)
        state = self._state
        if self._is_better(metric, state["best"]):
            state.update(best=metric, waited=0)
        else:
            state["waited"] += 1
        if state["skipped"]:
            state.update(waited=0, skipped=state["skipped"] - 1)
        if state["waited"] > self.patience:
            rate = max(state["learning_rate"] * self.factor, self.min_learning_rate)
            state.update(learning_rate=rate, waited=0, skipped=self.cooldown)

    def state_dict(self) -> dict[str, Any]:
        """Return what the schedule has become, for `load_state_dict`.

        Returns
        -------
        dict
            ``learning_rate``, the ``best`` metric, how many have ``waited`` since, and how many
            are still to be ``skipped``; a new dict of numbers.
        """
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where a schedule with the same arguments was.

        Parameters
        ----------
        state : mapping
            From `state_dict`.

        Raises
        ------
        TypeError
            If ``state`` is not a mapping, or an entry not a number.
        ValueError
            If entries are missing or unknown, or out of their range. Nothing has been changed then.
        """
        state = entries(state, list(self._state))
        self._state.update(
            learning_rate=up_to("learning_rate", state["learning_rate"], self.learning_rate),
            best=number("best", state["best"], "a number", lambda x: not math.isnan(x)),
            waited=integer("waited", state["waited"]),
            skipped=integer("skipped", state["skipped"]),
        )

    def _is_better(self, metric: float, best: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            return sign * metric > sign * (best * (1.0 + sign * self.threshold))
        return sign * metric > sign * (best + sign * self.threshold)

    def _for_training(self) -> Schedule:
        if self.mode != "min":
            message = (
                f"mode must be 'min' in a training, which tells a loss, got {self.mode!r}; "
                "step arrays by fl.optim and tell it your score"
            )
            raise ValueError(message)
        return ReduceOnPlateau(**self._arguments)

    def _tell(self, metric: float, step: int) -> None:  # noqa: ARG002
        self.update(metric)

    def _rate(self, step: int) -> float:  # noqa: ARG002
        return float(self._state["learning_rate"])

    def _rates(self, start: int, count: int) -> Float64Array:  # noqa: ARG002
        return np.full(count, self._state["learning_rate"])


def _threshold(threshold: object, mode: object) -> float:
    if one_of("threshold_mode", mode, ("rel", "abs")) == "abs":
        return not_negative("threshold", threshold)
    requirement = "a number in [0, 1) with threshold_mode='rel'"
    return number("threshold", threshold, requirement, lambda x: 0 <= x < 1)
