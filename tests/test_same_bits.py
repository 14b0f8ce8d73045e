"""The same data and seed give the same bits: run to run, thread to thread, target to target."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline import _core
from fallline.fit import Fit
from fallline.losses import Loss
from fallline.optim import Optimizer
from fallline.penalties import Penalty
from fallline.typing import FloatArray
from rule_cases import pairs

TESTS = Path(__file__).resolve().parent
GOLDEN = json.loads((TESTS / "golden" / "same_bits.json").read_text())

KINDS = [getattr(fl.losses, public) for public in fl.losses.__all__ if public != "Loss"]
# Those of one head; for several see test_heads.py and test_fit_heads.py.
LOSSES: dict[str, Loss] = {kind.name: kind() for kind in KINDS if not kind.coupled}
# 0.96 to the power of momentum_decay is 0.96 itself: the last bit of the C library's pow takes no
# part.
OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.rule: optimizer
    for optimizer in (
        fl.optim.SGD(0.01, weight_decay=0.01),
        fl.optim.SGD(0.01, momentum=0.75),
        fl.optim.SGD(0.01, momentum=0.75, nesterov=True),
        fl.optim.SGD(0.01, momentum=0.75, dampening=0.5),
        fl.optim.AdamW(0.01, betas=(0.5, 0.75), weight_decay=0.25),
        fl.optim.AdamW(0.01, betas=(0.5, 0.75), weight_decay=0.25, amsgrad=True),
        fl.optim.NAdam(0.01, momentum_decay=1.0),
        fl.optim.RAdam(0.01, betas=(0.5, 0.75)),
        fl.optim.Adamax(0.01),
        fl.optim.Adagrad(0.01),
        fl.optim.Adadelta(),
        fl.optim.RMSprop(0.01),
        fl.optim.RMSprop(0.01, momentum=0.75),
        fl.optim.RMSprop(0.01, centered=True),
        fl.optim.RMSprop(0.01, momentum=0.75, centered=True),
        fl.optim.ASGD(0.01, lambd=0.25, t0=3),
        fl.optim.Rprop(0.01),
        fl.optim.Lion(0.01),
        fl.optim.FTRL(0.01, l1=0.01, l2=0.01),
    )
}
PAIRS = pairs(LOSSES)
DTYPES = ["float32", "float64"]
# Every target but the baseline, which has no fused multiply-add.
FMA_TARGETS = [target for target in _core.targets() if target != "baseline"]
N_SAMPLES = 6001  # a short last batch for every size below but 1 and all
BATCH_SIZES = [1, 64, 5000, None]  # above 1024 rows a batch is divided among threads

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")


def problem(loss: str, dtype: str, n_samples: int, n_features: int) -> tuple[FloatArray, Any]:
    """Rows of small multiples of 1/512, which no platform's random numbers or rounding change."""
    i = np.arange(n_samples * n_features).reshape(n_samples, n_features)
    whole = (i * 7919) % 1009 - 504
    z = 3 * whole[:, 0] - 2 * whole[:, 1] + whole[:, 2]
    X = (whole / 512).astype(dtype)
    if LOSSES[loss].classifies:
        return X, np.where(z > 0, 1, -1)
    y = (z / 512).astype(dtype)
    return X, np.maximum(y, 0.25) if LOSSES[loss].log_link else y


def sample_weights(n_samples: int, dtype: str) -> FloatArray:
    return ((np.arange(n_samples) % 5 + 1) / 4).astype(dtype)


