"""SGD and Adam with learning rates that are found: against NumPy, and what they are good for."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference_rates
from fallline import _core
from fallline.typing import Float64Array

N, D, BATCH, EPOCHS, SEED = 90, 7, 20, 6, 3
L2 = 0.05
KINDS = {"sgd": fl.optim.SGD, "adam": fl.optim.Adam}
LOSSES = {"squared": fl.losses.Squared(), "logistic": fl.losses.Logistic()}


def problem(n: int = N, d: int = D) -> tuple[Float64Array, Float64Array, Float64Array]:
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal((n, d))
    z = X @ rng.standard_normal(d) + 0.3 + rng.standard_normal(n)
    return X, z, rng.uniform(0.5, 2.0, n)


def batches(seed: int = SEED) -> list[list[int]]:
    rows = []
    for epoch in range(EPOCHS):
        order = _core.epoch_order("rows", N, D, seed, epoch).tolist()
        rows += [order[k : k + BATCH] for k in range(0, N, BATCH)]
    return rows


@pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rule", KINDS)
def test_steps_and_their_mean_are_those_of_numpy(
    rule: str, loss: str, starts: bool, dtype: Any
) -> None:
    X, z, s = (a.astype(dtype).astype(np.float64) for a in problem())
    y = z if loss == "squared" else np.where(z > 0, 1.0, -1.0)
    start = np.linspace(-1.0, 1.0, D + 1) if starts else np.zeros(D + 1)
    trainer = fl.Trainer(
        LOSSES[loss],
        penalty=fl.penalties.L2(L2),
        optimizer=KINDS[rule]("auto"),
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle="rows",
        seed=SEED,
    )
    begin: dict[str, Any] = {"coef": start[:-1], "intercept": float(start[-1])} if starts else {}
    start = np.append(start[:-1].astype(dtype).astype(np.float64), start[-1])
    data = (X.astype(dtype), y.astype(dtype) if loss == "squared" else y > 0)
    fit = trainer.fit(*data, sample_weight=s.astype(dtype), **begin)
    expected = reference_rates.train(
        X, y, s, rule=rule, loss=loss, batches=batches(), l2=L2, start=start
    )
    # Each of 30 steps adds the roundings of 20 rows of 7 numbers; rates of DoWG and d of Prodigy
    # grow by what they find, for which a factor of 10 is left.
    allowed = 10 * EPOCHS * len(batches()) * D * float(np.finfo(dtype).eps)
    size = 1.0 + np.abs(expected.coef).max()
    assert np.abs(fit.coef - expected.coef).max() <= allowed * size
    assert abs(fit.intercept - expected.intercept) <= allowed * size
    if rule == "adam" and starts:  # steps begin at 1e-6, of which weights of 1 lose some digits
        allowed += float(np.finfo(dtype).eps) / 1e-6
    assert abs(fit.history["learning_rate"][-1] - expected.rate) <= allowed * expected.rate
    assert fit.coef.dtype == dtype


@pytest.mark.parametrize("rule", KINDS)
def test_bits_know_nothing_of_targets_threads_and_layout(rule: str) -> None:
    X, z, _ = problem(3000, 20)
    found = set()
    for target in [target for target in _core.targets() if target != "baseline"] or ["baseline"]:
        fl.set_target(target)
        for threads, rows in ((1, X), (2, np.asfortranarray(X)), (3, X)):
            fl.set_num_threads(threads)
            trainer = fl.Trainer(fl.losses.Squared(), optimizer=KINDS[rule]("auto"), epochs=8)
            fit = trainer.fit(rows, z)
            found.add((fit.coef.tobytes(), fit.intercept))
    assert len(found) == 1


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("loss", LOSSES)
def test_dowg_comes_close_on_columns_of_any_size(loss: str, scale: float) -> None:
    """Within a hundredth of F, where the best of all constant rates depends on the scale."""
    X, z, _ = problem(5000, 10)
    y = z if loss == "squared" else z > 0
    optimizer = fl.optim.SGD("auto")
    fit = fl.Trainer(LOSSES[loss], optimizer=optimizer, epochs=30, standardize=True).fit(
        scale * X, y
    )
    best = fl.Trainer(LOSSES[loss]).fit(scale * X, y)
    margins = X * scale @ fit.coef + fit.intercept
    if loss == "squared":
        value = 0.5 * np.mean((margins - z) ** 2)
    else:
        value = np.logaddexp(0.0, -np.where(y, 1.0, -1.0) * margins).mean()
    assert value <= 1.01 * best.report["value"]


@pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
@pytest.mark.parametrize("n_features", [3, 40])  # lanes of heads, and of features
@pytest.mark.parametrize("rule", KINDS)
def test_targets_share_one_rate(rule: str, n_features: int, dtype: Any) -> None:
    """Two targets are one model of X beside itself, whose F is half of theirs.

    Neither rule sees that half: what it finds makes up for it.
    """
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal((60, n_features)).astype(dtype).astype(np.float64)
    Y = (X[:, :2] + rng.standard_normal((60, 2))).astype(dtype).astype(np.float64)
    optimizer = fl.optim.SGD("auto") if rule == "sgd" else fl.optim.Adam("auto", eps=0.0)
    trainer = fl.Trainer(
        fl.losses.Squared(),
        penalty=fl.penalties.L2(L2),
        optimizer=optimizer,
        batch_size=None,
        epochs=40,
        shuffle=False,
        fit_intercept=False,
    )
    fit = trainer.fit(X.astype(dtype), Y.astype(dtype))
    twice = np.kron(np.eye(2), X)
    alone = fl.Trainer(
        fl.losses.Squared(),
        penalty=fl.penalties.L2(0.5 * L2),
        optimizer=optimizer,
        batch_size=None,
        epochs=40,
        shuffle=False,
        fit_intercept=False,
    ).fit(twice, Y.T.ravel())
    size = 1.0 + np.abs(alone.coef).max()
    allowed = 40 * 60 * n_features * float(np.finfo(dtype).eps) * size
    assert np.abs(fit.coef.T.ravel() - alone.coef).max() <= allowed
    assert fit.coef.dtype == dtype
    assert all(rate > 0.0 for rate in fit.history["learning_rate"])


@pytest.mark.parametrize("rule", KINDS)
def test_classes_are_learnt(rule: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 6))
    y = (X @ rng.standard_normal((6, 4))).argmax(axis=1)
    trainer = fl.Trainer(fl.losses.Softmax(), optimizer=KINDS[rule]("auto"), epochs=60)
    fit = trainer.fit(X, y)
    assert np.mean(fit.predict(X) == y) >= 0.95


def test_a_mean_that_a_callback_reads_is_what_is_returned() -> None:
    X, z, _ = problem()
    seen = []

    class Look(fl.callbacks.Callback):
        def on_epoch_end(self, run: Any) -> None:
            seen.append(run.weights)

    trainer = fl.Trainer(
        fl.losses.Squared(), optimizer=fl.optim.SGD("auto"), epochs=30, callbacks=[Look()]
    )
    fit = trainer.fit(X, z)
    assert (seen[-1][0] == fit.coef).all()
    assert seen[-1][1] == fit.intercept


def test_a_gradient_of_zero_stays_where_it_is() -> None:
    X = np.zeros((100, 2))
    for kind in KINDS.values():
        trainer = fl.Trainer(fl.losses.Squared(), optimizer=kind("auto"), epochs=3)
        fit = trainer.fit(X, np.zeros(100))
        assert fit.coef.tolist() == [0.0, 0.0]
        assert fit.intercept == 0.0


def test_what_finds_no_rate_is_refused() -> None:
    X, z, _ = problem()
    kinds: list[Any] = [fl.optim.Adagrad, fl.optim.FTRL]
    for kind in kinds:
        with pytest.raises(ValueError, match=f"with {kind.__name__}, got 'auto'; SGD, Adam and Ad"):
            kind("auto")
    with pytest.raises(ValueError, match=r"momentum must be 0 with .*='auto', got 0\.9"):
        fl.optim.SGD("auto", momentum=0.9)
    with pytest.raises(ValueError, match=r"to step arrays, got 'auto', which fallline\.Trainer"):
        fl.optim.Adam("auto").step(np.ones(2), np.ones(2))
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD("auto"))
    with pytest.raises(ValueError, match=r"a function with sparse X, got 'auto'; use fl\.optim"):
        trainer.fit(pytest.importorskip("scipy.sparse").csr_array(X), z)
    with pytest.raises(ValueError, match="learning_rate must be tried, or a number in the optimi"):
        fl.sweep(
            fl.Trainer(
                fl.losses.Squared(), penalty=fl.penalties.L2(0), optimizer=fl.optim.SGD("auto")
            ),
            X,
            z,
            alpha=[0.1],
        )


def test_a_number_may_take_the_place_of_a_rate_to_be_found() -> None:
    adam = fl.optim.Adam("auto")
    assert adam.finds_rate
    adam.learning_rate = 0.5
    assert not adam.finds_rate
    w = np.array([1.0, -2.0])
    adam.step(w, 2 * w)
    assert np.allclose(w, [0.5, -1.5])
