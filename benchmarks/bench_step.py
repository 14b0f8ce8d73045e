"""One step of an update rule: fallline's optimizers and the same in NumPy, in place."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from fallline.bench.contests import RULES, Contest, step_contest

contest_of = lru_cache(maxsize=1)(step_contest)  # weights have been compared by then


@pytest.mark.parametrize("contestant", ["fallline", "numpy"])  # the fastest to change
@pytest.mark.parametrize("place", ["L1", "L2", "memory"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
def test_step(
    rule: str,
    dtype: str,
    place: str,
    contestant: str,
    sizes: Any,
    measure: Callable[[str, Contest, str], None],
) -> None:
    contest = contest_of(rule, sizes.weights[place], dtype)
    measure(f"step-{rule}-f{dtype[-2:]}-{place}", contest, contestant)
