"""One rise and one long fall."""

import math
from typing import Literal, NamedTuple

import numpy as np

from fallline._arguments import boolean, integer, number, one_of, positive
from fallline.schedules._schedule import Schedule
from fallline.typing import Float64Array


class _Phase(NamedTuple):
    """From one learning rate at one place to another at a later one; places may be fractions."""

    begin: float
    end: float
    low: float
    high: float


class OneCycle(Schedule):
    r"""Rise to the learning rate, then fall to nearly nothing.

    Parameters
    ----------
    learning_rate : float
        Highest learning rate (torch's ``max_lr``), positive and finite.
    steps : int
        Number of steps in all (torch's ``total_steps``), at least 2; the last of them is the first
        with the lowest rate.
    pct_start : float, default=0.3
        Share of the steps that rise, in [0, 1]; with ``three_phase`` in [0, 0.5], as the second
        phase has as many.
    anneal_strategy : {"cos", "linear"}, default="cos"
        Whether each phase is half a cosine or a straight line.
    div_factor : float, default=25.0
        Highest rate divided by that of the first step, at least 1; dimensionless.
    final_div_factor : float, default=10000.0
        Rate of the first step divided by that of the last, at least 1; dimensionless.
    three_phase : bool, default=False
        Whether to fall as slowly as it rose to the rate of the first step, and only then to the
        lowest; otherwise the fall goes there in one.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    With :math:`\eta` = ``learning_rate``, n = ``steps`` and p = ``pct_start`` the rise goes from
    :math:`\eta` / ``div_factor`` at step 0 to :math:`\eta` at p n - 1, and the fall from there to
    :math:`\eta` / (``div_factor`` ``final_div_factor``) at n - 1; with ``three_phase`` it goes
    through the first rate at 2 p n - 2. Between two of these places, at a share s of the way from
    a to b, the rate is

    .. math:: b + (a - b) \, \frac{1 + \cos(\pi s)}{2} \quad \text{or} \quad a (1 - s) + b \, s,

    as with `torch.optim.lr_scheduler.OneCycleLR`, which cycles the momentum as well: here it is the
    optimizer's and stays. A step beyond the last is an error there. Places below 0 count as torch
    counts them, so that with ``pct_start=0`` the fall begins just before step 0.

    References
    ----------
    Smith, L. N. and Topin, N. (2018). Super-convergence: Very fast training of neural networks
    using large learning rates.

    Examples
    --------
    >>> import fallline as fl
    >>> schedule = fl.schedules.OneCycle(1.0, steps=10, anneal_strategy="linear", div_factor=4)
    >>> schedule.values(0, 6)
    array([0.25      , 0.625     , 1.        , 0.85714643, 0.71429286, 0.57143929])
    """

    learning_rate: float
    steps: int
    pct_start: float
    anneal_strategy: str
    div_factor: float
    final_div_factor: float
    three_phase: bool

    def __init__(
        self,
        learning_rate: float,
        steps: int,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        three_phase = boolean("three_phase", three_phase)
        steps = integer("steps", steps, minimum=1)
        if steps < 2:
            message = f"steps must be at least 2, a first and a last, got {steps}; use Constant"
            raise ValueError(message)
        share = (
            "a number in [0, 0.5] with three_phase=True" if three_phase else "a number in [0, 1]"
        )
        most = 0.5 if three_phase else 1.0
        vars(self).update(
            learning_rate=positive("learning_rate", learning_rate),
            steps=steps,
            pct_start=number("pct_start", pct_start, share, lambda x: 0 <= x <= most),
            anneal_strategy=one_of("anneal_strategy", anneal_strategy, ("cos", "linear")),
            div_factor=_divisor("div_factor", div_factor),
            final_div_factor=_divisor("final_div_factor", final_div_factor),
            three_phase=three_phase,
        )

    @property
    def length(self) -> int:
        """Number of steps until the last value is reached."""
        return self.steps - 1

    def _phases(self) -> list[_Phase]:
        first = self.learning_rate / self.div_factor
        last = first / self.final_div_factor
        peak, end = self.pct_start * self.steps - 1, float(self.steps - 1)
        phases = [_Phase(0.0, peak, first, self.learning_rate)]
        if self.three_phase:
            valley = 2 * self.pct_start * self.steps - 2
            phases.append(_Phase(peak, valley, self.learning_rate, first))
            phases.append(_Phase(valley, end, first, last))
        else:
            phases.append(_Phase(peak, end, self.learning_rate, last))
        return phases

    def _rate(self, step: int) -> float:
        step = min(step, self.steps - 1)
        begin, end, low, high = next(phase for phase in self._phases() if step <= phase.end)
        # A rise with no width is over: the first step has the highest rate.
        done = (step - begin) / (end - begin) if end > begin else 1.0
        if self.anneal_strategy == "linear":
            return low * (1 - done) + high * done
        return high + (low - high) / 2 * (1 + math.cos(math.pi * done))

    def _rates(self, start: int, count: int) -> Float64Array:
        step = np.minimum(np.arange(start, start + count), self.steps - 1)
        phases = self._phases()
        # The first phase that ends at the step or later; ends below 0 are before all of them.
        which = np.searchsorted([phase.end for phase in phases[:-1]], step, side="left")
        begin, end, low, high = np.array(phases).T[:, which]
        done = np.divide(step - begin, end - begin, out=np.ones(count), where=end > begin)
        if self.anneal_strategy == "linear":
            return np.asarray(low * (1 - done) + high * done)
        angles = (math.pi * done).tolist()
        cosine = np.fromiter(map(math.cos, angles), np.float64, count)
        return np.asarray(high + (low - high) / 2 * (1 + cosine))


def _divisor(name: str, value: object) -> float:
    return number(name, value, "a finite number >= 1", lambda x: 1 <= x < math.inf)
