"""Update rules: how a gradient becomes a step.

An optimizer tells `fallline.Trainer` which rule to use, and steps anybody's NumPy arrays in place;
`SAGA` and `SVRG`, which need the rows of a linear model, do the former alone.
Formulas and defaults are those of torch.optim where torch has the name, except that the rate is
called ``learning_rate`` and may be a number, a schedule or any function of the step number.
"""

from fallline.optim._adagrad import Adagrad
from fallline.optim._adam import Adam, AdamW
from fallline.optim._ftrl import FTRL
from fallline.optim._optimizer import Optimizer
from fallline.optim._sgd import SGD
from fallline.optim._variance_reduced import SAGA, SVRG, VarianceReduced

__all__ = [
    "FTRL",
    "SAGA",
    "SGD",
    "SVRG",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "VarianceReduced",
]
