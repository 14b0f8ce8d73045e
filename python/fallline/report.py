"""What a fit did and what it cost, as a dictionary and as a page to read."""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

from fallline import _core
from fallline.losses import Loss

# Data of fewer bytes stay in the caches, and say nothing about memory.
_OUT_OF_CACHE = 64 << 20

# Of a list of events so many are shown at either end.
_SHOWN_EVENTS = 3


class Report(dict[str, Any]):
    """Facts by name; printed, they are a page.

    Notes
    -----
    Which there are depends on what ran. "objective" is F in symbols, with its numbers; "passes" are
    those over the data, and "bytes_read" what they read; "seconds" is all the time of the fit, and
    "seconds_in" that of its parts; "GB/s" is "bytes_read" over the time of the passes.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> X = np.arange(6.0).reshape(3, 2) ** 2
    >>> fit = fl.Trainer(fl.losses.Squared()).fit(X, X @ [1.0, 2.0])
    >>> fit.report["objective"]
    'mean of (z - y)^2 / 2, z = x.w + b'
    """

    def __str__(self) -> str:
        return "\n".join(f"  {name:<11} {text}".rstrip() for name, text in self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield "objective", f"F = {self['objective']}"
        if "value" in self:
            yield "", f"  = {self['value']:.6g}, and {self['null_value']:.6g} without features"
        if "gap" in self:
            yield "optimum", self._standing()
        if "method" in self:
            yield "method", self["method"]
        events = self.get("events", [])
        if len(events) > 2 * _SHOWN_EVENTS:
            left = len(events) - 2 * _SHOWN_EVENTS
            events = [
                *events[:_SHOWN_EVENTS],
                f"({left} more of these)",
                *events[-_SHOWN_EVENTS:],
            ]
        yield from (("", event) for event in events)
        yield "cost", self._cost()
        yield "", self._speed()

    def _standing(self) -> str:
        gap, value = self["gap"], self["value"]
        if math.isnan(gap):
            return "not known how far away"
        share = f" ({gap / value:.1e} of F)" if value > 0 else ""
        if self["status"] == "certified":
            return f"proven to be no more than {gap:.2g} below{share}"
        return f"estimated to be {gap:.2g} below{share}, which nothing proves"

    def _cost(self) -> str:
        seconds = self["seconds"]
        amount = f"{self['passes']:.3g} passes" if "passes" in self else f"{self['epochs']} epochs"
        text = f"{amount} over the data in {_duration(seconds)}"
        parts = self.get("seconds_in", {})
        if parts and seconds > 0:
            shares = [f"{100 * spent / seconds:.0f} % {name}" for name, spent in parts.items()]
            text += f": {', '.join(shares)}"
        return text

    def _speed(self) -> str:
        text = f"{_size(self['bytes_read'])} read"
        if "GB/s" in self:
            text += f" at {self['GB/s']:.1f} GB/s"
            if self["bytes_per_pass"] >= _OUT_OF_CACHE:
                text += f"; this machine reads {_bandwidth(_core.get_num_threads()):.1f} GB/s"
        return f"{text}, {_size(self['copied_bytes'])} copied, threads: {self['threads']}"


def objective_in_symbols(
    loss: Loss, l2: float, l1: float, *, fit_intercept: bool, penalized: str
) -> str:
    """Return F with the numbers of a model; `penalized` is what the penalty is of."""
    text = f"mean of {loss.formula}"
    if l2 > 0:
        text += f" + {l2:.4g} |{penalized}|^2 / 2"
    if l1 > 0:
        text += f" + {l1:.4g} |{penalized}|_1"
    return f"{text}, z = x.w{' + b' if fit_intercept else ''}"


@cache
def _bandwidth(n_threads: int) -> float:
    """Measure the read bandwidth in GB/s, once for each number of threads."""
    from fallline.bench.roofline import measure_read_bandwidth

    found = measure_read_bandwidth(megabytes=128, rounds=2)
    return found.one_thread if n_threads == 1 else found.all_threads


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"
