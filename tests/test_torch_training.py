"""A net on handwritten digits: trained by the core it is the net that torch trains."""

from typing import Any

import numpy as np

import data
import fallline as fl

N_TRAIN, BATCH, EPOCHS = 8000, 64, 3


def train(torch: Any, make: Any, dtype: Any) -> tuple[Any, Any]:
    """Return the loss of each step and the digits that are predicted afterwards."""
    digits = data.load("mnist10k")
    X = torch.tensor(digits.X / 255, dtype=dtype)
    y = torch.tensor(digits.y).long()
    torch.manual_seed(0)
    layers = [torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)]
    model = torch.nn.Sequential(*layers).to(dtype)
    optimizer = make(model.parameters(), lr=1e-3)
    order = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(EPOCHS):
        for rows in torch.randperm(N_TRAIN, generator=order).split(BATCH):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    with torch.no_grad():
        return np.array(losses), model(X[N_TRAIN:]).argmax(1) == y[N_TRAIN:]


def test_the_loss_curve_and_the_accuracy_are_those_of_torch(torch: Any) -> None:
    exact, _ = train(torch, torch.optim.AdamW, torch.float64)
    expected, right = train(torch, torch.optim.AdamW, torch.float32)
    losses, also_right = train(torch, fl.torch.AdamW, torch.float32)
    # Rounding moves the curve of torch so far from that of float64; the optimizer is a part of it.
    rounding = np.abs(expected - exact).max()
    assert 0 < rounding < 1e-4
    assert np.abs(losses - expected).max() <= rounding
    assert also_right.sum() == right.sum()
    assert right.double().mean() > 0.93
