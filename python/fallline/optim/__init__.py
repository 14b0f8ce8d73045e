"""Update rules: how a gradient becomes a step.

An optimizer tells `fallline.Trainer` which rule to use, and steps anybody's NumPy arrays in place;
`SAGA` and `SVRG`, which need the rows of a linear model, do the former alone.
Formulas and defaults are those of torch.optim where torch has the name, except that the rate is
called ``learning_rate`` and may be a number, a schedule or any function of the step number.
"""

from fallline.optim._adadelta import Adadelta
from fallline.optim._adagrad import Adagrad
from fallline.optim._adam import Adam, AdamW
from fallline.optim._adamax import Adamax
from fallline.optim._asgd import ASGD
from fallline.optim._bound import Bound
from fallline.optim._ftrl import FTRL
from fallline.optim._lion import Lion
from fallline.optim._nadam import NAdam
from fallline.optim._optimizer import Optimizer
from fallline.optim._prodigy import DoWG, Prodigy
from fallline.optim._radam import RAdam
from fallline.optim._rmsprop import RMSprop
from fallline.optim._row_gradient import RowGradient
from fallline.optim._rprop import Rprop
from fallline.optim._schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from fallline.optim._sgd import SGD
from fallline.optim._variance_reduced import SAGA, SVRG, VarianceReduced

__all__ = [
    "ASGD",
    "FTRL",
    "SAGA",
    "SGD",
    "SVRG",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Bound",
    "DoWG",
    "Lion",
    "NAdam",
    "Optimizer",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "RowGradient",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "VarianceReduced",
]
