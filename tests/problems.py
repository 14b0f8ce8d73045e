"""Small problems that every estimator is tried on."""

from typing import Any

import numpy as np

import fallline as fl
from fallline.typing import Float64Array

ESTIMATORS = [
    fl.ElasticNet,
    fl.Lasso,
    fl.LinearRegression,
    fl.Ridge,
    fl.LogisticRegression,
    fl.SGDClassifier,
    fl.SGDRegressor,
]
CLASSIFIERS = [fl.LogisticRegression, fl.SGDClassifier]


def problem(
    n_samples: int = 300, n_features: int = 6, *, classes: bool = False, seed: int = 0
) -> tuple[Float64Array, Any, Float64Array]:
    """Rows, targets and weights."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    z = X @ rng.standard_normal(n_features) + rng.standard_normal(n_samples) + 0.5
    return X, np.where(z > 0, "yes", "no") if classes else z, 3 * rng.random(n_samples)


def targets_for(kind: type, z: Float64Array) -> Any:
    return np.where(z > 0, 1, 0) if kind in CLASSIFIERS else z


def seeded(kind: type) -> dict[str, Any]:
    return {"random_state": 0} if kind in {fl.SGDClassifier, fl.SGDRegressor} else {}
