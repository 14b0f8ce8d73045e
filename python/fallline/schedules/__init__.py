"""Learning rates as functions of the step number.

A schedule is called with a step number, counted from 0, and returns the learning rate of that
step. Formulas and keywords are torch's where torch has the schedule, except that a number of steps
is called ``steps``. A number, a schedule or any function of the step number may be given wherever a
learning rate is asked for.
"""

from fallline.schedules._constant import Constant
from fallline.schedules._cosine import Cosine
from fallline.schedules._cosine_warm_restarts import CosineWarmRestarts
from fallline.schedules._cyclic import Cyclic
from fallline.schedules._exponential import Exponential
from fallline.schedules._function import as_schedule
from fallline.schedules._inverse_scaling import InverseScaling
from fallline.schedules._inverse_sqrt import InverseSqrt
from fallline.schedules._linear import Linear
from fallline.schedules._multi_step import MultiStep
from fallline.schedules._one_cycle import OneCycle
from fallline.schedules._polynomial import Polynomial
from fallline.schedules._reduce_on_plateau import ReduceOnPlateau
from fallline.schedules._schedule import Schedule
from fallline.schedules._step import Step
from fallline.schedules._warmup_stable_decay import WarmupStableDecay

__all__ = [
    "Constant",
    "Cosine",
    "CosineWarmRestarts",
    "Cyclic",
    "Exponential",
    "InverseScaling",
    "InverseSqrt",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "WarmupStableDecay",
    "as_schedule",
]
