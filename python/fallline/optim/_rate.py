"""What may be given as a learning rate."""

from fallline.schedules import Constant, Schedule, as_schedule
from fallline.typing import FoundRate


def rate_and_whether_found(learning_rate: FoundRate) -> tuple[Schedule, bool]:
    """Return a schedule, and whether it multiplies a learning rate that is found on the way."""
    if isinstance(learning_rate, str) and learning_rate == "auto":
        return Constant(1.0), True
    return as_schedule(learning_rate), False
