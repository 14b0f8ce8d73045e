"""Parameters for every rule of the core, for training in loops."""

from collections.abc import Iterable

from reference_rules import RULES

# Far from where a rule is ill-conditioned: with its eps at 0 Adam, for one, begins with the sign of
# the gradient.
PARAMETERS: dict[str, list[float]] = {
    "sgd": [],
    "momentum": [0.5],
    "damped_momentum": [0.5, 0.25],
    "nesterov": [0.5],
    "adam": [0.9, 0.99, 1e-3],
    "amsgrad": [0.9, 0.99, 1e-3],
    "nadam": [0.9, 0.99, 1e-3, 0.96, 0.0],
    "radam": [0.9, 0.99, 1e-3],
    "adamax": [0.9, 0.99, 1e-3],
    "adagrad": [0.1, 0.05],
    "adadelta": [0.9, 1e-3],
    "rmsprop": [0.9, 0.1],
    "rmsprop_momentum": [0.9, 0.1, 0.5],
    "centered_rmsprop": [0.9, 0.1],
    "centered_rmsprop_momentum": [0.9, 0.1, 0.5],
    "asgd": [0.1, 0.75, 3.0, 0.1],
    "rprop": [0.5, 1.2, 1e-6, 50.0],
    "lion": [0.9, 0.99],
    "ftrl": [1.0, 1e-3, 0.1],
}
# A loss and a rule meet in the residuals and the gradient alone, so not every pair is tried.
FEW_RULES = ("sgd", "momentum", "adam")


def pairs(losses: Iterable[str], every_rule: str = "logistic") -> list[tuple[str, str]]:
    """Every loss with a few rules, and one of the losses with every rule."""
    return [
        (loss, rule) for loss in losses for rule in (RULES if loss == every_rule else FEW_RULES)
    ]
