"""Gradient descent in pictures, each drawn from runs of its own.

They belong to the page "Gradient descent, explained by running it", docs/gradient_descent.md, and
``python -m examples.gallery`` draws them all into the current folder. They need matplotlib. Each
module says what it runs, and the formulas behind it.
"""

from . import batches, conditioning, landscape_paths, learning_rates, momentum, schedules, stopping

# What draws each picture, and what it shows.
PICTURES = {
    "batch_paths.png": (batches.draw_paths, "eight passes in steps of 1, 32, 512 and all rows"),
    "batch_losses.png": (batches.draw_losses, "how close each batch size comes to the minimum"),
    "conditioning.png": (conditioning.draw_bowls, "ten times as narrow is ten times as far"),
    "standardization.png": (conditioning.draw_standardization, "what the units of columns cost"),
    "momentum.png": (momentum.draw, "momentum, plain and Nesterov's, on a bowl of condition 100"),
    "landscapes.png": (landscape_paths.draw, "five methods on four landscapes"),
    "learning_rates.png": (learning_rates.draw, "rates too small, right and too large"),
    "schedules.png": (schedules.draw, "nine schedules, and how close each comes"),
    "stopping.png": (stopping.draw, "a validation loss that turns, and a certificate"),
}
