"""Models of several classes or targets through the Trainer: what they are, predict and keep."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference_heads
from arrays import eps
from fallline import _core
from fallline.typing import Float64Array
from reference import sigmoid

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")

CLASSIFIERS = [fl.losses.Softmax(), fl.losses.Logistic(), fl.losses.Hinge()]
FULL_BATCH: dict[str, Any] = {"batch_size": None, "epochs": 4000, "optimizer": fl.optim.SGD(1.0)}
LABELS: dict[str, Any] = {
    "ints": [1, 5, 7, 8],
    "floats": [-1.0, 0.0, 2.0, 4.0],
    "strings": ["a", "b", "cd", "e"],
    "bytes": [b"a", b"b", b"c", b"d"],
    "objects": np.array(["a", "b", "cd", "e"], object),
    "dates": np.arange("2020-01-01", "2020-01-05", dtype="M8[D]"),
}


def rows(n_samples: int = 200) -> Float64Array:
    return np.random.default_rng(0).standard_normal((n_samples, 5))


def numbers(X: Float64Array, n_classes: int = 4) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Classes that linear models tell apart but for some rows."""
    rng = np.random.default_rng(1)
    z = X @ rng.standard_normal((5, n_classes)) + rng.standard_normal((len(X), n_classes))
    return np.asarray(z.argmax(axis=1))


def targets(X: Float64Array, n_targets: int = 3) -> Float64Array:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((len(X), n_targets))
    return np.asarray(X @ rng.standard_normal((5, n_targets)) + 0.5 + 0.1 * noise)


def trainer(loss: fl.losses.Loss, **options: Any) -> fl.Trainer:
    settings = {"penalty": fl.penalties.L2(0.01), "optimizer": fl.optim.SGD(0.1), **options}
    return fl.Trainer(loss, **settings)


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("loss", CLASSIFIERS, ids=repr)
def test_any_labels_are_predicted_and_kept(loss: fl.losses.Loss, name: str, tmp_path: Path) -> None:
    X = rows()
    labels = np.asarray(LABELS[name])
    y = labels[numbers(X)]
    fit = trainer(loss, epochs=10).fit(X, y)
    assert fit.coef.shape == (5, 4)
    assert fit.intercept.shape == (4,)
    assert fit.classes is not None
    assert fit.classes.tolist() == labels.tolist()
    margins = fit.decision_function(X)
    np.testing.assert_allclose(margins, X @ fit.coef + fit.intercept, rtol=1e-12, atol=1e-12)
    assert fit.predict(X).tolist() == labels[margins.argmax(axis=1)].tolist()
    assert np.mean(fit.predict(X) == y) > 0.6
    fl.save(fit, tmp_path / "model.npz")
    loaded = fl.load(tmp_path / "model.npz")
    assert loaded.predict(X).tolist() == fit.predict(X).tolist()
    assert (loaded.loss, loaded.coef.tolist()) == (fit.loss, fit.coef.tolist())
    assert loaded.intercept.tolist() == fit.intercept.tolist()
    assert repr(fit) == f"<Fit of {loss!r} on 5 features and 4 outputs, status 'budget'>"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_are_softmax_of_the_margins(dtype: type) -> None:
    X: Any = rows().astype(dtype)
    fit = trainer(fl.losses.Softmax(), epochs=5).fit(X, numbers(X))
    z = fit.decision_function(X).astype(np.float64)
    exact = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    found = fit.predict_proba(X)
    assert found.dtype == dtype
    # A shift of each margin, an exponential of 1.1 ulp, a sum of four and a quotient.
    assert np.all(np.abs(found - exact) <= (8 + np.ptp(z)) * eps(np.dtype(dtype)) * exact)
    far = fl.Fit(np.array([[1e30, -1e30]]), np.zeros(2), fl.losses.Softmax(), np.array([0, 1]))
    assert far.predict_proba([[1.0]]).tolist() == [[1.0, 0.0]]


