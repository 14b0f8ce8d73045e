"""What the core does in the place of torch.optim's own steps."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from inspect import Signature, signature
from itertools import chain
from typing import Any, ClassVar, Final

import torch

from fallline import _core, optim
from fallline.optim._arrays import items, like
from fallline.optim._row_gradient import check_may_skip
from fallline.torch._plan import Plan, Row, check_tensor, wide_dtype

# What torch.optim calls the state of each rule of the core.
_SLOTS: Final[dict[str, tuple[str, ...]]] = {
    "sgd": (),
    "momentum": ("momentum_buffer",),
    "damped_momentum": ("momentum_buffer",),
    "nesterov": ("momentum_buffer",),
    "adam": ("exp_avg", "exp_avg_sq"),
    "amsgrad": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "nadam": ("exp_avg", "exp_avg_sq"),
    "radam": ("exp_avg", "exp_avg_sq"),
    "adamax": ("exp_avg", "exp_inf"),
    "adagrad": ("sum",),
    "adadelta": ("square_avg", "acc_delta"),
    "rmsprop": ("square_avg",),
    "rmsprop_momentum": ("square_avg", "momentum_buffer"),
    "centered_rmsprop": ("square_avg", "grad_avg"),
    "centered_rmsprop_momentum": ("square_avg", "grad_avg", "momentum_buffer"),
    "asgd": ("ax",),
    "rprop": ("prev", "step_size"),
    "lion": ("exp_avg",),
}
_ARRAYS: Final = frozenset(chain.from_iterable(_SLOTS.values()))
_AVERAGE: Final = "average"

# Ways of torch to make a step.
_REFUSED: Final = ("foreach", "fused", "capturable", "differentiable")

# What copies and pickles take along besides what torch's do.
_OWN: Final = ("_options", "_state_dtype", "_rules", "skipped")


class CoreOptimizer(torch.optim.Optimizer):
    """A base in front of an optimizer of torch, whose steps the core makes.

    Settings, groups and the state, by name and shape, are those of torch; where the optimizer of
    `fallline.optim` with the same name takes a narrower range, as of momentum below 1, so does
    this.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        Tensors of the CPU or groups of them, as torch.optim takes them.
    *settings
        As of the optimizer of torch.
    clip_norm : float or None, default=None
        Gradients are scaled down to this Euclidean norm, of all parameters together, where it is
        larger; in the units of the gradient. They are left as they are.
    ema : float or None, default=None
        Share of an exponential moving average of the weights that each step keeps, in (0, 1);
        `averaged` returns it.
    skip_nonfinite : bool, default=False
        Whether to leave out a step whose gradient has a NaN or an infinity; they are counted in
        `skipped`.
    state_dtype : torch.bfloat16 or None, default=None
        Of the state; None is float64 for float64 parameters and float32 for all others.
    sparse : "lazy" or "exact", default="lazy"
        What becomes of the rows that a sparse gradient, as of ``torch.nn.Embedding(sparse=True)``,
        does not have: see `fallline.optim.RowGradient`. torch.optim.SGD with momentum does what
        "exact" says, the other optimizers of torch that take sparse gradients what "lazy" says.
    **named_settings
        As of the optimizer of torch.

    Raises
    ------
    TypeError
        If a parameter is not dense and of float16, bfloat16, float32 or float64.
    ValueError
        If a parameter is not on the CPU, or a setting is out of its range.
    """

    # The optimizer of arrays that has the rule, and the settings it takes from a group.
    _kind: ClassVar[type[optim.Optimizer]]
    _settings: ClassVar[tuple[str, ...]]

    # Name of the averages in the state.
    _average: ClassVar[str] = _AVERAGE

    # Where everything lay at the last step.
    _plan: Plan | None = None

    def __init__(
        self,
        params: Any,
        *settings: Any,
        clip_norm: float | None = None,
        ema: float | None = None,
        skip_nonfinite: bool = False,
        state_dtype: torch.dtype | None = None,
        sparse: str = "lazy",
        **named_settings: Any,
    ) -> None:
        if not hasattr(self, "_kind"):
            message = "CoreOptimizer must be given a rule; use AdamW or another of fallline.torch"
            raise TypeError(message)
        if state_dtype not in (None, torch.bfloat16):
            message = f"state_dtype must be torch.bfloat16 or None, got {state_dtype!r}"
            raise ValueError(message)
        self._options = self._kind(
            1.0,
            clip_norm=clip_norm,
            ema=ema,
            skip_nonfinite=skip_nonfinite,
            state_dtype="bfloat16" if state_dtype else None,
            sparse=sparse,
        )
        self._state_dtype = state_dtype
        self.skipped = 0
        self._rules: dict[int, tuple[dict[str, Any], optim.Optimizer]] = {}
        super().__init__(params, *settings, **named_settings)

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the signature say what the optimizer of torch takes."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            return
        theirs = signature(cls.__bases__[-1]).parameters.values()
        own = signature(CoreOptimizer).parameters.values()
        kept = [p for p in theirs if p.name not in _REFUSED]
        kept += [p for p in own if p.kind is p.KEYWORD_ONLY]
        cls.__signature__ = Signature(  # type: ignore[attr-defined]
            sorted(kept, key=lambda p: p.kind)
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings as well, for copies and pickles."""
        return super().__getstate__() | {name: getattr(self, name) for name in _OWN}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own.

        Parameters
        ----------
        param_group : dict
            ``params`` and settings, as torch.optim.Optimizer takes them.

        Raises
        ------
        TypeError
            If a parameter is not dense and of float16, bfloat16, float32 or float64.
        ValueError
            If a parameter is not on the CPU or there twice, or a setting is out of its range.
        """
        super().add_param_group(param_group)
        try:
            self._check_group(self.param_groups[-1])
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise

    def _check_group(self, group: dict[str, Any]) -> None:
        for w in group["params"]:
            check_tensor(w)
        if len(set(group["params"])) < len(group["params"]):
            message = "params must have each tensor once, got one of them twice"
            raise ValueError(message)
        for name in _REFUSED:
            if group.get(name):
                message = f"{name} must be left out, as the core makes the steps, got True"
                raise ValueError(message)
        self._rule(len(self.param_groups) - 1, group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another optimizer has been, ours or that of torch with the same name.

        Parameters
        ----------
        state_dict : dict
            Of ``state_dict()``. It is copied.

        Raises
        ------
        ValueError
            If its groups are not of as many parameters.
        """
        loaded: dict[str, Any] = {}  # what hooks have made of it, as this one is the last
        hook = self.register_load_state_dict_pre_hook(lambda _, found: loaded.update(found))
        try:
            super().load_state_dict(deepcopy(state_dict))  # torch takes tensors over as they are
        finally:
            hook.remove()
        # torch rounds the state to the dtype of the parameters, ours is wider next to 16 bits.
        saved = chain.from_iterable(group["params"] for group in loaded["param_groups"])
        own = chain.from_iterable(group["params"] for group in self.param_groups)
        for place, w in zip(saved, own, strict=True):
            for name, value in loaded["state"].get(place, {}).items():
                if not isinstance(value, torch.Tensor):
                    continue
                if name in _ARRAYS:
                    value = value.to("cpu", self._slot_dtype(w))
                elif name == _AVERAGE:
                    value = value.to("cpu", wide_dtype(w))
                self.state[w][name] = value

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step.

        Parameters
        ----------
        closure : callable or None, default=None
            Computes the loss and its gradients anew, and is called first.

        Returns
        -------
        object
            What ``closure`` returns; None without one.

        Raises
        ------
        ValueError
            If a parameter has left the CPU, or a setting is out of its range.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            self._step()
        return loss

    def averaged(self, params: Any) -> Any:
        """Return averages of the weights.

        Parameters
        ----------
        params : Tensor, or list, tuple or dict of Tensor
            Parameters that are stepped, as ``dict(model.named_parameters())``.

        Returns
        -------
        Tensor, or list, tuple or dict of Tensor
            New tensors in the structure of ``params``, float64 of float64 ones and float32 of all
            others; of a parameter that has had no gradient yet, its weights.

        Raises
        ------
        ValueError
            If no average is kept.
        """
        if self._options.ema is None and self._average == _AVERAGE:
            message = "ema must be a number in (0, 1) for averages to be there; try ema=0.999"
            raise ValueError(message)
        found = {
            key: self.state.get(w, {}).get(self._average, w).detach().to(wide_dtype(w), copy=True)
            for key, w in items(params, "params").items()
        }
        return like(params, found)

    def _step(self) -> None:
        groups = self.param_groups
        rules = [self._rule(k, group) for k, group in enumerate(groups)]
        names, plan = [rule.rule for rule in rules], self._plan
        if plan is None or not plan.renew(groups, names, self.state):
            plan = self._planned(rules)
        # Of autograd, which would take what is kept of the forward pass for what it was.
        torch.autograd.graph.increment_version([row.w for row in plan.rows])
        done = self._stepped(plan, rules)
        plan.let_go()
        if not done:
            self.skipped += 1
            return
        plan.write_back()
        if plan is not self._plan:
            self.state.update({row.w: row.state for row in plan.rows})
            self._plan = plan
        self._advance(plan)

    def _planned(self, rules: list[optim.Optimizer]) -> Plan:
        """Return where everything lies; states are kept once the first step is made."""
        rows, keys, gradients = [], [], []
        average = "" if self._options.ema is None else _AVERAGE
        for k, (group, rule) in enumerate(zip(self.param_groups, rules, strict=True)):
            slots = _SLOTS[rule.rule]
            for w in group["params"]:
                if (gradient := w.grad) is None:
                    continue
                check_tensor(w)
                if gradient.is_sparse and self._options.sparse == "lazy":
                    check_may_skip(self._options)
                number = self._number(self.state.get(w, {}))
                state = self._complete(w, group, slots)
                tensors = tuple(name for name in state if isinstance(state[name], torch.Tensor))
                rows.append(Row(w, state, slots, average, tensors))
                at = number, self._rate(group, state), *self._parameters(rule, state)
                keys.append((k, *at))
                gradients.append(gradient)
        return Plan(self.param_groups, [rule.rule for rule in rules], rows, keys, gradients)

    def _stepped(self, plan: Plan, rules: list[optim.Optimizer]) -> bool:
        """Let the core make the steps; return whether it did."""
        options = self._options
        calls: dict[tuple[str, bool], list[tuple[Any, ...]]] = {}
        for table in plan.tables:
            group, rule, first = self.param_groups[table.group], rules[table.group], table.rows[0]
            parameters = self._parameters(rule, first.state)
            decays = rule.coupled_decay, rule.decoupled_decay
            number = self._number(self.state.get(first.w, {}))
            at = number, self._rate(group, first.state)
            call = calls.setdefault((rule.rule, group["maximize"]), [])
            call.append((table.addresses, table.gradients, parameters, *decays, *at))
        return _core.step_tensors(
            [(rule, -1.0 if up else 1.0, tables) for (rule, up), tables in calls.items()],
            clip_norm=float("inf") if options.clip_norm is None else options.clip_norm,
            skips_nonfinite=options.skip_nonfinite,
            fading=0.0 if options.ema is None else options.ema,
            lazy=options.sparse == "lazy",
        )

    def _rule(self, k: int, group: dict[str, Any]) -> optim.Optimizer:
        """Return the optimizer of arrays with the settings of a group, made anew if they change."""
        settings = {name: group[name] for name in self._settings}
        if k not in self._rules or self._rules[k][0] != settings:
            self._rules[k] = settings, self._made(**settings)
        return self._rules[k][1]

    def _made(self, **settings: Any) -> optim.Optimizer:
        return self._kind(1.0, **settings)  # the rate is that of the group

    def _parameters(
        self,
        rule: optim.Optimizer,
        state: Mapping[str, Any],  # noqa: ARG002
    ) -> list[float]:
        return rule.rule_parameters

    def _slot_dtype(self, w: torch.Tensor) -> torch.dtype:
        wide = wide_dtype(w)
        return wide if wide == torch.float64 else self._state_dtype or wide

    def _complete(
        self, w: torch.Tensor, group: dict[str, Any], names: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the state of a parameter with all that a step needs, to be kept once made."""
        state = self.state.get(w) or self._counters(group)
        dtype = self._slot_dtype(w)
        missing: dict[str, Any] = {}
        for name in names:
            slot = state.get(name)
            if slot is None:
                missing[name] = self._begun(w, group, dtype)
            elif slot.dtype != dtype:  # where another optimizer has been
                missing[name] = slot.to(dtype)
        if self._options.ema is not None and self._average not in state:
            missing[self._average] = w.detach().to(wide_dtype(w), copy=True)
            if self._number(self.state.get(w, {})) == 1:  # it begins with the first step
                missing[self._average].zero_()
        return state | missing if missing else state

    def _begun(
        self,
        w: torch.Tensor,
        group: dict[str, Any],  # noqa: ARG002
        dtype: torch.dtype,
    ) -> torch.Tensor:
        """Return what a state array begins with."""
        return torch.zeros_like(w, dtype=dtype)

    def _counters(self, group: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Return what the state of a parameter begins with besides zeros."""
        return {"step": scalar(0.0)}

    def _number(self, state: Mapping[str, Any]) -> int:
        """Return the number of the next step of a parameter, from 1 on."""
        return int(state.get("step", 0)) + 1

    def _rate(self, group: dict[str, Any], state: Mapping[str, Any]) -> float:  # noqa: ARG002
        return float(group["lr"])

    def _advance(self, plan: Plan) -> None:
        """Count a step that has been made."""
        plan.counters += 1


def scalar(value: float) -> torch.Tensor:
    """Return a counter as torch.optim keeps it."""
    default = torch.get_default_dtype()
    return torch.tensor(value, dtype=default if default == torch.float64 else torch.float32)
