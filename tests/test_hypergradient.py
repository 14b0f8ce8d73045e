"""Derivatives of the validation loss, against finite differences of trainings."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline import _core
from fallline.typing import Float64Array

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

N, D = 120, 4
ALPHAS = np.array([0.1, 0.2, 0.05, 0.3])
LOSSES = [fl.losses.Squared(), fl.losses.Logistic(), fl.losses.Huber(1.35), fl.losses.Poisson()]
RULES: dict[str, dict[str, Any]] = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8, "nesterov": True},
    "dampening": {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
}

# A central difference with steps of h is off by h^2 / 6 times a third derivative, which is of the
# size of the first here, and by the rounding of V, some 10 eps V, over h.
STEP = 1e-4
TOLERANCE = 1e-6


def rows(loss: fl.losses.Loss, seed: int = 0) -> tuple[Any, Any, Any, tuple[Any, Any]]:
    """Rows to train on, with targets and weights, and others."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N + 90, D)) * [1.0, 2.0, 0.5, 1.0]
    margins = X @ [0.5, -0.25, 0.0, 1.0] + 0.25
    if loss.classifies:
        y: Any = margins + rng.logistic(size=len(X)) > 0.0
    elif loss.log_link:
        y = rng.poisson(np.exp(margins)).astype(np.float64)
    else:
        y = margins + rng.standard_normal(len(X))
    weights = rng.integers(1, 4, N).astype(np.float64)
    return X[:N], y[:N], weights, (X[N:], y[N:])


def loss_of(loss: fl.losses.Loss, fit: fl.Fit, held_out: tuple[Any, Any]) -> float:
    X, y = held_out
    targets = np.where(y, 1.0, -1.0) if loss.classifies else y
    margins = fit.decision_function(X)
    return float(_core.loss_values(loss.name, margins, targets, loss.parameters).mean())


def difference(value: Any) -> float:
    return float((value(STEP) - value(-STEP)) / (2 * STEP))


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_at_the_optimum_they_are_those_of_differences(
    loss: fl.losses.Loss, standardize: bool
) -> None:
    X, y, weights, held_out = rows(loss)

    def at(alphas: Float64Array) -> fl.Hypergradient:
        trainer = fl.Trainer(
            loss, penalty=fl.penalties.WeightedL2(alphas), standardize=standardize, tol=1e-3
        )
        return fl.hypergradient(trainer, X, y, validation=held_out, sample_weight=weights)

    found = at(ALPHAS)
    for j in range(D):
        unit = np.eye(D)[j]
        expected = difference(lambda h, unit=unit: at(ALPHAS * np.exp(h * unit)).value)
        assert found.log_alpha[j] == pytest.approx(expected, abs=TOLERANCE)
    assert np.isnan(found.log_learning_rate)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_value_is_the_loss_of_the_optimum(dtype: Any) -> None:
    loss = fl.losses.Logistic()
    X, y, _, held_out = rows(loss)
    X, held_out = X.astype(dtype), (held_out[0].astype(dtype), held_out[1])
    trainer = fl.Trainer(loss, penalty=fl.penalties.L2(0.1))
    found = fl.hypergradient(trainer, X, y, validation=held_out)
    # F within 1e-14 leaves some 1e-7 for the weights, and for V.
    fit = fl.Trainer(loss, penalty=fl.penalties.L2(0.1), tol=1e-14).fit(X.astype(np.float64), y)
    exact = held_out[0].astype(np.float64), held_out[1]
    assert found.value == pytest.approx(loss_of(loss, fit, exact), rel=1e-6)


def test_sparse_rows_have_those_of_dense_ones() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    loss = fl.losses.Squared()
    X, y, weights, held_out = rows(loss)
    trainer = fl.Trainer(loss, penalty=fl.penalties.WeightedL2(ALPHAS))
    options = {"validation": held_out, "sample_weight": weights}
    expected = fl.hypergradient(trainer, X, y, **options)
    found = fl.hypergradient(trainer, sparse.csr_array(X), y, **options)
    np.testing.assert_allclose(found.log_alpha, expected.log_alpha, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [32, None])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", LOSSES[:2], ids=lambda loss: loss.name)
