"""SAGA and SVRG: their steps against NumPy, where they lead, and what is said of them."""

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest

import fallline as fl
import reference_losses
import reference_variance as reference
from fallline import _core
from fallline.typing import Float64Array
from loss_cases import PARAMETERS, of_python, targets_near
from reference import objective

SMOOTH = [
    name
    for name in reference_losses.LOSSES
    if name not in {"hinge", "quantile", "epsilon_insensitive", "perceptron"}
]
METHODS = {"last_turn": reference.SAGA, "snapshot": reference.SVRG}
OPTIMIZERS = {"last_turn": fl.optim.SAGA, "snapshot": fl.optim.SVRG}
N, D, EPOCHS, SEED = 60, 5, 3, 3
EPS = float(np.finfo(np.float64).eps)


@cache
def problem(name: str, *, l2: float = 0.1, l1: float = 0.0, zeros: float = 0.0) -> Any:
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(N, D)) * [0.2, 1.0, 2.0, 0.5, 1.0]
    X[rng.uniform(size=(N, D)) < zeros] = 0.0
    y = targets_near(name, X @ rng.normal(size=D) * 0.3 + 0.2 + 0.3 * rng.normal(size=N))
    s = rng.uniform(0.5, 2.0, N)
    return reference.Problem(X, y, s, reference_losses.LOSSES[name], l2, l1, fit_intercept=True)


def orders(shuffle: str) -> list[list[int]]:
    if shuffle == "none":
        return EPOCHS * [list(range(N))]
    return [_core.epoch_order(shuffle, N, D, SEED, epoch).tolist() for epoch in range(EPOCHS)]


def make_loop(p: Any, memory: str, rate: float | None, X: Any = None, **options: Any) -> Any:
    settings: dict[str, Any] = {"shuffle": "rows", "seed": SEED, "fit_intercept": p.fit_intercept}
    name = next(k for k, loss in reference_losses.LOSSES.items() if loss is p.loss)
    return _core.VarianceReducedLoop(
        p.X if X is None else X,
        p.y,
        p.s,
        loss=name,
        loss_parameters=PARAMETERS[name],
        l2=p.l2,
        l1=p.l1,
        memory=memory,
        line_search=rate is None,
        **(settings | options),
    )


def as_csr(X: Float64Array) -> _core.CsrMatrix:
    rows, columns = np.nonzero(X)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(X)))])
    return _core.CsrMatrix(
        X[rows, columns], columns.astype(np.int32), starts.astype(np.int32), X.shape[1]
    )


def check(loop: Any, expected: reference.Trained) -> None:
    """The same to rounding: each of N * EPOCHS steps adds some D roundings of numbers below 10.

    Steps contract, so that errors add up at most; a search that ended otherwise is far beyond.
    """
    allowed = 10.0 * N * EPOCHS * D * EPS
    assert np.abs(loop.coef - expected.coef).max() <= allowed
    assert abs(loop.intercept - expected.intercept) <= allowed
    assert abs(loop.learning_rate - expected.rate) <= allowed * expected.rate


@pytest.mark.parametrize("rate", [0.005, None], ids=["fixed", "found"])
@pytest.mark.parametrize("memory", METHODS)
@pytest.mark.parametrize("name", SMOOTH)
def test_steps_are_those_of_numpy(name: str, memory: str, rate: float | None) -> None:
    p = problem(name)
    loop = make_loop(p, memory, rate)
    loop.run(np.full(N * EPOCHS, 1.0 if rate is None else rate))
    check(loop, reference.train(p, METHODS[memory], rate, orders("rows")))
    assert loop.step == N * EPOCHS
    assert loop.snapshots == (2 if memory == "snapshot" else 0)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("memory", METHODS)
@pytest.mark.parametrize("name", ["squared", "logistic"])
def test_with_both_penalties_on_dense_and_sparse_rows(name: str, memory: str, sparse: bool) -> None:
    p = problem(name, l2=0.05, l1=0.02, zeros=0.6)
    rarity = N / (p.X != 0.0).sum(axis=0) if sparse else None
    loop = make_loop(p, memory, None, as_csr(p.X) if sparse else None, shuffle="none")
    loop.run(np.ones(N * EPOCHS))
    check(loop, reference.train(p, METHODS[memory], None, orders("none"), rarity))


@pytest.mark.parametrize("memory", METHODS)
def test_chunks_of_any_length_have_the_same_bits(memory: str) -> None:
    p = problem("logistic")
    whole, parts = make_loop(p, memory, None), make_loop(p, memory, None)
    whole.run(np.ones(N * EPOCHS))
    for count in (1, 58, 1, 2, 60, 58):
        parts.run(np.ones(count))
    assert (whole.coef == parts.coef).all()
    assert whole.intercept == parts.intercept


@pytest.mark.parametrize("memory", METHODS)
@pytest.mark.parametrize("penalty", [fl.penalties.L2(0.01), fl.penalties.L1(0.01)], ids=str)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", ["squared", "logistic", "poisson", "huber"])
def test_a_rate_that_is_found_leads_to_the_optimum(
    name: str, sparse: bool, penalty: Any, memory: str
) -> None:
    p = problem(name, zeros=0.5 if sparse else 0.0)
    loss, X = of_python(name), p.X
    y = p.y if not loss.classifies else p.y > 0
    if sparse:
        X = pytest.importorskip("scipy.sparse").csr_array(X)
    trainer = fl.Trainer(loss, penalty=penalty, optimizer=OPTIMIZERS[memory](), epochs=600)
    fit = trainer.fit(X, y, sample_weight=p.s)
    best = fl.Trainer(loss, penalty=penalty, tol=1e-10).fit(X, y, sample_weight=p.s)
    value = objective(
        p.X,
        p.y,
        fit.coef.astype(np.float64),
        fit.intercept,
        loss=name,
        loss_parameters=p.loss.parameters,
        alpha=penalty.alpha,
        l1_ratio=penalty.l1_ratio,
        sample_weight=p.s,
    )
    assert value - best.report["value"] <= 1e-9 * value
    assert fit.coef.dtype == np.float64


@pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
@pytest.mark.parametrize("memory", METHODS)
def test_bits_know_nothing_of_targets_threads_and_layout(memory: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 20))
    y = X[:, 0] + rng.standard_normal(3000) > 0
    found = set()
    fused = [target for target in _core.targets() if target != "baseline"]
    for target, threads in itertools.product(fused or ["baseline"], (1, 2, 3)):
        fl.set_target(target)
        fl.set_num_threads(threads)
        for rows in (X, np.asfortranarray(X)):
            trainer = fl.Trainer(fl.losses.Logistic(), optimizer=OPTIMIZERS[memory](), epochs=3)
            fit = trainer.fit(rows, y)
            found.add((fit.coef.tobytes(), fit.intercept))
    assert len(found) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [0.0, 1e4])
@pytest.mark.parametrize("memory", METHODS)
def test_standardized_columns(memory: str, far: float, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((400, 3)) * [1.0, 100.0, 0.5] + [far, 5.0, -1.0]).astype(dtype)
    y = (X - X.mean(axis=0, dtype=np.float64)) @ [1.0, -0.02, 2.0] + 3.0
    trainer = fl.Trainer(
        fl.losses.Squared(), optimizer=OPTIMIZERS[memory](), epochs=300, standardize=True
    )
    fit = trainer.fit(X, y.astype(dtype))
    # y is exact to eps times its size, which the weight of the smallest column divides by 0.5.
    allowed = 100 * float(np.finfo(dtype).eps)
    assert np.abs(fit.coef - [1.0, -0.02, 2.0]).max() <= allowed
    assert fit.coef.dtype == dtype


def test_the_report_counts_snapshots_and_the_history_tells_rates() -> None:
    p = problem("logistic")
    trainer = fl.Trainer(fl.losses.Logistic(), optimizer=fl.optim.SVRG(), epochs=4)
    fit = trainer.fit(p.X, p.y > 0)
    assert fit.report["passes"] == 6.0
    assert fit.report["bytes_read"] == 6 * p.X.nbytes
    assert all(rate > 0.0 for rate in fit.history["learning_rate"])
    assert len(set(fit.history["learning_rate"])) == 4
    assert "6 passes over the data" in str(fit)


@pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
def test_a_schedule_multiplies_what_is_given() -> None:
    p = problem("squared")
    rate = fl.schedules.Constant(0.05).then(0.01, at=N)
    fits = [
        fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SAGA(r), epochs=2).fit(p.X, p.y)
        for r in (rate, lambda step: 0.05 if step < N else 0.01)
    ]
    assert (fits[0].coef == fits[1].coef).all()
    assert fits[0].history["learning_rate"] == [0.05, 0.01]


def test_rows_and_columns_of_nothing() -> None:
    p = problem("logistic")
    X = p.X.copy()
    X[:, 2], X[7] = 0.0, 0.0
    s = p.s.copy()
    s[:9] = 0.0
    for X_like in (X, pytest.importorskip("scipy.sparse").csr_array(X)):
        trainer = fl.Trainer(fl.losses.Logistic(), optimizer=fl.optim.SAGA(), epochs=5)
        fit = trainer.fit(X_like, p.y > 0, sample_weight=s)
        assert np.isfinite(fit.coef).all()
        assert fit.coef[2] == 0.0


def test_a_rate_too_large_is_said() -> None:
    p = problem("squared")
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SAGA(10.0))
    with pytest.raises(fl.DivergenceError, match="learning_rate=10; lower it"):
        trainer.fit(p.X, p.y)


@pytest.mark.parametrize(("of_X", "of_y"), [(1e80, 1e80), (1e160, 1.0)])
@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_squares_that_are_not_finite_end_it(kind: Any, of_X: float, of_y: float) -> None:
    """Those of the rows, or of their gradients: the search would have no end."""
    p = problem("squared")
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=kind(), epochs=3)
    with pytest.raises(fl.DivergenceError, match="standardize X"):
        trainer.fit(of_X * p.X, of_y * p.y)


@pytest.mark.parametrize("kind", OPTIMIZERS.values())
def test_what_they_cannot_do_is_refused(kind: Any) -> None:
    for loss in (fl.losses.Hinge(), fl.losses.Quantile(), fl.losses.Perceptron()):
        with pytest.raises(ValueError, match=f"loss must have no kinks with {kind.__name__}"):
            fl.Trainer(loss, optimizer=kind())
    p = problem("squared")
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=kind())
    with pytest.raises(ValueError, match=f"one output with {kind.__name__}, got 2 targets; use"):
        trainer.fit(p.X, np.stack([p.y, p.y], axis=1))
    with pytest.raises(ValueError, match=f"name an optimizer.*got '{kind.__name__}'"):
        fl.sweep(trainer, p.X, p.y, learning_rate=[0.1])
    with pytest.raises(TypeError, match="learning_rate must be a positive finite number"):
        kind("automatic")
