"""Optimizers of torch.optim whose steps the core makes."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from fallline import optim
from fallline._arguments import not_negative
from fallline.torch._optimizer import CoreOptimizer, scalar
from fallline.torch._plan import Plan


class SGD(CoreOptimizer, torch.optim.SGD):
    """torch.optim.SGD: gradient descent, plain or with momentum; see `fallline.optim.SGD`."""

    _kind = optim.SGD
    _settings = ("momentum", "dampening", "weight_decay", "nesterov")

    def _made(self, **settings: Any) -> optim.Optimizer:
        if not settings["momentum"]:  # without which torch takes no notice of it
            settings["dampening"] = 0.0
        return super()._made(**settings)

    def _counters(self, group: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def _number(self, state: Mapping[str, Any]) -> int:
        # Only the first step is another, and only next to a state.
        return 2 if any(value is not None for value in state.values()) else 1

    def _advance(self, plan: Plan) -> None:
        pass


class Adam(CoreOptimizer, torch.optim.Adam):
    """torch.optim.Adam: steps scaled by running moments; see `fallline.optim.Adam`."""

    _kind = optim.Adam
    _settings = ("betas", "eps", "weight_decay", "amsgrad", "decoupled_weight_decay")

    def _made(self, **settings: Any) -> optim.Optimizer:
        decoupled = settings.pop("decoupled_weight_decay")
        return (optim.AdamW if decoupled else optim.Adam)(**settings)


class AdamW(CoreOptimizer, torch.optim.AdamW):
    """torch.optim.AdamW: Adam with decoupled weight decay; see `fallline.optim.AdamW`."""

    _kind = optim.AdamW
    _settings = ("betas", "eps", "weight_decay", "amsgrad")


class NAdam(CoreOptimizer, torch.optim.NAdam):
    """torch.optim.NAdam: Adam that looks ahead; see `fallline.optim.NAdam`."""

    _kind = optim.NAdam
    _settings = ("betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay")

    def _counters(self, group: dict[str, Any]) -> dict[str, Any]:
        return super()._counters(group) | {"mu_product": scalar(1.0)}

    def _parameters(self, rule: optim.Optimizer, state: Mapping[str, Any]) -> list[float]:
        return [*rule.rule_parameters[:-1], float(state["mu_product"])]

    def _advance(self, plan: Plan) -> None:
        super()._advance(plan)
        for number, rows, *_ in plan.tables:
            group = self.param_groups[number]
            rise = 0.96 ** (float(rows[0].state["step"]) * group["momentum_decay"])
            for row in rows:
                row.state["mu_product"] *= group["betas"][0] * (1 - 0.5 * rise)


class RAdam(CoreOptimizer, torch.optim.RAdam):
    """torch.optim.RAdam: Adam whose second moment waits; see `fallline.optim.RAdam`."""

    _kind = optim.RAdam
    _settings = ("betas", "eps", "weight_decay", "decoupled_weight_decay")


class Adamax(CoreOptimizer, torch.optim.Adamax):
    """torch.optim.Adamax: Adam by the largest gradient; see `fallline.optim.Adamax`."""

    _kind = optim.Adamax
    _settings = ("betas", "eps", "weight_decay")


class Adagrad(CoreOptimizer, torch.optim.Adagrad):
    """torch.optim.Adagrad: steps by the sum of squared gradients; see `fallline.optim.Adagrad`."""

    _kind = optim.Adagrad
    _settings = ("eps", "weight_decay")  # what the sum begins with is in the state

    def _begun(self, w: torch.Tensor, group: dict[str, Any], dtype: torch.dtype) -> torch.Tensor:
        return torch.full_like(w, group["initial_accumulator_value"], dtype=dtype)

    def _rate(self, group: dict[str, Any], state: Mapping[str, Any]) -> float:
        decay = float(group["lr_decay"])
        return super()._rate(group, state) / (1 + float(state["step"]) * decay)


class Adadelta(CoreOptimizer, torch.optim.Adadelta):
    """torch.optim.Adadelta: steps in the units of the weights; see `fallline.optim.Adadelta`."""

    _kind = optim.Adadelta
    _settings = ("rho", "eps", "weight_decay")


class RMSprop(CoreOptimizer, torch.optim.RMSprop):
    """torch.optim.RMSprop: steps by the root of a mean square; see `fallline.optim.RMSprop`."""

    _kind = optim.RMSprop
    _settings = ("alpha", "eps", "weight_decay", "momentum", "centered")


class ASGD(CoreOptimizer, torch.optim.ASGD):
    """torch.optim.ASGD: a falling rate and a mean of the weights; see `fallline.optim.ASGD`.

    A step is made at the rate that follows from the one before, as that of torch is.
    """

    _kind = optim.ASGD
    _settings = ("lambd", "alpha", "t0", "weight_decay")
    _average: ClassVar[str] = "ax"

    def _counters(self, group: dict[str, Any]) -> dict[str, Any]:
        begun = {"eta": scalar(float(group["lr"])), "mu": scalar(1.0)}
        return super()._counters(group) | begun

    def _parameters(self, rule: optim.Optimizer, state: Mapping[str, Any]) -> list[float]:
        return [0.0, *super()._parameters(rule, state)[1:]]  # the rate is what it is

    def _rate(self, group: dict[str, Any], state: Mapping[str, Any]) -> float:  # noqa: ARG002
        return float(state["eta"])

    def _advance(self, plan: Plan) -> None:
        super()._advance(plan)
        for number, rows, *_ in plan.tables:
            group = self.param_groups[number]
            rate, step = float(group["lr"]), float(rows[0].state["step"])
            eta = rate / (1 + group["lambd"] * rate * step) ** group["alpha"]
            for row in rows:
                row.state["eta"].fill_(eta)
                row.state["mu"].fill_(1 / max(1.0, step - group["t0"]))


class Rprop(CoreOptimizer, torch.optim.Rprop):
    """torch.optim.Rprop: a step length for each weight; see `fallline.optim.Rprop`."""

    _kind = optim.Rprop
    _settings = ("etas", "step_sizes")


class Lion(CoreOptimizer):
    """Steps along the sign of a momentum, which torch has not; see `fallline.optim.Lion`.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        Tensors of the CPU or groups of them.
    lr : float, default=1e-4
        Step size.
    betas : tuple of float, default=(0.9, 0.99)
        Decay rates of the mean that is stepped along and of the mean that is kept.
    weight_decay : float, default=0.0
        Each step first multiplies the weights by 1 - lr * weight_decay.
    maximize : bool, default=False
        Whether to go up the gradient instead of down.
    **options
        As of `CoreOptimizer`.
    """

    _kind = optim.Lion
    _settings = ("betas", "weight_decay")

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **options: Any,
    ) -> None:
        not_negative("lr", lr)
        settings = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, settings, **options)
