"""Arrays an optimizer has been bound to: one call steps them all."""

from typing import TYPE_CHECKING

import numpy as np

from fallline import _core
from fallline.optim._arrays import Key, Pair
from fallline.optim._groups import admitted

if TYPE_CHECKING:
    from fallline.optim._optimizer import Optimizer


class Bound:
    """Arrays and their gradients, checked once, to be stepped again and again.

    Made by `Optimizer.bind`. The gradients are to be written into the arrays that were bound.

    Parameters
    ----------
    optimizer : Optimizer
        Whose steps they are; it holds the state.
    arrays : dict of Pair
        Weights and gradients by place.
    clears : bool
        Whether each step ends with gradients of zero.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w, g = np.array([1.0, -2.0]), np.zeros(2)
    >>> bound = fl.optim.SGD(0.25).bind(w, g)
    >>> for _ in range(3):
    ...     g[:] = 2 * w  # the gradient of w·w
    ...     bound.step()
    >>> w
    array([ 0.125, -0.25 ])
    """

    def __init__(self, optimizer: "Optimizer", arrays: dict[Key, Pair], *, clears: bool) -> None:
        self._optimizer, self._arrays, self._clears = optimizer, arrays, clears
        self._renew()

    def step(self) -> None:
        """Make one step, in place; `Optimizer.skipped` counts those that were left out."""
        optimizer = self._optimizer
        if self._version != optimizer._version:
            self._renew()
        rate, state = optimizer._constant, self._state
        number = state.steps + 1
        if rate is None or self._native_step is None:
            done = self._native.step_groups(*optimizer._numbers(state))
        else:  # without a further call, as all of this takes 0.2 us
            done = self._native_step(number, rate)
        if done:
            state.steps = number
        else:
            state.skipped += 1
            if self._clears:  # or what is not finite would stay where gradients are added up
                for pair in self._arrays.values():
                    pair.g.array[:] = 0

    def _step_for(self, optimizer: "Optimizer") -> None:
        """Make a step of an optimizer that keeps this, which in turn keeps it no longer.

        A cycle of both, and of the state, would wait for the garbage collector.
        """
        self._optimizer = optimizer
        try:
            self.step()
        finally:
            del self._optimizer

    def _renew(self) -> None:
        """Tell the core what has changed of the optimizer since."""
        optimizer = self._optimizer
        self._state, groups = admitted(optimizer, self._arrays, clears=self._clears)
        self._native = _core.ArrayStep(
            optimizer.rule,
            groups,
            sign=-1.0 if optimizer.maximize else 1.0,
            clip_norm=np.inf if optimizer.clip_norm is None else optimizer.clip_norm,
            skips_nonfinite=optimizer.skip_nonfinite,
            fading=0.0 if optimizer.ema is None else optimizer.ema,
            lazy=optimizer.sparse == "lazy",
        )
        self._native_step = None if optimizer.groups else self._native.step
        self._version = optimizer._version
