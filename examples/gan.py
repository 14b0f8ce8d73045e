"""A generative adversarial network that draws digits: two nets, two optimizers by fallline.

A generator G turns noise z into an image, a discriminator D scores images, so that sigmoid(D(x))
is how likely x is a real one. Both descend, each along the gradient of its own loss
(Goodfellow et al., 2014, the generator's being the one that does not saturate):

    loss of D = mean of -log sigmoid(D(x)) + mean of -log(1 - sigmoid(D(G(z))))
    loss of G = mean of -log sigmoid(D(G(z)))

The nets are small ones of Radford, Metz and Chintala (2016), and so is beta_1 = 0.5 of the two
`fl.torch.Adam`, as they saw training swing with 0.9. The learning rates fall along half a cosine.
What the samples are worth is said by the classifier of neural_network.py: exp of the mean of
KL(p(y|x) || p(y)), the score of Salimans et al. (2016), is 10 for clear images of all digits alike,
and 1 where they all look the same to it. How sure it is does not say much alone: of the images of
a generator that has not been trained, it is 90 % sure that they are the same digit.
"""

import time
from typing import NamedTuple

import neural_network
import numpy as np
import torch
from _data import digits
from matplotlib.figure import Figure
from torch import nn
from torch.nn.functional import softplus

import fallline as fl

LATENT, CHANNELS = 32, 16
EPOCHS, BATCH, RATE = 20, 64, 2e-3


class Quality(NamedTuple):
    """What a classifier says of images."""

    confidence: float  # mean of the largest probability of a class
    shares: np.ndarray  # how many of the images are of each digit
    score: float  # exp of the mean divergence of p(y|x) from p(y): 1 to 10, high if sure and varied

    def __str__(self) -> str:
        return (
            f"a score of {self.score:.2f}; the classifier is {self.confidence:.1%} sure, the "
            f"rarest digit has a share of {self.shares.min():.1%}"
        )


def generator() -> nn.Sequential:
    """Return the net from noise to images of 28 x 28 in [-1, 1]."""
    return nn.Sequential(
        nn.Linear(LATENT, 2 * CHANNELS * 49, bias=False),
        nn.BatchNorm1d(2 * CHANNELS * 49),
        nn.ReLU(),
        nn.Unflatten(1, (2 * CHANNELS, 7, 7)),
        nn.ConvTranspose2d(2 * CHANNELS, CHANNELS, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(CHANNELS),
        nn.ReLU(),
        nn.ConvTranspose2d(CHANNELS, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )


def discriminator() -> nn.Sequential:
    """Return the net from images to scores."""
    return nn.Sequential(
        nn.Conv2d(1, CHANNELS, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(CHANNELS, 2 * CHANNELS, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * CHANNELS),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * CHANNELS * 49, 1),
    )


def train(seed: int = 0, epochs: int = EPOCHS) -> tuple[nn.Sequential, np.ndarray]:
    """Return the generator, and the losses of both nets, D first, at each step."""
    torch.manual_seed(seed)
    images, *_ = neural_network.split(*digits())
    real = torch.from_numpy(images.astype(np.float32) / 127.5 - 1)[:, np.newaxis]
    G, D = generator(), discriminator()
    optimizers = [fl.torch.Adam(net.parameters(), lr=RATE, betas=(0.5, 0.999)) for net in (D, G)]
    steps = epochs * -(-len(real) // BATCH)
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(o, steps) for o in optimizers]
    losses = []
    for epoch in range(epochs):
        for rows in torch.randperm(len(real)).split(BATCH):
            fake = G(torch.randn(len(rows), LATENT))
            # -log sigmoid(s) = softplus(-s); D learns nothing about where fakes come from.
            loss_D = softplus(-D(real[rows])).mean() + softplus(D(fake.detach())).mean()
            descend(optimizers[0], loss_D)
            loss_G = softplus(-D(fake)).mean()
            descend(optimizers[1], loss_G)
            for scheduler in schedulers:
                scheduler.step()
            losses.append((loss_D.item(), loss_G.item()))
        if epoch % 5 == 4:
            mean_D, mean_G = np.mean(losses[-100:], axis=0)
            print(f"epoch {epoch + 1:3}: loss of D {mean_D:.2f}, of G {mean_G:.2f}")
    return G, np.array(losses)


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Make a step of one net; gradients that reach the other are cleared before its own."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def sample(G: nn.Sequential, count: int, seed: int = 0) -> np.ndarray:
    """Return images of shape (count, 28, 28), of bytes."""
    G.eval()  # normalized by running means, so that no image depends on the others
    noise = torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))
    return ((G(noise)[:, 0] + 1) * 127.5).round().byte().numpy()


def judge(classifier: list[np.ndarray], images: np.ndarray) -> Quality:
    """Return what the weights of neural_network.py say of images."""
    p = neural_network.forward(classifier, neural_network.as_rows(images))[-1]
    shares = np.bincount(p.argmax(axis=1), minlength=10) / len(p)
    ratio = (p + 1e-30) / (p.mean(axis=0) + 1e-30)  # also where a class never occurs
    score = np.exp((p * np.log(ratio)).sum(axis=1).mean())
    return Quality(float(p.max(axis=1).mean()), shares, float(score))


def draw(losses: np.ndarray, shares: dict[str, np.ndarray], images: np.ndarray) -> Figure:
    """Draw the losses, how often each digit occurs, and samples."""
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    curves, bars, sheet = figure.subplots(1, 3)
    width = 100
    epochs = np.arange(width, len(losses) + 1) * EPOCHS / len(losses)
    for loss, name, color in zip(losses.T, "DG", ("#08519c", "#d94801"), strict=True):
        smooth = np.convolve(loss, np.full(width, 1 / width), "valid")
        curves.plot(epochs, smooth, color=color, label=f"loss of {name}")
    curves.axhline(np.log(4), color="#08519c", linestyle=":", label="D, guessing")
    curves.axhline(np.log(2), color="#d94801", linestyle=":", label="G, where D guesses")
    curves.set(xlabel="epochs", ylabel=f"mean of {width} steps (nats)", ylim=(0, None))
    for k, (name, share) in enumerate(shares.items()):
        color = ("#d94801", "#bdbdbd")[k]
        bars.bar(np.arange(10) + 0.4 * k - 0.2, 100 * share, 0.4, color=color, label=name)
    bars.set(xlabel="digit, by the classifier", ylabel="share (%)", xticks=range(10))
    sheet.imshow(
        images[:64].reshape(8, 8, 28, 28).transpose(0, 2, 1, 3).reshape(224, 224), "gray_r"
    )
    sheet.set(xticks=[], yticks=[], title="samples")
    for axes in (curves, bars):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Train the classifier and the two nets, tell and draw."""
    print("The classifier:")
    classifier, *_ = neural_network.train()
    print("The generator and the discriminator:")
    start = time.perf_counter()
    G, losses = train()
    seconds = time.perf_counter() - start
    images = sample(G, 2000)
    ours = judge(classifier, images)
    real = judge(classifier, neural_network.split(*digits())[2])
    print(f"{len(losses):,} steps of each in {seconds:.1f} s")
    print(f"Untrained: {judge(classifier, sample(generator(), 2000))}")
    print(f"Samples:   {ours}")
    print(f"Held out:  {real}")
    draw(losses, {"samples": ours.shares, "held out": real.shares}, images).savefig(
        "gan.png", dpi=90
    )
    print("Picture: gan.png")


if __name__ == "__main__":
    main()
