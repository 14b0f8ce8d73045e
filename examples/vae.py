"""A variational autoencoder that draws digits: gradients by torch, steps by fallline.

An encoder turns an image x into a normal distribution q(z|x) = N(mu, diag(s^2)) over 20 hidden
numbers, a decoder turns z into a probability p(x_i = 1 | z) for each pixel. What descends is the
negative evidence lower bound, an upper bound of -log p(x) (Kingma and Welling, 2014):

    -E_q[log p(x|z)] + KL(q(z|x) || N(0, I)),    KL = sum of (mu^2 + s^2 - 1 - log s^2) / 2,

whose first part is how badly x is reconstructed. z = mu + s e with normal e makes its gradient one
of ordinary functions. Pixels are bits, 1 with the probability of their grey: drawn anew in every
epoch for the images trained on, once for those held out. The bound is thus one of likelihoods.
"""

import math
import time

import numpy as np
import torch
from _data import digits
from matplotlib.figure import Figure
from torch.nn import functional

import fallline as fl

HIDDEN, LATENT = 400, 20
EPOCHS, BATCH, RATE, WEIGHT_DECAY = 30, 100, 3e-3, 0.05


class Autoencoder(torch.nn.Module):
    """Two small nets: from 784 pixels to mu and log s, and from z to the scores of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Sequential(
            torch.nn.Linear(784, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 2 * LATENT)
        )
        self.decoder = torch.nn.Sequential(
            torch.nn.Linear(LATENT, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 784)
        )

    def bound(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the reconstruction error and the KL divergence of each image, in nats."""
        mu, log_s = self.encoder(x).chunk(2, dim=1)
        z = mu + log_s.exp() * torch.randn_like(mu)
        scores = self.decoder(z)
        error = functional.binary_cross_entropy_with_logits(scores, x, reduction="none").sum(1)
        divergence = (mu**2 + (2 * log_s).exp() - 1 - 2 * log_s).sum(1) / 2
        return error, divergence

    def reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        """Return the greys of the decoder at the mean of q(z|x)."""
        return torch.sigmoid(self.decoder(self.encoder(x)[:, :LATENT]))

    def sample(self, count: int) -> torch.Tensor:
        """Return the greys of the decoder at random z."""
        return torch.sigmoid(self.decoder(torch.randn(count, LATENT)))


def greys() -> tuple[torch.Tensor, torch.Tensor]:
    """Return four fifths of the images as rows of [0, 1] to train on, and bits of the others."""
    images, _ = digits()
    rows = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / 255)
    n = len(rows) * 4 // 5
    return rows[:n], torch.bernoulli(rows[n:], generator=torch.Generator().manual_seed(0))


def train(seed: int = 0, epochs: int = EPOCHS) -> tuple[Autoencoder, np.ndarray]:
    """Return the model, and reconstruction error and divergence of held out images by epoch."""
    torch.manual_seed(seed)
    images, test = greys()
    model = Autoencoder()
    optimizer = fl.torch.AdamW(model.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    steps = epochs * math.ceil(len(images) / BATCH)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    history = []
    for epoch in range(epochs):
        for rows in torch.randperm(len(images)).split(BATCH):
            loss = sum(model.bound(torch.bernoulli(images[rows]))).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        with torch.no_grad():
            history.append([float(part.mean()) for part in model.bound(test)])
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3}: held out, {sum(history[-1]):.1f} nats per image")
    return model, np.array(history)


def sheet(images: torch.Tensor, columns: int) -> np.ndarray:
    """Return images, row by row, as one."""
    rows = images.detach().numpy().reshape(-1, columns, 28, 28)
    return rows.transpose(0, 2, 1, 3).reshape(28 * len(rows), 28 * columns)


def draw(model: Autoencoder, history: np.ndarray) -> Figure:
    """Draw the bound by epoch, reconstructions below their originals, and samples."""
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    curve, pairs, samples = figure.subplots(1, 3)
    epochs = np.arange(1, len(history) + 1)
    error, divergence = history.T
    parts = {"reconstruction": "#9ecae1", "divergence (KL)": "#fdae6b"}
    curve.stackplot(epochs, error, divergence, labels=parts, colors=parts.values())
    curve.plot(epochs, error + divergence, color="#d94801", label="their sum, the negative ELBO")
    curve.annotate(
        f"{history[-1].sum():.1f} nats",
        (epochs[-1], history[-1].sum()),
        (0, 6),
        textcoords="offset points",
        ha="right",
    )
    curve.set(xlabel="epochs", ylabel="nats per held out image", xlim=(1, len(history)))
    curve.set(ylim=(0, 1.3 * history[0].sum()))
    curve.legend(frameon=False, loc="upper right")
    curve.spines[["top", "right"]].set_visible(False)
    with torch.no_grad():
        originals = greys()[1][:32]
        again = model.reconstruct(originals)
        both = torch.stack([part.reshape(4, 8, 784) for part in (originals, again)], dim=1)
        pairs.imshow(sheet(both, 8), cmap="gray_r")
        samples.imshow(sheet(model.sample(64), 8), cmap="gray_r")
    pairs.set_title("held out, and reconstructed below")
    samples.set_title("drawn from the prior")
    for axes in (pairs, samples):
        axes.set(xticks=[], yticks=[])
    return figure


def main() -> None:
    """Train, tell and draw."""
    start = time.perf_counter()
    model, history = train()
    error, divergence = history[-1]
    print(
        f"Negative ELBO of held out images: {error + divergence:.1f} nats, {error:.1f} of "
        f"reconstruction and {divergence:.1f} of divergence; {time.perf_counter() - start:.1f} s"
    )
    draw(model, history).savefig("vae.png", dpi=75)
    print("Picture: vae.png")


if __name__ == "__main__":
    main()