def test_through_the_steps_they_are_those_of_differences(
    loss: fl.losses.Loss, rule: str, batch_size: int | None
) -> None:
    X, y, weights, held_out = rows(loss)

    def trainer(by_alpha: float = 0.0, by_rate: float = 0.0) -> fl.Trainer:
        rate = fl.schedules.Cosine(0.05 * np.exp(by_rate), steps=20)
        return fl.Trainer(
            loss,
            penalty=fl.penalties.L2(0.1 * np.exp(by_alpha)),
            optimizer=fl.optim.SGD(rate, **RULES[rule]),
            batch_size=batch_size,
            epochs=5,
        )

    def value(**by: float) -> float:
        return loss_of(loss, trainer(**by).fit(X, y, sample_weight=weights), held_out)

    found = fl.hypergradient(trainer(), X, y, validation=held_out, sample_weight=weights)
    assert found.value == pytest.approx(value(), rel=1e-13)
    by_alpha = difference(lambda h: value(by_alpha=h))
    assert found.log_alpha.sum() == pytest.approx(by_alpha, abs=TOLERANCE)
    by_rate = difference(lambda h: value(by_rate=h))
    assert found.log_learning_rate == pytest.approx(by_rate, abs=TOLERANCE)


def test_each_alpha_through_the_steps_is_its_own() -> None:
    loss = fl.losses.Squared()
    X, y, _, held_out = rows(loss)
    rate, n_steps = 0.05, 12

    def value(alphas: Float64Array) -> float:
        w, b = np.zeros(D), 0.0
        for _ in range(n_steps):
            residuals = X @ w + b - y
            w, b = w - rate * (X.T @ residuals / N + alphas * w), b - rate * residuals.mean()
        return float((0.5 * (held_out[0] @ w + b - held_out[1]) ** 2).mean())

    trainer = fl.Trainer(
        loss,
        penalty=fl.penalties.L2(0.1),
        optimizer=fl.optim.SGD(rate),
        batch_size=None,
        epochs=n_steps,
        shuffle=False,
    )
    found = fl.hypergradient(trainer, X, y, validation=held_out)
    for j in range(D):
        unit = np.eye(D)[j]
        expected = difference(lambda h, unit=unit: value(0.1 * np.exp(h * unit)))
        assert found.log_alpha[j] == pytest.approx(expected, abs=TOLERANCE)


def test_without_an_intercept_there_is_none() -> None:
    loss = fl.losses.Squared()
    X, y, _, held_out = rows(loss)
    values = []
    for optimizer, epochs in (("auto", None), (fl.optim.SGD(0.1, momentum=0.9), 400)):
        trainer = fl.Trainer(
            loss,
            penalty=fl.penalties.L2(0.1),
            optimizer=optimizer,  # type: ignore[arg-type]
            fit_intercept=False,
            batch_size=None,
            epochs=epochs,
        )
        values.append(fl.hypergradient(trainer, X, y, validation=held_out))
    at_optimum, after_steps = values
    # 400 steps with momentum leave 0.9^200 of the way, as far as the square root of that of w.
    assert after_steps.value == pytest.approx(at_optimum.value, rel=1e-8)
    np.testing.assert_allclose(after_steps.log_alpha, at_optimum.log_alpha, rtol=0, atol=1e-6)
    assert abs(after_steps.log_learning_rate) < 1e-6


def test_any_number_of_threads_gives_the_same_bits() -> None:
    loss = fl.losses.Logistic()
    X, y, weights, held_out = rows(loss)
    before = fl.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            fl.set_num_threads(threads)
            of_threads = []
            for optimizer in ("auto", fl.optim.SGD(0.1)):
                trainer = fl.Trainer(
                    loss,
                    penalty=fl.penalties.L2(0.1),
                    optimizer=optimizer,
                )
                result = fl.hypergradient(trainer, X, y, validation=held_out, sample_weight=weights)
                of_threads.append(result.log_alpha.tobytes())
            found.append(of_threads)
    finally:
        fl.set_num_threads(before)
    assert found[0] == found[1] == found[2]


# What is refused.

L2 = fl.penalties.L2(0.1)
SQUARED = fl.losses.Squared()


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        (fl.Trainer(fl.losses.Quantile(), penalty=L2), r"loss must be smooth, got Quantile"),
        (fl.Trainer(SQUARED), r"penalty must be L2 with a positive alpha, got None; fl"),
        (fl.Trainer(SQUARED, penalty=fl.penalties.L1(0.1)), r"penalty must be L2 with a pos"),
        (fl.Trainer(SQUARED, penalty=fl.penalties.L2(0.0)), r"penalty must be L2 with a pos"),
        (
            fl.Trainer(SQUARED, penalty=L2, optimizer=fl.optim.Adam()),
            r"optimizer must be 'auto' or SGD with a learning rate, got",
        ),
        (
            fl.Trainer(SQUARED, penalty=L2, optimizer=fl.optim.SGD("auto")),
            r"optimizer must be 'auto' or SGD with a learning rate, got",
        ),
        (
            fl.Trainer(SQUARED, penalty=L2, optimizer=fl.optim.SGD(0.1), standardize=True),
            r"standardize must be False with SGD",
        ),
        (
            fl.Trainer(
                SQUARED,
                penalty=L2,
                optimizer=fl.optim.SGD(fl.schedules.ReduceOnPlateau(0.1)),
            ),
            r"learning_rate must follow from the step number, got ReduceOnPlateau",
        ),
        (
            fl.Trainer(
                SQUARED,
                penalty=L2,
                optimizer=fl.optim.SGD(0.1),
                callbacks=[fl.callbacks.EarlyStopping(patience=1)],
            ),
            r"callbacks must be empty with SGD, as all steps are differentiated",
        ),
        (
            fl.Trainer(SQUARED, penalty=L2, optimizer=fl.optim.SGD(0.1), max_time=1.0),
            r"max_time must be None with SGD, as all steps are differentiated",
        ),
        (
            fl.Trainer(SQUARED, penalty=L2, max_time=1e-9),
            r"trainer must come to an optimum, got status 'budget'; raise max_time",
        ),
        (
            fl.Trainer(SQUARED, penalty=fl.penalties.WeightedL2([1.0])),
            r"penalty must have an alpha for each of the 4 features, got 1",
        ),
    ],
)
def test_trainings_without_derivatives_are_refused(trainer: fl.Trainer, message: str) -> None:
    X, y, _, held_out = rows(SQUARED)
    with pytest.raises(ValueError, match=message):
        fl.hypergradient(trainer, X, y, validation=held_out)


