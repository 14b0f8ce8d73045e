"""One schedule after another."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fallline._arguments import integer
from fallline.schedules._linear import Linear
from fallline.schedules._picture import WARMUP, Part
from fallline.schedules._schedule import Schedule, entries
from fallline.typing import Float64Array


class Then(Schedule):
    """Follow one schedule until step ``at``, then another from its own step 0.

    Made by `Schedule.then`, where the parameters are described.
    """

    first: Schedule
    second: Schedule
    at: int

    def __init__(self, first: Schedule, second: Schedule, at: int | None = None) -> None:
        if at is None:
            at = first.length
        if at is None:
            message = (
                f"at must be a positive integer after a schedule without an end, got None; "
                f"say at which step {first!r} is followed by {second!r}"
            )
            raise ValueError(message)
        at = integer("at", at, minimum=1)
        if isinstance(first, Then) and at <= first.at:
            message = (
                f"at must be above {first.at}, where {first.second!r} begins, got {at}; "
                "it counts from the start of the whole chain"
            )
            raise ValueError(message)
        vars(self).update(first=first, second=second, at=at)

    @property
    def length(self) -> int | None:
        """Number of steps until the last value is reached, None if there is no end."""
        return None if self.second.length is None else self.at + self.second.length

    def __repr__(self) -> str:
        return f"{self.first!r}.then({self.second!r}, at={self.at})"

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both parts, as ``first`` and ``second``."""
        return {"first": self.first.state_dict(), "second": self.second.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the states of both parts, which are checked one after the other."""
        state = entries(state, ["first", "second"])
        self.first.load_state_dict(state["first"])
        self.second.load_state_dict(state["second"])

    def _parts(self) -> list[Part]:
        first = self.first._parts()
        if self._is_warmup:
            first = [Part(0, WARMUP)]
        return first + [Part(self.at + begin, name) for begin, name in self.second._parts()]

    @property
    def _is_warmup(self) -> bool:
        first = self.first
        return (
            isinstance(first, Linear)
            and first.steps == self.at
            and first.start_factor < first.end_factor
        )

    def _for_training(self) -> Schedule:
        first, second = self.first._for_training(), self.second._for_training()
        if first is self.first and second is self.second:
            return self
        return Then(first, second, self.at)

    def _tell(self, metric: float, step: int) -> None:
        if step < self.at:
            self.first._tell(metric, step)
        else:
            self.second._tell(metric, step - self.at)

    def _rate(self, step: int) -> float:
        if step < self.at:
            return self.first._rate(step)
        return self.second._rate(step - self.at)

    def _rates(self, start: int, count: int) -> Float64Array:
        before = min(max(self.at - start, 0), count)  # how many of them belong to the first
        if before == count:
            return self.first._rates(start, count)
        second = self.second._rates(max(start - self.at, 0), count - before)
        if before == 0:
            return second
        return np.concatenate([self.first._rates(start, before), second])
