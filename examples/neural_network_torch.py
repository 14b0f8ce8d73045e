"""The network of neural_network.py in torch: steps by fallline beside torch's own.

`fl.torch.AdamW` takes the place of `torch.optim.AdamW`, and nothing else changes: groups, learning
rate schedulers and ``state_dict`` are torch's. Three runs begin with the same weights and see the
same images: torch with either optimizer, and the NumPy program. In
float64 their losses stay the same to 14 digits. In float32 they part where a sum that is rounded
another way lets a unit of the net fall on the other side of zero, and end with the same accuracy.
"""

import time

import neural_network as net
import numpy as np
import torch
from _data import digits
from matplotlib.figure import Figure
from torch.nn import functional

import fallline as fl


def module(params: list[np.ndarray]) -> torch.nn.Sequential:
    """Return the net with these weights."""
    layers: list[torch.nn.Module] = []
    for W, b in zip(params[0::2], params[1::2], strict=True):
        linear = torch.nn.Linear(*W.shape)
        linear.weight.data = torch.tensor(W.T).contiguous()
        linear.bias.data = torch.tensor(b)
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def train(
    adamw: type[torch.optim.AdamW],
    seed: int = 0,
    epochs: int = net.EPOCHS,
    dtype: type = np.float32,
) -> tuple[np.ndarray, float]:
    """Return the loss of each step, and the accuracy on the images that are held out."""
    rng = np.random.default_rng(seed)
    images, labels, test_images, test_labels = net.split(*digits())
    model = module([w.astype(dtype) for w in net.initial(rng)])
    rate = net.schedule(len(labels), epochs)
    optimizer = adamw(model.parameters(), lr=1.0, weight_decay=net.WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    losses = []
    for _ in range(epochs):
        for X, y in net.batches(images, labels, rng):
            scores = model(torch.from_numpy(X.astype(dtype)))
            loss = functional.cross_entropy(scores, torch.from_numpy(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
    with torch.no_grad():
        X = torch.from_numpy(net.as_rows(test_images).astype(dtype))
        read = model(X).argmax(1).numpy()
    return np.array(losses), float(np.mean(read == test_labels))


def draw(curves: dict[str, np.ndarray], epochs: int) -> Figure:
    """Draw the losses, and how far they are from those of torch.optim."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    reference = curves["torch.optim.AdamW"]
    steps = np.arange(len(reference)) * epochs / len(reference)
    looks = [("#fdae6b", "-", 5.0), ("#08519c", "-", 1.6), ("#1a9850", ":", 1.6)]
    for (name, losses), (color, style, width) in zip(curves.items(), looks, strict=True):
        smooth = np.convolve(losses, np.full(50, 1 / 50), "same")[25:-25]
        left.semilogy(steps[25:-25], smooth, style, color=color, linewidth=width, label=name)
        if losses is not reference:
            apart = np.abs(losses - reference)
            right.semilogy(
                steps,
                np.where(apart > 0, apart, np.nan),
                ".",
                color=color,
                markersize=2,
                label=name,
            )
    left.set(xlabel="epochs", ylabel="cross-entropy, mean of 50 steps (nats)")
    right.set(xlabel="epochs", ylabel="distance from torch.optim.AdamW (nats)", ylim=(1e-9, 1))
    right.legend(frameon=False, markerscale=5, loc="lower right")
    left.legend(frameon=False)
    for axes in (left, right):
        axes.set_xticks(range(0, epochs + 1, 5))
        axes.grid(color="#e6e6e6")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Train three times, tell and draw."""
    curves = {}
    for name, adamw in (
        ("torch.optim.AdamW", torch.optim.AdamW),
        ("fl.torch.AdamW", fl.torch.AdamW),
    ):
        start = time.perf_counter()
        curves[name], accuracy = train(adamw)
        seconds = time.perf_counter() - start
        print(f"{name:17}  {accuracy:.2%} are read right, after {seconds:.1f} s")
    print("NumPy and fl.optim.AdamW:")
    _, curves["NumPy and fl.optim.AdamW"], _ = net.train()
    draw(curves, net.EPOCHS).savefig("neural_network_torch.png", dpi=100)
    print("Picture: neural_network_torch.png")


if __name__ == "__main__":
    main()
