"""Every optimizer of `fallline.optim` with options that matter, and what the reference calls it."""

from typing import Any, NamedTuple

import fallline as fl


class Case(NamedTuple):
    """An optimizer; torch.optim has the same name, keywords and defaults where it has the rule."""

    kind: str
    rule: str
    parameters: list[float]
    options: dict[str, Any]
    decay: str  # by what the reference calls weight_decay; empty where there is none

    def make(self, learning_rate: Any, decay: float = 0.0, **of_arrays: Any) -> fl.optim.Optimizer:
        optimizer: fl.optim.Optimizer = getattr(fl.optim, self.kind)(
            learning_rate, **self.options, **self._decay(decay), **of_arrays
        )
        return optimizer

    def make_torch(self, torch: Any, params: Any, learning_rate: float, decay: float) -> Any:
        options = self.options | self._decay(decay)
        return getattr(torch.optim, self.kind)(params, lr=learning_rate, **options)

    def _decay(self, decay: float) -> dict[str, float]:
        return {"weight_decay": decay} if self.decay else {}


def case(
    kind: str, rule: str, parameters: list[float], /, decay: str = "l2", **options: Any
) -> Case:
    return Case(kind, rule, parameters, options, decay)


BETAS = [0.9, 0.999, 1e-8]
FAST: dict[str, Any] = {"betas": (0.5, 0.9), "eps": 1e-3}
CASES = {
    "sgd": case("SGD", "sgd", []),
    "momentum": case("SGD", "momentum", [0.9], momentum=0.9),
    "dampening": case("SGD", "damped_momentum", [0.9, 0.5], momentum=0.9, dampening=0.5),
    "nesterov": case("SGD", "nesterov", [0.9], momentum=0.9, nesterov=True),
    "adam": case("Adam", "adam", BETAS),
    "adam-fast": case("Adam", "adam", [0.5, 0.9, 1e-3], **FAST),
    "amsgrad": case("Adam", "amsgrad", BETAS, amsgrad=True),
    "adamw": case("AdamW", "adam", BETAS, "weight_decay"),
    "adamw-amsgrad": case("AdamW", "amsgrad", BETAS, "weight_decay", amsgrad=True),
    "nadam": case("NAdam", "nadam", [*BETAS, 0.96**4e-3, 0.0]),
    "nadam-fast": case(
        "NAdam", "nadam", [0.5, 0.9, 1e-3, 0.96**0.5, 0.0], momentum_decay=0.5, **FAST
    ),
    "nadam-decoupled": case(
        "NAdam", "nadam", [*BETAS, 0.96**4e-3, 0.0], "weight_decay", decoupled_weight_decay=True
    ),
    "radam": case("RAdam", "radam", BETAS),
    "radam-fast": case("RAdam", "radam", [0.5, 0.9, 1e-3], **FAST),
    "radam-decoupled": case("RAdam", "radam", BETAS, "weight_decay", decoupled_weight_decay=True),
    "adamax": case("Adamax", "adamax", BETAS),
    "adamax-fast": case("Adamax", "adamax", [0.5, 0.9, 1e-3], **FAST),
    "adagrad": case("Adagrad", "adagrad", [1e-10, 0.0]),
    "adagrad-begun": case(
        "Adagrad", "adagrad", [1e-3, 0.5], eps=1e-3, initial_accumulator_value=0.5
    ),
    "adadelta": case("Adadelta", "adadelta", [0.9, 1e-6]),
    "adadelta-slow": case("Adadelta", "adadelta", [0.99, 1e-3], rho=0.99, eps=1e-3),
    "rmsprop": case("RMSprop", "rmsprop", [0.99, 1e-8]),
    "rmsprop-fast": case("RMSprop", "rmsprop", [0.8, 1e-3], alpha=0.8, eps=1e-3),
    "rmsprop-momentum": case("RMSprop", "rmsprop_momentum", [0.99, 1e-8, 0.9], momentum=0.9),
    "rmsprop-centered": case("RMSprop", "centered_rmsprop", [0.99, 1e-8], centered=True),
    "rmsprop-both": case(
        "RMSprop", "centered_rmsprop_momentum", [0.99, 1e-8, 0.9], momentum=0.9, centered=True
    ),
    "asgd": case("ASGD", "asgd", [1e-4, 0.75, 1e6, 1e-4]),
    "asgd-fast": case("ASGD", "asgd", [0.5, 0.6, 10.0, 0.5], lambd=0.5, alpha=0.6, t0=10),
    "rprop": case("Rprop", "rprop", [0.5, 1.2, 1e-6, 50.0], ""),
    "rprop-narrow": case(
        "Rprop", "rprop", [0.6, 1.1, 1e-9, 0.1], "", etas=(0.6, 1.1), step_sizes=(1e-9, 0.1)
    ),
    "lion": case("Lion", "lion", [0.9, 0.99], "weight_decay"),
    "lion-fast": case("Lion", "lion", [0.5, 0.9], "weight_decay", betas=(0.5, 0.9)),
}
