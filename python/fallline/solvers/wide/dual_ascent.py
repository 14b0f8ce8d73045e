"""Stochastic dual coordinate ascent: for losses with bends, and large sparse data."""

import math
from typing import Final

import numpy as np

from fallline import _core
from fallline._validation import as_dtype, computed_in
from fallline.solvers.problem import Optimum, Problem
from fallline.solvers.wide import truncated_newton
from fallline.solvers.wide.dual_face import LEAST_PASSES, SOLVED_IN_DUAL, DualFace
from fallline.solvers.wide.penalized import Certificate, PenalizedObjective

# The order of the rows is a function of it and the epoch.
_SEED: Final = 0

# From this epoch on the gap tells how many more there will be; beyond so many other ways are
# faster: of a smooth loss, where an epoch takes as long as three or four products of Newton's
# method, and of one that is solved in its dual. On rt_polarity limits of 4 to 10 are as good, and
# 40 takes twice the time; the text of benchmarks/made_sets.py needs 8 epochs in all.
_FIRST_JUDGED: Final = 3
_MOST_EPOCHS: Final = 6
_MOST_IN_DUAL: Final = 40

# A gap that was certified can have been larger than expected for a reason that has gone.
_TRIED_AGAIN: Final = 0.25

# Epochs between two steps on the face, in which dual variables come to bounds and leave them.
_EPOCHS_BETWEEN: Final = 5

_TINY: Final = float(np.finfo(np.float64).tiny)


def solve(problem: Problem) -> Optimum:
    """Minimise F of a loss in ``_core.dual_losses()`` with an L2 penalty."""
    return _DualAscent(PenalizedObjective(problem), problem.max_passes).run()


class _DualAscent:
    """One minimisation under way.

    The weights are those that the dual variables a make, ``w = -sum_i s_i a_i x_i / (alpha S)``.
    The intercept has no penalty, for which the dual variables' mean would have to stay zero. Each
    epoch instead adds one, ``alpha / (2 size) (b - c)^2``, around where the intercept is: the
    proximal point method, whose minimum is that of F. In the dual this is the method of
    multipliers.
    """

    def __init__(self, objective: PenalizedObjective, max_passes: int) -> None:
        self.objective, self.max_passes = objective, max_passes
        self.duals = np.zeros(objective.n_samples)
        self.w = np.zeros(objective.n_features)
        self.intercept = objective.null_intercept
        self.norms = objective.squared_norms()
        self.rate = 1.0 / (objective.alpha * objective.total)
        # A column for the intercept as long as the others together slows the weights least.
        size = objective.mean(self.norms) if objective.fit_intercept else 0.0
        self.intercept_rate = self.rate * (size if size > 0.0 else float(objective.fit_intercept))
        self.epoch = 0
        self.gaps: list[float] = []  # of the rows, each when its turn came; since the last step
        self.face: DualFace | None = None
        self.steps = 0
        self.events: list[str] = []

    def run(self) -> Optimum:
        """Go on until the certificate, the rounding error, the budget or Ctrl-C says stop."""
        try:
            return self._ascend()
        except KeyboardInterrupt:
            coef = as_dtype(self.w, computed_in(self.objective.X))
            found = Certificate(coef, self.intercept, math.nan, math.nan, 0.0)
            return self._end(found, "interrupted")

    def _ascend(self) -> Optimum:
        objective = self.objective
        allowed = objective.allowed(objective.null_value)
        as_before = 1.0  # a gap that was certified over what had been expected
        tried = 0.0  # what had been expected
        while True:
            self._run_epoch()
            expected = self._expected_gap()
            spent = objective.passes + 2.0 >= self.max_passes
            if spent or expected * as_before <= allowed or expected <= _TRIED_AGAIN * tried:
                found = objective.certify(self.w, self.intercept, self.duals)
                allowed = objective.allowed(found.value)
                if found.gap <= allowed:
                    return self._end(found, "certified")
                if found.gap - found.rounding <= allowed:
                    return self._end(found, "floor")
                if spent:
                    return self._end(found, "budget")
                as_before, tried = found.gap / max(expected, _TINY), expected
            if objective.observe(self.w, self.intercept, math.nan):
                return self._end(objective.certify(self.w, self.intercept, self.duals), "stopped")
            if not self._is_slow(allowed):
                continue
            if objective.loss.name not in SOLVED_IN_DUAL:
                slow = f"on to Newton's method, as the gap fell too slowly in {self.epoch} epochs"
                self.events.append(slow)
                return truncated_newton.solve_from(
                    objective, self.w, self.intercept, self.max_passes, self.events
                )
            if len(self.gaps) >= _EPOCHS_BETWEEN:
                self._step_on_face()

    def _run_epoch(self) -> None:
        objective = self.objective
        if objective.fit_intercept:
            self.intercept -= self.intercept_rate * objective.total * objective.mean(self.duals)
        order = _core.epoch_order(
            "blocks", objective.n_samples, objective.n_features, _SEED, self.epoch
        )
        with objective.reading:
            self.intercept, gap = _core.dual_epoch(
                objective.X,
                objective.y,
                objective.sample_weight,
                objective.loss.name,
                objective.loss.parameters,
                order,
                self.norms,
                self.rate,
                self.intercept_rate,
                self.duals,
                self.w,
                self.intercept,
            )
        self.gaps.append(gap / objective.total)
        objective.passes += 1.0
        self.epoch += 1

    def _step_on_face(self) -> None:
        objective = self.objective
        # Two passes certify, and an epoch comes before.
        left = self.max_passes - 3.0 - objective.passes
        if left < LEAST_PASSES:
            return
        if self.face is None:
            self.face = DualFace(objective, self.rate, self.intercept_rate)
        self.intercept = self.face.step(self.duals, self.w, self.intercept, left)
        self.steps += 1
        self.gaps.clear()

    def _ratio(self) -> float:
        return self.gaps[-1] / self.gaps[-2] if self.gaps[-2] > 0.0 else math.inf

    def _expected_gap(self) -> float:
        """Return the gap after an epoch: by that of its rows before their turn."""
        if len(self.gaps) < 2:
            return self.gaps[-1]
        return self.gaps[-1] * min(self._ratio(), 1.0)

    def _is_slow(self, allowed: float) -> bool:
        if len(self.gaps) < _FIRST_JUDGED:
            return False
        ratio, gap = self._ratio(), self.gaps[-1]
        if gap <= allowed or ratio == 0.0:  # of a gap that was infinite
            return False
        in_dual = self.objective.loss.name in SOLVED_IN_DUAL
        most = _MOST_IN_DUAL if in_dual else _MOST_EPOCHS
        return ratio >= 1.0 or math.log(gap / allowed) > most * -math.log(ratio)

    def _end(self, found: Certificate, status: str) -> Optimum:
        method = "stochastic dual coordinate ascent"
        if self.steps:
            method += f" and {self.steps} steps among free dual variables"
        return self.objective.outcome(found, status, method, self.events)
