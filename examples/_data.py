"""Data sets for the examples."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return images of shape (n, 28, 28), of bytes, and their labels, the numbers 0 to 9.

    They are 10,000 of MNIST (LeCun, Bottou, Bengio and Haffner, 1998), in ``mnist10k.npz`` of the
    folder FALLLINE_TEST_DATA, or else 1,797 smaller ones that come with scikit-learn.
    """
    if (found := stored("mnist10k")) is not None:
        return found["X"].reshape(-1, 28, 28), found["y"].astype(np.int64)
    from sklearn.datasets import load_digits

    sys.stdout.write("mnist10k.npz is absent: scikit-learn's 1,797 digits of 8 x 8 instead\n")
    small = load_digits()
    images = np.kron(small.images, np.ones((3, 3))) * (255 / 16)
    return np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.uint8), small.target.astype(np.int64)


def stored(name: str) -> dict[str, Any] | None:
    """Return the arrays of ``<name>.npz`` in that folder, or None where it is absent."""
    path = Path(os.environ.get("FALLLINE_TEST_DATA", _FOLDER)) / f"{name}.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