def test_probabilities_of_one_against_the_rest_are_shares_of_sigmoids() -> None:
    X = rows()
    fit = trainer(fl.losses.Logistic(), epochs=5).fit(X, numbers(X))
    shares = sigmoid(fit.decision_function(X).astype(np.float64))
    np.testing.assert_allclose(
        fit.predict_proba(X), shares / shares.sum(axis=1, keepdims=True), rtol=1e-14
    )
    huber = trainer(fl.losses.ModifiedHuber(), epochs=5).fit(X, numbers(X))
    shares = np.clip(0.5 + 0.5 * huber.decision_function(X), 0, 1)
    np.testing.assert_allclose(
        huber.predict_proba(X), shares / shares.sum(axis=1, keepdims=True), rtol=1e-14
    )
    nobody = fl.Fit(np.full((1, 3), -1e30), np.zeros(3), fl.losses.Logistic(), np.arange(3))
    np.testing.assert_allclose(nobody.predict_proba([[1.0]]), 1 / 3)
    with pytest.raises(ValueError, match=r"Logistic\(\), .* or Softmax\(\), got Hinge\(\)"):
        trainer(fl.losses.Hinge(), epochs=1).fit(X, numbers(X)).predict_proba(X)


@pytest.mark.parametrize("loss", CLASSIFIERS[1:], ids=repr)
def test_one_against_the_rest_is_one_binary_model_per_class(loss: fl.losses.Loss) -> None:
    X = rows()
    y = numbers(X)
    s = np.random.default_rng(3).uniform(0.5, 2.0, len(X))
    together = trainer(loss, epochs=3).fit(X, y, sample_weight=s)
    for k in range(4):
        alone = trainer(loss, epochs=3).fit(X, np.where(y == k, 1, -1), sample_weight=s)
        np.testing.assert_allclose(together.coef[:, k], alone.coef, rtol=1e-11, atol=1e-13)
        assert together.intercept[k] == pytest.approx(alone.intercept, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("optimizer", [fl.optim.SGD(0.1, momentum=0.5), fl.optim.AdamW(0.1)])
def test_several_targets_are_one_model_each(optimizer: Any) -> None:
    X = rows()
    Y = targets(X)
    options = {"optimizer": optimizer, "epochs": 3}
    validation = (X[:50], Y[:50])
    together = trainer(fl.losses.Squared(), **options).fit(X, Y, validation=validation)
    assert together.classes is None
    alone = [trainer(fl.losses.Squared(), **options).fit(X, y) for y in Y.T]
    for k, fit in enumerate(alone):
        np.testing.assert_allclose(together.coef[:, k], fit.coef, rtol=1e-11, atol=1e-13)
        assert together.intercept[k] == pytest.approx(fit.intercept, rel=1e-11, abs=1e-13)
    losses = [sum(epoch) for epoch in zip(*(f.history["running_loss"] for f in alone), strict=True)]
    np.testing.assert_allclose(together.history["running_loss"], losses, rtol=1e-12)
    errors = together.predict(X[:50]) - Y[:50]
    mean = 0.5 * np.sum(errors**2) / 50
    assert together.history["validation_loss"][-1] == pytest.approx(mean, rel=1e-12)


def test_models_of_several_counts_predict_means() -> None:
    X = rows()
    counts = np.floor(np.exp(0.3 * targets(X)))
    fit = trainer(fl.losses.Poisson(), epochs=3).fit(X, counts)
    assert fit.coef.shape == (5, 3)
    np.testing.assert_allclose(fit.predict(X), np.exp(fit.decision_function(X)), rtol=1e-14)
    counts[7, 1] = -1
    with pytest.raises(ValueError, match=r"y must not be negative with .*, got -1.0 at row 7, col"):
        trainer(fl.losses.Poisson(), epochs=3).fit(X, counts)


def test_softmax_reaches_the_optimum() -> None:
    X = rows(60)
    y = numbers(X, 3)
    fit = trainer(fl.losses.Softmax(), **FULL_BATCH).fit(X, y)
    z = X @ fit.coef + fit.intercept
    residuals = reference_heads.softmax_derivative(z, y.astype(np.float64)) / len(X)
    assert np.max(np.abs(X.T @ residuals + 0.01 * fit.coef)) < 1e-10
    assert np.max(np.abs(residuals.sum(axis=0))) < 1e-10


def test_softmax_of_two_classes_is_logistic_regression() -> None:
    X = rows(60)
    y = numbers(X, 2)
    two = trainer(fl.losses.Softmax(), penalty=fl.penalties.L2(0.02), **FULL_BATCH).fit(X, y)
    one = trainer(fl.losses.Logistic(), **FULL_BATCH).fit(X, y)
    assert two.coef.shape == (5, 2)
    # The penalty of w/2 and -w/2 is half that of w, hence twice the alpha.
    np.testing.assert_allclose(two.coef[:, 1] - two.coef[:, 0], one.coef, atol=1e-9)
    np.testing.assert_allclose(two.predict_proba(X), one.predict_proba(X), atol=1e-9)


def test_training_goes_on_from_given_weights() -> None:
    X = rows()
    y = numbers(X)
    first = trainer(fl.losses.Softmax(), epochs=2, shuffle=False).fit(X, y)
    second = trainer(fl.losses.Softmax(), epochs=1, shuffle=False).fit(
        X, y, coef=first.coef, intercept=first.intercept
    )
    whole = trainer(fl.losses.Softmax(), epochs=3, shuffle=False).fit(X, y)
    assert second.coef.tolist() == whole.coef.tolist()
    assert second.intercept.tolist() == whole.intercept.tolist()
    without = trainer(fl.losses.Softmax(), fit_intercept=False, epochs=1).fit(X, y)
    assert without.intercept.tolist() == [0.0] * 4


def test_the_history_and_the_start_know_all_classes() -> None:
    X = rows()
    early = fl.callbacks.EarlyStopping(patience=1)
    fit = trainer(
        fl.losses.Softmax(), optimizer=fl.optim.SGD(1e-9), epochs=1, callbacks=[early]
    ).fit(X, numbers(X))
    assert fit.history["running_loss"][0] == pytest.approx(np.log(4), rel=1e-6)
    rest = trainer(fl.losses.Logistic(), optimizer=fl.optim.SGD(1e-9), epochs=1).fit(X, numbers(X))
    assert rest.history["running_loss"][0] == pytest.approx(4 * np.log(2), rel=1e-6)


@pytest.mark.parametrize("y", [targets(rows()), numbers(rows())], ids=["targets", "classes"])
def test_divergence_is_reported_with_the_last_good_weights(y: Any) -> None:
    loss = fl.losses.Squared() if y.ndim == 2 else fl.losses.Softmax()
    rate = fl.optim.SGD(1e6)
    with pytest.raises(fl.DivergenceError, match="lower it or standardize X") as raised:
        fl.Trainer(loss, optimizer=rate, batch_size=8).fit(1e6 * rows(), y)
    assert raised.value.fit.status == "diverged"
    assert np.isfinite(raised.value.fit.coef).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda X, y: trainer(fl.losses.Softmax()).fit(X, y, coef=np.zeros(5)),
            r"coef must have shape \(5, 4\), one per feature and output, got \(5,\)",
        ),
        (
            lambda X, y: trainer(fl.losses.Softmax()).fit(X, y, intercept=1.0),
            r"intercept must have shape \(4,\), one per output, got \(\)",
        ),
        (
            lambda X, y: trainer(fl.losses.Softmax(), fit_intercept=False).fit(
                X, y, intercept=np.ones(4)
            ),
            "intercept must be None with fit_intercept=False",
        ),
        (
            lambda X, y: trainer(fl.losses.Softmax()).fit(X, y, validation=(X, y + 1)),
            r"validation y must hold the classes \[0, 1, 2, 3\], got 4 at row",
        ),
        (
            lambda X, y: trainer(fl.losses.Hinge()).fit(X, y, validation=(X, y.astype(str))),
            r"validation y must hold the classes \[0, 1, 2, 3\], got '\d' at row 0",
        ),
        (
            lambda X, _: trainer(fl.losses.Squared()).fit(
                X, targets(X), validation=(X, targets(X)[:, :2])
            ),
            "validation y must have the 3 columns of y, got 2",
        ),
        (
            lambda X, y: trainer(fl.losses.Softmax(), epochs=1).fit(X, y).predict(X[:, :4]),
            "X has 4 features, but this model was fitted with 5",
        ),
    ],
)
def test_wrong_arguments_are_refused(call: Any, message: str) -> None:
    X = rows()
    with pytest.raises(ValueError, match=message):
        call(X, numbers(X))


@pytest.mark.parametrize("batch_size", [64, None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", [*CLASSIFIERS, fl.losses.Squared()], ids=repr)
def test_the_same_bits_come_from_all_fma_targets_and_threads(
    loss: fl.losses.Loss, dtype: str, batch_size: int | None
) -> None:
    X: Any = rows(3000).astype(dtype)
    y = numbers(X, 10) if loss.classifies else targets(X).astype(dtype)
    found = set()
    for target in set(_core.targets()) - {"baseline"}:
        _core.set_target(target)
        for n_threads in (1, 2, 3):
            _core.set_num_threads(n_threads)
            fit = trainer(loss, batch_size=batch_size, epochs=2).fit(X, y)
            losses = np.array(fit.history["running_loss"])
            found.add(fit.coef.tobytes() + fit.intercept.tobytes() + losses.tobytes())
    assert len(found) == 1
