"""The two nets that draw digits come to the figures their examples state."""

from typing import Any

import numpy as np
import pytest

from examples_folder import example
from fallline.typing import Float64Array

pytestmark = pytest.mark.usefixtures("digits_at_hand")


def test_the_autoencoder_needs_less_than_112_nats_for_a_digit() -> None:
    pytest.importorskip("torch")
    vae = example("vae")
    model, history = vae.train(seed=0)
    error, divergence = history[-1]
    assert error + divergence < 112
    assert 20 < divergence < 30  # or the hidden numbers say nothing of the image
    assert len(vae.draw(model, history).axes) == 3


def test_the_divergence_is_that_of_normal_distributions(torch: Any) -> None:
    vae = example("vae")
    model = vae.Autoencoder()
    x = torch.rand(3, 784)
    mu, log_s = model.encoder(x).chunk(2, dim=1)
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(normal(mu, log_s.exp()), normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(model.bound(x)[1], exact)


@pytest.mark.slow
def test_the_adversarial_net_draws_all_ten_digits_legibly() -> None:
    pytest.importorskip("torch")
    gan, net = example("gan"), example("neural_network")
    classifier, *_ = net.train(seed=0)
    untrained = gan.judge(classifier, gan.sample(gan.generator(), 500))
    real = gan.judge(classifier, net.split(*net.digits())[2])
    generator, losses = gan.train(seed=0)
    drawn = gan.judge(classifier, gan.sample(generator, 2000))
    assert untrained.score < 2
    assert drawn.score > 5.8
    assert real.score > 9.3
    assert drawn.confidence > 0.82
    assert drawn.shares.min() >= 0.02
    assert np.isfinite(losses).all()


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [(np.eye(10), 10), (np.full((10, 10), 0.1), 1), (np.eye(10)[[3] * 10], 1)],
    ids=["clear and varied", "unclear", "all alike"],
)
def test_the_score_is_ten_for_clear_images_of_all_digits_alone(
    monkeypatch: pytest.MonkeyPatch, probabilities: Float64Array, score: float
) -> None:
    pytest.importorskip("torch")
    gan, net = example("gan"), example("neural_network")
    monkeypatch.setattr(net, "forward", lambda _, X: [X, probabilities])
    assert gan.judge([], np.zeros((10, 28, 28), np.uint8)).score == pytest.approx(score)
