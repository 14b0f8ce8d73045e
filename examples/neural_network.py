"""A neural network that reads digits: backpropagation in NumPy, steps by AdamW.

The net has two hidden layers of rectified linear units, a_k = max(0, a_(k-1) W_k + b_k), and a
softmax of ten classes on top. Its loss is the mean of -log p_y over a batch, and its gradients are
those of the chain rule, written out in `backward`: d = (p - onehot(y)) / n of the scores, then

    dW_k = a_(k-1)' d,    db_k = sum of d,    d <- (d W_k') * [a_(k-1) > 0].

`fl.optim.AdamW` is bound once to the arrays and their gradients and then steps all of them in one
pass over memory. The learning rate rises for two epochs and falls along half a cosine. As 8,000
images are few, each is moved by up to one pixel, to another place in every epoch.
"""

import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from _data import digits
from matplotlib.figure import Figure

import fallline as fl

LAYERS = (784, 256, 128, 10)
EPOCHS, BATCH, RATE, WEIGHT_DECAY = 20, 64, 2e-3, 0.05


def split(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return four fifths of both to train on, and the others to test on."""
    n = len(images) * 4 // 5
    return images[:n], labels[:n], images[n:], labels[n:]


def initial(rng: np.random.Generator) -> list[np.ndarray]:
    """Return W_1, b_1, W_2, b_2, ... as He et al. (2015) begin with rectified units."""
    params = []
    for inputs, outputs in pairwise(LAYERS):
        W = rng.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)
        params += [W.astype(np.float32), np.zeros(outputs, np.float32)]
    return params


def forward(params: list[np.ndarray], X: np.ndarray) -> list[np.ndarray]:
    """Return what enters each layer, and the probabilities of the classes last."""
    values = [X]
    for W, b in zip(params[0:-2:2], params[1:-2:2], strict=True):
        values.append(np.maximum(values[-1] @ W + b, 0))
    scores = values[-1] @ params[-2] + params[-1]
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return [*values, odds / odds.sum(axis=1, keepdims=True)]


def backward(
    params: list[np.ndarray], values: list[np.ndarray], y: np.ndarray, grads: list[np.ndarray]
) -> float:
    """Write the gradient of the mean of -log p_y into ``grads``, and return the loss."""
    *inputs, p = values
    rows = np.arange(len(y))
    loss = -np.log(np.maximum(p[rows, y], 1e-30)).mean()
    d = p / len(y)
    d[rows, y] -= 1 / len(y)
    for k in reversed(range(len(inputs))):
        np.matmul(inputs[k].T, d, out=grads[2 * k])
        np.sum(d, axis=0, out=grads[2 * k + 1])
        if k:
            d = (d @ params[2 * k].T) * (inputs[k] > 0)
    return float(loss)


def batches(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield an epoch in random order, each image moved by -1, 0 or 1 pixels both ways."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))
    for rows in np.array_split(rng.permutation(len(labels)), -(-len(labels) // BATCH)):
        down, right = rng.integers(0, 3, (2, len(rows)))
        yield as_rows(windows[rows, down, right]), labels[rows]


def as_rows(images: np.ndarray) -> np.ndarray:
    """Return a row of 784 numbers in [0, 1] for each image."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def schedule(n_samples: int, epochs: int) -> fl.schedules.Schedule:
    """Return the learning rate by the step: two epochs of warm-up, then half a cosine."""
    per_epoch = -(-n_samples // BATCH)
    return fl.schedules.Cosine(RATE, steps=(epochs - 2) * per_epoch).warmup(2 * per_epoch)


def accuracy(params: list[np.ndarray], images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images that are given their label."""
    return float(np.mean(forward(params, as_rows(images))[-1].argmax(axis=1) == labels))


def train(
    seed: int = 0, epochs: int = EPOCHS, dtype: type = np.float32
) -> tuple[list[np.ndarray], np.ndarray, list[tuple[float, float]]]:
    """Return the weights, the loss of each step, and the accuracies after each epoch.

    The accuracies are those on the images trained on, in their places, and on the others.
    """
    rng = np.random.default_rng(seed)
    images, labels, *held_out = split(*digits())
    params = [w.astype(dtype) for w in initial(rng)]
    grads = [np.zeros_like(w) for w in params]
    rate = schedule(len(labels), epochs)
    optimizer = fl.optim.AdamW(rate, weight_decay=WEIGHT_DECAY).bind(params, grads)
    losses, accuracies = [], []
    for epoch in range(epochs):
        for X, y in batches(images, labels, rng):
            losses.append(backward(params, forward(params, X.astype(dtype)), y, grads))
            optimizer.step()
        accuracies.append((accuracy(params, images, labels), accuracy(params, *held_out)))
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3}: test accuracy {accuracies[-1][1]:.2%}")
    return params, np.array(losses), accuracies


def draw(losses: np.ndarray, rates: np.ndarray, accuracies: list[tuple[float, float]]) -> Figure:
    """Draw the loss with its learning rate, and the errors by epoch."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(4, 3, 4))
    epochs = np.arange(1, len(accuracies) + 1)
    steps = np.arange(len(losses)) * len(epochs) / len(losses)
    left.semilogy(steps, losses, color="#9ecae1", linewidth=0.5, label="loss of a batch")
    means = [part.mean() for part in np.array_split(losses, len(epochs))]
    left.semilogy(epochs - 0.5, means, color="#08519c", linewidth=2, label="mean of an epoch")
    left.set(xlabel="epochs", ylabel="cross-entropy (nats)")
    middle.plot(steps, 1e3 * rates, color="#238b45", linewidth=2, label="warm-up and cosine")
    middle.set(xlabel="epochs", ylabel="learning rate (1e-3)", ylim=(0, 2.4))
    train_errors, test_errors = 100 * (1 - np.array(accuracies).T)
    right.plot(epochs, test_errors, "o-", color="#d94801", label="2,000 held out")
    right.plot(epochs, train_errors, "o-", color="#08519c", label="8,000 trained on")
    right.set(xlabel="epochs", ylabel="misread digits (%)", ylim=(0, None))
    right.annotate(
        f"{test_errors[-1]:.1f} %", (epochs[-1], test_errors[-1]), (-8, 8),
        textcoords="offset points", ha="right", color="#d94801",
    )  # fmt: skip
    for axes in (left, middle, right):
        axes.legend(frameon=False, loc="upper right")
        axes.set_xticks(range(0, len(epochs) + 1, 5))
        axes.grid(color="#e6e6e6")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Train, tell and draw."""
    start = time.perf_counter()
    params, losses, accuracies = train()
    seconds = time.perf_counter() - start
    print(
        f"{sum(w.size for w in params):,} weights, {len(losses):,} steps in {seconds:.1f} s: "
        f"{accuracies[-1][1]:.2%} of {len(split(*digits())[3]):,} digits are read right"
    )
    rates = schedule(len(split(*digits())[1]), EPOCHS).values(0, len(losses))
    draw(losses, rates, accuracies).savefig("neural_network.png", dpi=100)
    print("Picture: neural_network.png")


if __name__ == "__main__":
    main()
