"""Optimizers of torch, whose steps the core makes.

Each class is the optimizer of torch.optim with the same name, so that groups, schedulers, hooks and
``state_dict`` are those of torch, in both directions; and it takes what `CoreOptimizer` says
besides. Tensors are of the CPU, and are stepped where they lie.

Examples
--------
>>> import torch, fallline as fl
>>> model = torch.nn.Linear(2, 1)
>>> optimizer = fl.torch.AdamW(model.parameters(), lr=1e-2, clip_norm=1.0)
>>> for _ in range(200):
...     optimizer.zero_grad()
...     loss = (model(torch.ones(4, 2)) - 3).square().mean()
...     loss.backward()
...     optimizer.step()
>>> round(loss.item(), 3)
0.0
"""

from importlib.util import find_spec

if find_spec("torch") is None:
    _message = "fallline.torch needs torch, which was not found; pip install torch"
    raise ImportError(_message)

from fallline.torch._optimizer import CoreOptimizer
from fallline.torch._optimizers import (
    ASGD,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
)

__all__ = [
    "ASGD",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "CoreOptimizer",
    "Lion",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
]
