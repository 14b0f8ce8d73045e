"""What a prediction costs: functions of the margin z = x·w + b and the target y of one row."""

from fallline.losses._amounts import Gamma, Poisson, Tweedie
from fallline.losses._classification import (
    Hinge,
    Logistic,
    ModifiedHuber,
    Perceptron,
    Softmax,
    SquaredHinge,
)
from fallline.losses._loss import Loss
from fallline.losses._regression import (
    EpsilonInsensitive,
    Huber,
    Quantile,
    Squared,
    SquaredEpsilonInsensitive,
)

__all__ = [
    "EpsilonInsensitive",
    "Gamma",
    "Hinge",
    "Huber",
    "Logistic",
    "Loss",
    "ModifiedHuber",
    "Perceptron",
    "Poisson",
    "Quantile",
    "Softmax",
    "Squared",
    "SquaredEpsilonInsensitive",
    "SquaredHinge",
    "Tweedie",
]