def random_arrays(dtype: str, n: int, count: int) -> list[FloatArray]:
    """Numbers whose products and sums are rounded."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(n).astype(dtype) for _ in range(count)]


def penalty_for(rule: str) -> Penalty:
    takes_l1 = isinstance(OPTIMIZERS[rule], fl.optim.SGD)
    return fl.penalties.ElasticNet(0.01, 0.5) if takes_l1 else fl.penalties.L2(0.01)


def train(
    loss: str, rule: str, dtype: str, batch_size: int | None, seed: int = 0, shuffle: Any = "blocks"
) -> bytes:
    """All that a fit computes."""
    X, y = problem(loss, dtype, N_SAMPLES, 21)
    trainer = fl.Trainer(
        LOSSES[loss],
        penalty=penalty_for(rule),
        optimizer=OPTIMIZERS[rule],
        batch_size=batch_size,
        epochs=2,
        shuffle=shuffle,
        seed=seed,
    )
    fit = trainer.fit(X, y, sample_weight=sample_weights(N_SAMPLES, dtype))
    return everything(fit.coef, fit.intercept, fit.history["running_loss"])


def everything(*results: Any) -> bytes:
    return b"".join(np.asarray(result).tobytes() for result in results)


def same_at_any_number_of_threads(compute: Callable[[], bytes]) -> bytes:
    found = []
    for threads in (1, 2, 3):
        _core.set_num_threads(threads)
        found.append(compute())
    assert found[1:] == found[:1] * 2
    return found[0]


def same_on_all_fma_targets(compute: Callable[[], bytes]) -> None:
    if len(FMA_TARGETS) < 2:
        pytest.skip(f"needs two targets with fused multiply-add, this machine has {FMA_TARGETS}")
    found = []
    for target in FMA_TARGETS:
        _core.set_target(target)
        found.append(compute())
    assert found[1:] == found[:1] * (len(found) - 1)


def test_every_loss_and_rule_takes_part() -> None:
    assert set(LOSSES) == set(_core.losses())
    assert set(OPTIMIZERS) == set(_core.rules())


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("loss", "rule"), PAIRS)
class TestTrainer:
    def test_same_seed_gives_the_same_bits_twice(
        self, loss: str, rule: str, dtype: str, batch_size: int | None
    ) -> None:
        assert train(loss, rule, dtype, batch_size) == train(loss, rule, dtype, batch_size)

    def test_any_number_of_threads_gives_the_same_bits(
        self, loss: str, rule: str, dtype: str, batch_size: int | None
    ) -> None:
        same_at_any_number_of_threads(lambda: train(loss, rule, dtype, batch_size))

    def test_all_targets_with_fma_give_the_same_bits(
        self, loss: str, rule: str, dtype: str, batch_size: int | None
    ) -> None:
        same_on_all_fma_targets(lambda: train(loss, rule, dtype, batch_size))


@pytest.mark.parametrize("shuffle", ["blocks", "rows"])
def test_different_seeds_give_different_bits(shuffle: str) -> None:
    found = {train("squared", "sgd", "float64", 64, seed, shuffle) for seed in range(4)}
    assert len(found) == 4


def test_stored_order_does_not_depend_on_the_seed() -> None:
    assert len({train("squared", "sgd", "float64", 64, seed, False) for seed in range(4)}) == 1


def passes(loss: str, dtype: str, weighted: bool) -> bytes:
    """Everything that reads all rows, over more tiles (69) than there are parts (64)."""
    n_samples, n_features = 70_001, 21
    X, labels = problem(loss, dtype, n_samples, n_features)
    y: FloatArray = labels.astype(dtype)
    weight = sample_weights(n_samples, dtype) if weighted else None
    (w,) = random_arrays(dtype, n_features, 1)
    parameters = LOSSES[loss].parameters
    return everything(
        _core.margins(X, w, 0.3),
        _core.loss_sum(X, y, weight, loss, w, 0.3, parameters),
        *_core.loss_gradient(X, y, weight, loss, w, 0.3, parameters),
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
class TestPasses:
    def test_any_number_of_threads_gives_the_same_bits(
        self, loss: str, dtype: str, weighted: bool
    ) -> None:
        found = same_at_any_number_of_threads(lambda: passes(loss, dtype, weighted))
        assert found == passes(loss, dtype, weighted)

    def test_all_targets_with_fma_give_the_same_bits(
        self, loss: str, dtype: str, weighted: bool
    ) -> None:
        same_on_all_fma_targets(lambda: passes(loss, dtype, weighted))


def step(rule: str, dtype: str, n: int) -> bytes:
    w, gradient, *slots = random_arrays(dtype, n, 2 + _core.rules()[rule][0])
    slots = [np.abs(slot) for slot in slots]  # Adam's second is a mean of squares
    _core.step(
        rule, w, gradient, slots, OPTIMIZERS[rule].rule_parameters, 3, 0.1, 0.7, 0.01, 0.02, 0.03
    )
    return everything(w, *slots)


@pytest.mark.parametrize("n", [1, 37, 100_003])  # the last is divided among threads
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", OPTIMIZERS)
class TestStep:
    def test_any_number_of_threads_gives_the_same_bits(self, rule: str, dtype: str, n: int) -> None:
        found = same_at_any_number_of_threads(lambda: step(rule, dtype, n))
        assert found == step(rule, dtype, n)

    def test_all_targets_with_fma_give_the_same_bits(self, rule: str, dtype: str, n: int) -> None:
        same_on_all_fma_targets(lambda: step(rule, dtype, n))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", _core.functions())
def test_functions_have_the_same_bits_on_all_targets_with_fma(function: str, dtype: str) -> None:
    low, high = {"log1p": (0, 1), "log1p_far": (0, 1600), "log": (0, 1600)}.get(
        function, (-800, 800)
    )
    x = np.linspace(low, high, 100_003)
    same_on_all_fma_targets(lambda: _core.evaluate(function, x.astype(dtype)).tobytes())


def golden_fit(loss: str, rule: str, dtype: str) -> Fit:
    """24 steps of 64 rows, then 3 of all 1500, which is more than a tile."""
    X, y = problem(loss, dtype, 1500, 37)
    options: dict[str, Any] = {"penalty": penalty_for(rule), "optimizer": OPTIMIZERS[rule]}
    first = fl.Trainer(LOSSES[loss], batch_size=64, epochs=1, **options).fit(X, y)
    second = fl.Trainer(LOSSES[loss], batch_size=None, epochs=3, **options)
    return second.fit(X, y, coef=first.coef, intercept=first.intercept)


def golden_hashes() -> dict[str, str]:
    return {
        f"{loss}-{rule}-{dtype}": hashlib.sha256(
            golden_fit(loss, rule, dtype).coef.tobytes()
        ).hexdigest()
        for loss, rule in PAIRS
        for dtype in DTYPES
    }


@pytest.mark.parametrize("target", FMA_TARGETS)
def test_bits_are_the_golden_ones(target: str) -> None:
    _core.set_target(target)
    assert golden_hashes() == GOLDEN["sha256"]


def run_python(code: str, target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=TESTS,
        env=os.environ | {"FALLLINE_TARGET": target},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("target", FMA_TARGETS)
def test_bits_are_the_golden_ones_in_a_fresh_process_told_its_target(target: str) -> None:
    code = (
        "import json, test_same_bits as t;"
        "print(json.dumps([t._core.get_target(), t.golden_hashes()]))"
    )
    run = run_python(code, target)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [target, GOLDEN["sha256"]]


@pytest.mark.parametrize(
    "use",
    [
        "fl.show_config()",
        "fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.1)).fit([[1.0], [2.0]], [1, 2])",
    ],
)
def test_unknown_target_in_the_environment_is_refused_with_the_choices(use: str) -> None:
    run = run_python(f"import fallline as fl; {use}", "nonsense")
    assert run.returncode == 1
    message = run.stderr.splitlines()[-1]
    assert message.startswith("ValueError: ")
    for name in ["nonsense", *_core.targets()]:
        assert f"'{name}'" in message


def test_unknown_target_is_refused_with_the_choices_and_changes_nothing() -> None:
    before = _core.get_target()
    with pytest.raises(ValueError, match="got 'nonsense'") as raised:
        fl.set_target("nonsense")
    for name in _core.targets():
        assert f"'{name}'" in str(raised.value)
    assert _core.get_target() == before