def test_data_without_derivatives_are_refused() -> None:
    X, y, _, held_out = rows(SQUARED)
    trainer = fl.Trainer(SQUARED, penalty=L2)
    with pytest.raises(TypeError, match=r"trainer must be a fallline.Trainer, got Squared"):
        fl.hypergradient(SQUARED, X, y, validation=held_out)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"validation must be a tuple \(X, y\), got None"):
        fl.hypergradient(trainer, X, y, validation=None)  # type: ignore[arg-type]
    both = np.column_stack([y, y])
    with pytest.raises(ValueError, match=r"y must have one output, got several targets"):
        fl.hypergradient(trainer, X, both, validation=(X, both))
    wide = np.zeros((3, 1500))
    with pytest.raises(ValueError, match=r"X must have fewer than 1500 features, as each is an"):
        fl.hypergradient(trainer, wide, y[:3], validation=(wide, y[:3]))
    sparse = pytest.importorskip("scipy.sparse")
    by_steps = fl.Trainer(SQUARED, penalty=L2, optimizer=fl.optim.SGD(0.1))
    other = sparse.csr_array(held_out[0]), held_out[1]
    for rows_of_X, validation in ((sparse.csr_array(X), held_out), (X, other)):
        with pytest.raises(ValueError, match=r"X must be dense with SGD, got a sparse matrix"):
            fl.hypergradient(by_steps, rows_of_X, y, validation=validation)


def test_a_penalty_of_each_feature_is_for_the_optimum_alone() -> None:
    with pytest.raises(ValueError, match=r"optimizer must be 'auto' with WeightedL2, got SGD"):
        fl.Trainer(SQUARED, penalty=fl.penalties.WeightedL2(ALPHAS), optimizer=fl.optim.SGD(0.1))
    with pytest.raises(ValueError, match=r"alphas\[1\] must be a positive finite number, got 0.0"):
        fl.penalties.WeightedL2([1.0, 0.0])
    for wrong in (0.1, np.array(0.1), {"a": 1.0}, "1"):
        with pytest.raises(TypeError, match=r"alphas must be a list or array of numbers, one for"):
            fl.penalties.WeightedL2(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"alphas must have a number for each feature, got none"):
        fl.penalties.WeightedL2([])
    wide = fl.Trainer(SQUARED, penalty=fl.penalties.WeightedL2(np.ones(1500)))
    with pytest.raises(ValueError, match=r"at most 1499 features for a penalty of root alpha w"):
        wide.fit(np.ones((3, 1500)), np.arange(3.0))
    X = rows(SQUARED)[0]
    both = np.column_stack([X[:, 0], X[:, 1]])
    with pytest.raises(ValueError, match=r"penalty must be the same for all features with severa"):
        fl.Trainer(SQUARED, penalty=fl.penalties.WeightedL2(ALPHAS)).fit(X, both)


def test_a_penalty_of_each_feature_is_that_of_scaled_columns() -> None:
    X, y, _, _ = rows(SQUARED)
    weighted = fl.Trainer(SQUARED, penalty=fl.penalties.WeightedL2(ALPHAS), tol=1e-13).fit(X, y)
    roots = np.sqrt(ALPHAS)
    scaled = fl.Trainer(SQUARED, penalty=fl.penalties.L2(1.0), tol=1e-13).fit(X / roots, y)
    assert weighted.status == "certified"
    np.testing.assert_allclose(weighted.coef, scaled.coef / roots, rtol=1e-9)
    assert "|root alpha w|^2 / 2" in weighted.report["objective"]
