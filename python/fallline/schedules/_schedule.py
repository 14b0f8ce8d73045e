"""What every schedule can do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline._arguments import fraction, integer, number
from fallline._frozen import Frozen
from fallline.schedules._picture import Part, draw
from fallline.typing import Float64Array, LearningRate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def entries(state: object, names: list[str]) -> Mapping[str, Any]:
    """Return a state that has exactly the named entries, or raise."""
    if not isinstance(state, Mapping):
        message = f"state must be a mapping, got {state!r}; take it from state_dict()"
        raise TypeError(message)
    if set(state) != set(names):
        message = (
            f"state must have the entries {names}, got {list(state)}; take it from state_dict() of "
            "a schedule with the same arguments"
        )
        raise ValueError(message)
    return state


class Schedule(Frozen):
    """Learning rate as a function of the step number; the base of all schedules.

    Steps are counted from 0. Schedules never change after construction, but for the state of
    `ReduceOnPlateau`, and compare equal when they were constructed equal. A plain function of the
    step number serves wherever a schedule does, so deriving from this class is never necessary. A
    class that does derive defines ``_rate(step)``, and ``_rates(start, count)`` where a faster way
    gives the same bits.

    Notes
    -----
    Past its end a schedule holds its last value, where some of torch's start to rise again.

    Values are computed with `math`, one at a time, or by NumPy's ``+ - * /``, which IEEE 754 rounds
    exactly: the vectorised cosines and powers differ from one processor to the next.
    """

    def __call__(self, step: int) -> float:
        """Return the learning rate of one step.

        Parameters
        ----------
        step : int
            Number of steps made before this one, from 0.

        Returns
        -------
        float
            Learning rate, finite and not negative.

        Raises
        ------
        TypeError
            If ``step`` is not an integer.
        ValueError
            If ``step`` is negative.
        """
        return self._rate(integer("step", step))

    def values(self, start: int, count: int) -> Float64Array:
        """Return the learning rates of consecutive steps.

        Parameters
        ----------
        start : int
            The first step, from 0.
        count : int
            Number of steps.

        Returns
        -------
        ndarray of shape (count,), float64
            A new array, equal to ``[schedule(k) for k in range(start, start + count)]`` to the bit.

        Raises
        ------
        TypeError
            If an argument is not an integer.
        ValueError
            If an argument is negative.

        Examples
        --------
        >>> import fallline as fl
        >>> fl.schedules.Step(0.5, steps=2, gamma=0.5).values(1, 5)
        array([0.5  , 0.25 , 0.25 , 0.125, 0.125])
        """
        return self._rates(integer("start", start), integer("count", count))

    @property
    def length(self) -> int | None:
        """Number of steps until the last value is reached, None for a schedule without an end."""
        return None

    def then(self, schedule: LearningRate, at: int | None = None) -> "Schedule":
        """Go on with another schedule, which begins with its own step 0.

        Parameters
        ----------
        schedule : Schedule, float or callable
            What follows: a schedule, a learning rate to stay at, or a function of the step number.
        at : int, default=None
            The step at which it takes over, counted from the start of the whole. None takes the
            ``length`` of this schedule, so that the one that follows makes the step at which this
            one would have reached its last value.

        Returns
        -------
        Schedule
            Both in sequence.

        Raises
        ------
        TypeError
            If ``at`` is not an integer or ``schedule`` cannot serve as one.
        ValueError
            If ``at`` is below 1, or is None where this schedule has no end, or is no later than
            the step at which this schedule itself changed to its last part.

        Notes
        -----
        In a chain every ``at`` counts from the start of the chain, as the ``milestones`` of
        `torch.optim.lr_scheduler.SequentialLR` do.

        Examples
        --------
        Hold, drop, and decay to zero:

        >>> import fallline as fl
        >>> Constant, Cosine = fl.schedules.Constant, fl.schedules.Cosine
        >>> schedule = Constant(0.5).then(0.25, at=2).then(Cosine(0.125, steps=2), at=3)
        >>> schedule.values(0, 6)
        array([0.5   , 0.5   , 0.25  , 0.125 , 0.0625, 0.    ])
        """
        # Imported here because they derive from this class.
        from fallline.schedules._function import as_schedule
        from fallline.schedules._then import Then

        return Then(self, as_schedule(schedule), at)

    def warmup(self, steps: int, start_factor: float = 0.0) -> "Schedule":
        r"""Rise linearly to the first value of this schedule, then begin it.

        Parameters
        ----------
        steps : int
            Number of steps of the rise, in front of the steps of this schedule.
        start_factor : float, default=0.0
            Where the rise begins, in [0, 1], as a fraction of this schedule's first value. With 0
            the first step has the learning rate 0.

        Returns
        -------
        Schedule
            ``Linear(self(0), steps, start_factor).then(self)``

        Raises
        ------
        TypeError
            If an argument is not a number.
        ValueError
            If ``steps`` is below 1, ``start_factor`` is not in [0, 1], or this schedule begins
            with 0.

        Notes
        -----
        With :math:`\eta_k` the learning rate of this schedule at its own step k,
        :math:`\sigma` = ``start_factor`` and n = ``steps``, step k gets

        .. math:: \eta_0 (\sigma + (1 - \sigma) k / n) \text{ for } k < n,
                  \quad \eta_{k - n} \text{ for } k \ge n.

        This is torch's ``SequentialLR([LinearLR(start_factor, total_iters=n), schedule], [n])``.
        torch refuses a start factor of 0, and aims at the base learning rate, which in front
        of its `LinearLR` is not the value that follows.

        Examples
        --------
        >>> import fallline as fl
        >>> fl.schedules.Constant(0.5).warmup(4).values(0, 6)
        array([0.   , 0.125, 0.25 , 0.375, 0.5  , 0.5  ])
        """
        from fallline.schedules._linear import Linear

        top = number(
            "the first value of a schedule with warm-up",
            self._rate(0),
            "positive",
            lambda x: x > 0,
            f"{self!r} has nothing to rise to",
        )
        remedy = "it is a fraction of the schedule's first value"
        start_factor = fraction("start_factor", start_factor, remedy)
        return Linear(top, steps, start_factor).then(self)

    def plot(self, steps: int | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw the learning rates over the steps.

        Parameters
        ----------
        steps : int, default=None
            Number of steps to draw. None goes somewhat beyond the end of the schedule.
        ax : matplotlib Axes, default=None
            Where to draw, in the next colour of its cycle; None makes a figure that belongs to no
            window and no global state.

        Returns
        -------
        matplotlib Axes
            Of the picture, whose figure is ``.figure``. Each part of a chain has its colour and a
            place in the legend, and a warm-up is shaded.

        Raises
        ------
        ImportError
            If matplotlib is absent, naming the extra that brings it.
        TypeError
            If ``steps`` is not an integer, or ``ax`` no Axes.
        ValueError
            If ``steps`` is below 1, or is None where the schedule has no end.
        """
        return draw(self, steps, ax)

    def state_dict(self) -> dict[str, Any]:
        """Return what the schedule has become since its construction, for `load_state_dict`.

        Returns
        -------
        dict
            Empty for a function of the step number; that of `ReduceOnPlateau` has numbers, that of
            a chain the states of both parts.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where a schedule with the same arguments was.

        Parameters
        ----------
        state : mapping
            From `state_dict`.

        Raises
        ------
        TypeError
            If ``state`` is not a mapping.
        ValueError
            If its entries are not those of this kind of schedule.
        """
        entries(state, [])

    def _parts(self) -> list[Part]:
        """Return what a picture tells apart, in its order."""
        return [Part(0, type(self).__name__)]

    def _for_training(self) -> "Schedule":
        """Return what a training follows and tells its losses: itself where nothing is told."""
        return self

    def _tell(self, metric: float, step: int) -> None:
        """Take notice of a metric before a step, where that changes anything."""

    def _rate(self, step: int) -> float:
        """Return the learning rate of one step; ``step`` is a checked int."""
        raise NotImplementedError

    def _rates(self, start: int, count: int) -> Float64Array:
        """Return the learning rates of consecutive steps; both are checked ints."""
        return np.array([self._rate(step) for step in range(start, start + count)], np.float64)
