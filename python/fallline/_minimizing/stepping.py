"""Steps by an optimizer of `fallline.optim`, at a learning rate of its own."""

import copy

import numpy as np

from fallline._minimizing.box import Box
from fallline._minimizing.function import Function, Point
from fallline._minimizing.watch import Ending, Watch
from fallline.optim import Optimizer
from fallline.typing import Float64Array


class Stepping:
    """A copy of an optimizer, bound to x; what cannot be bound raises before any call of fun."""

    def __init__(self, optimizer: Optimizer, x: Float64Array) -> None:
        # Without its state and with a schedule that has been told nothing, or a second run from
        # the same optimizer would be another.
        mine = copy.copy(optimizer)
        mine._state = None
        if not mine.finds_rate:  # which bind refuses
            mine.learning_rate = optimizer.learning_rate._for_training()
        self._optimizer, self._x, self._gradient = mine, x.copy(), np.zeros_like(x)
        self._bound = mine.bind(self._x, self._gradient)

    def descend(self, function: Function, box: Box, watch: Watch, start: Point) -> Ending:
        """Step until the gradient is small, or the iterations are over."""
        point, ending = start, watch.begin()
        while ending is None:
            self._gradient[:] = point.gradient
            schedule, number = self._optimizer.learning_rate, self._optimizer.steps
            self._bound.step()
            self._x[:] = box.project(self._x)
            point = function.at(self._x.copy())
            if not point.is_finite:
                rate = schedule(number)
                return watch.not_finite(point, f"lower the learning rate, which was {rate:.3g}")
            schedule._tell(point.value, number + 1)
            ending = watch.look(point)
        return ending
