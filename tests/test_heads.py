"""Models of several heads in the compiled code: against the reference and against themselves."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

import reference_heads
from arrays import DType, eps
from fallline import _core
from fallline.typing import Float64Array
from loss_cases import PARAMETERS as LOSS_PARAMETERS
from reference_losses import LOSSES
from rule_cases import FEW_RULES, PARAMETERS
from test_loop import problem

# A line holds 16 float32 or 8 float64.
N_HEADS = [1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 33]
# Lanes are heads for 17 heads of 21 features and for all candidates, features for 3 heads of 41
# features and up to 10 of 150.
SHAPES = [(17, 21), (3, 41)]
DECAYS = {"l2": 0.05, "l1": 0.02, "weight_decay": 0.1}
FMA_TARGETS = [target for target in _core.targets() if target != "baseline"]
# A loss of amounts has no value where the target is -1.
CASES = [
    *[(loss, targets) for loss in _core.losses() for targets in ("shared", "per_head")],
    *[(loss, "classes") for loss in _core.losses() if LOSSES[loss].targets in ("signs", "numbers")],
    *[(loss, "classes") for loss in _core.coupled_losses()],
]


class Heads(NamedTuple):
    """A training of several heads that differ in all they may differ in."""

    X: Float64Array
    y: Float64Array
    s: Float64Array
    loss: str
    targets: str
    n_heads: int
    rule: str
    batch_size: int

    @property
    def n_steps(self) -> int:
        return 2 * -(-len(self.X) // self.batch_size) + 1

    @property
    def rates(self) -> Float64Array:
        """Rates of every step and head; the same for all heads of one model."""
        steps = 0.2 / np.sqrt(1.0 + np.arange(self.n_steps))
        own = self.targets == "shared"
        factors = 1.0 / (1.0 + np.arange(self.n_heads) % 5) if own else np.ones(self.n_heads)
        return np.asarray(steps[:, np.newaxis] * factors)

    def penalty(self, strength: float) -> Float64Array:
        own = self.targets == "shared"
        return np.asarray(
            strength * (np.arange(self.n_heads) % 4 if own else np.ones(self.n_heads))
        )

    def options(self) -> dict[str, Any]:
        return {
            "targets": self.targets,
            "loss": self.loss,
            "loss_parameters": LOSS_PARAMETERS.get(self.loss, []),
            "rule": self.rule,
            "parameters": PARAMETERS[self.rule],
            **{name: self.penalty(strength) for name, strength in DECAYS.items()},
            "batch_size": self.batch_size,
            "fit_intercept": True,
        }

    def loop(self, dtype: DType, **changes: Any) -> Any:
        kind: Any = _core.HeadsLoopFloat32 if dtype == np.float32 else _core.HeadsLoopFloat64
        settings = {"shuffle": "none", "seed": 0, "n_heads": self.n_heads, **self.options()}
        arrays = [np.ascontiguousarray(a, dtype) for a in (self.X, self.y, self.s)]
        return kind(*arrays, **{**settings, **changes})

    def run(self, loop: Any) -> Any:
        return loop.run(self.rates if self.targets == "shared" else self.rates[:, 0].copy())


@cache
def heads(
    loss: str, targets: str, n_heads: int, rule: str, n: int = 75, size: int = 16, d: int = 5
) -> Heads:
    """Numbers that float32 holds exactly, with |x| <= 1."""
    p = problem(loss if loss in _core.losses() else "squared", n, d)
    y = p.y
    if targets == "per_head":
        y = np.stack([np.roll(p.y, k) for k in range(n_heads)], axis=1)
    if targets == "classes":
        y = np.random.default_rng(n).integers(0, n_heads, n).astype(np.float64)
    return Heads(p.X, y, p.s, loss, targets, n_heads, rule, size)


class Expected(NamedTuple):
    trained: reference_heads.Trained
    condition: float  # change of weights and intercepts per relative change of the data
    loss_condition: float


@cache
def expected(h: tuple[Any, ...]) -> Expected:
    p = heads(*h)
    options = {**p.options(), "learning_rates": p.rates}
    exact = reference_heads.train(p.X, p.y, sample_weight=p.s, **options)
    rng, change = np.random.default_rng(0), 1e-9
    changed = reference_heads.train(
        p.X * (1 + change * rng.choice([-1.0, 1.0], p.X.shape)),
        p.y,
        sample_weight=p.s * (1 + change * rng.choice([-1.0, 1.0], len(p.s))),
        **options,
    )
    moved = max(
        float(np.max(np.abs(changed.coef - exact.coef))),
        float(np.max(np.abs(changed.intercept - exact.intercept))),
    )
    loss_moved = float(np.max(np.abs(changed.losses - exact.losses)))
    return Expected(exact, moved / change, loss_moved / change)


def check_training(h: tuple[Any, ...], dtype: DType) -> None:
    """Margins and gradients are exact for data changed by eps per addition, as in test_loop."""
    p, e = heads(*h), expected(h)
    loop = p.loop(dtype)
    steps, total, weight = p.run(loop)
    assert steps == p.n_steps
    additions = min(p.batch_size, 1024) + p.X.shape[1] + 16
    largest = max(np.max(np.abs(e.trained.coef)), np.max(np.abs(e.trained.intercept)))
    error = eps(dtype) * (additions * e.condition + steps * float(largest))
    assert np.max(np.abs(loop.coef - e.trained.coef)) <= error
    assert np.max(np.abs(loop.intercept - e.trained.intercept)) <= error
    loss_error = eps(dtype) * additions * (e.loss_condition + np.abs(e.trained.losses))
    n_sums = len(e.trained.losses)
    assert np.all(np.abs(loop.head_losses[:n_sums] - e.trained.losses) <= loss_error)
    assert total == pytest.approx(loop.head_losses.sum(), rel=1e-14)
    first = float(np.sum(p.s[: p.batch_size]))  # two epochs, and a step
    assert weight == pytest.approx(2 * float(np.sum(p.s)) + first, rel=eps(dtype) * additions)
    assert weight == pytest.approx(loop.head_weights[0], rel=1e-14)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    ("loss", "targets", "rule"),
    [
        (loss, targets, rule)
        for loss, targets in CASES
        for rule in (_core.rules() if loss == "logistic" else FEW_RULES)
    ],
)
def test_training_is_that_of_the_reference(
    loss: str, targets: str, rule: str, dtype: DType
) -> None:
    check_training((loss, targets, 10, rule), dtype)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
@pytest.mark.parametrize(
    ("loss", "targets"), [("squared", "per_head"), ("logistic", "classes"), ("softmax", "classes")]
)
def test_training_in_lanes_of_features_is_that_of_the_reference(
    loss: str, targets: str, rule: str, dtype: DType
) -> None:
    check_training((loss, targets, 3, rule, 75, 16, 41), dtype)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("n_heads", N_HEADS)
@pytest.mark.parametrize(("loss", "targets"), [("logistic", "shared"), ("softmax", "classes")])
def test_any_number_of_heads_is_trained(
    loss: str, targets: str, n_heads: int, dtype: DType
) -> None:
    check_training((loss, targets, n_heads, "momentum"), dtype)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(("n", "batch_size"), [(27, 1), (203, 203), (1700, 1500), (3000, 3000)])
@pytest.mark.parametrize(("loss", "targets"), [("squared", "per_head"), ("softmax", "classes")])
def test_any_mini_batch_is_that_of_the_reference(
    loss: str, targets: str, n: int, batch_size: int, dtype: DType
) -> None:
    check_training((loss, targets, 3, "sgd", n, batch_size), dtype)


def bits(loop: Any, columns: Any = slice(None)) -> bytes:
    parts = (loop.coef[:, columns], loop.intercept[columns], loop.head_losses[columns])
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", _core.rules())
def test_a_candidate_has_its_bits_whoever_rides_along(rule: str, dtype: DType) -> None:
    p = heads("logistic", "shared", 33, rule)
    together = p.loop(dtype)
    p.run(together)
    for chosen in ([0], [16], [32], [5, 21], list(range(3, 20)), list(range(32, -1, -1))):
        own = {name: p.penalty(x)[chosen] for name, x in DECAYS.items()}
        some = p.loop(dtype, n_heads=len(chosen), **own)
        some.run(np.ascontiguousarray(p.rates[:, chosen]))
        assert bits(some) == bits(together, chosen)


@pytest.mark.usefixtures("target")
def test_rows_of_its_fold_do_not_train_a_head(dtype: DType) -> None:
    p = heads("logistic", "shared", 10, "adam")
    s = np.round(4 * p.s) / 4  # sums of such weights are exact in any order
    folds = (np.arange(len(s)) * 7 % 5).astype(np.uint8)
    fold_of_heads = [k % 7 for k in range(10)]  # 5 and 6 are folds without rows
    masked = p._replace(s=s).loop(dtype, folds=folds, fold_of_heads=fold_of_heads)
    p.run(masked)
    for fold in range(7):
        weightless = p._replace(s=np.where(folds == fold, 0.0, s)).loop(dtype)
        p.run(weightless)
        columns = [k for k in range(10) if fold_of_heads[k] == fold]
        assert bits(masked, columns) == bits(weightless, columns)
        assert np.array_equal(masked.head_weights[columns], weightless.head_weights[columns])


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("rule", [rule for rule in _core.rules() if rule != "rprop"])  # bounded
def test_a_candidate_that_diverges_leaves_the_others_alone(rule: str, dtype: DType) -> None:
    p = heads("squared", "shared", 10, rule)
    sound, wild = p.loop(dtype), p.loop(dtype)
    p.run(sound)
    rates = p.rates
    rates[3:, 4] = 1e200  # float64 takes a step or two to overflow
    done, _, _ = wild.run(rates)
    assert done == p.n_steps
    assert [k for k, stopped in enumerate(wild.stopped) if stopped] == [4]
    assert not np.isfinite(wild.head_losses[4])
    others = [k for k in range(10) if k != 4]
    assert bits(wild, others) == bits(sound, others)


def test_a_stopped_head_changes_no_more_and_the_last_one_ends_the_run(dtype: DType) -> None:
    p = heads("squared", "shared", 3, "momentum")
    free, loop = p.loop(dtype), p.loop(dtype)
    rates = p.rates
    free.run(rates[:4])
    loop.run(rates[:4])
    loop.stop(1)
    before = loop.coef
    free.run(rates[4:])
    loop.run(rates[4:])
    assert np.array_equal(loop.coef[:, 1], before[:, 1])
    assert bits(loop, [0, 2]) == bits(free, [0, 2])
    loop.stop(0)
    loop.stop(2)
    assert loop.run(rates)[0] == 0
    with pytest.raises(IndexError):
        loop.stop(3)


@pytest.mark.parametrize(("n_heads", "d"), SHAPES)
def test_a_stopped_head_of_a_model_changes_no_more(n_heads: int, d: int, dtype: DType) -> None:
    p = heads("squared", "per_head", n_heads, "momentum", 75, 16, d)
    free, loop = p.loop(dtype), p.loop(dtype)
    for each in (free, loop):
        each.run(p.rates[:4, 0].copy())
    loop.stop(1)
    before = loop.coef
    for each in (free, loop):
        each.run(p.rates[4:, 0].copy())
    assert np.array_equal(loop.coef[:, 1], before[:, 1])
    assert bits(loop, [0, 2]) == bits(free, [0, 2])


@pytest.mark.parametrize(("n_heads", "d"), SHAPES)
def test_weights_are_kept_as_they_are_set(n_heads: int, d: int, dtype: DType) -> None:
    loop = heads("squared", "per_head", n_heads, "sgd", 75, 16, d).loop(dtype)
    coef = np.random.default_rng(0).normal(size=(d, n_heads)).astype(dtype)
    loop.coef = coef
    assert np.array_equal(loop.coef, coef)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(("n_heads", "d"), SHAPES)
def test_unpacked_rows_have_the_bits_of_those_read_in_place(
    n_heads: int, d: int, dtype: DType
) -> None:
    p = heads("softmax", "classes", n_heads, "sgd", 75, 16, d)
    X, y = p.X.astype(dtype), p.y.astype(dtype)
    coef = np.random.default_rng(1).normal(size=(d, n_heads)).astype(dtype)
    found = [
        _core.head_loss_gradients(rows, y, None, "classes", "softmax", coef, np.zeros(n_heads))
        for rows in (X, np.asfortranarray(X))
    ]
    for in_place, unpacked in zip(*found, strict=True):
        assert np.array_equal(in_place, unpacked)


@pytest.mark.parametrize(("loss", "targets"), [("squared", "per_head"), ("softmax", "classes")])
def test_heads_of_one_model_take_no_step_without_a_finite_loss(
    loss: str, targets: str, dtype: DType
) -> None:
    p = heads(loss, targets, 3, "momentum")
    clean = p.loop(dtype)
    clean.run(p.rates[:2, 0].copy())
    X = p.X.copy()
    X[37, 0] = np.inf  # in the third mini-batch
    loop = p._replace(X=X).loop(dtype)
    done, total, _ = p.run(loop)
    assert done == loop.step == 2
    assert not np.isfinite(total)
    assert np.array_equal(loop.coef, clean.coef)
    assert np.array_equal(loop.intercept, clean.intercept)


@pytest.mark.parametrize(("n_heads", "d"), SHAPES)
@pytest.mark.parametrize(("loss", "targets"), CASES)
def test_the_bits_depend_on_neither_threads_nor_target(
    loss: str, targets: str, n_heads: int, d: int, dtype: DType
) -> None:
    p = heads(loss, targets, n_heads, "adam", 5003, 3000, d)
    found = []
    for target in FMA_TARGETS:
        _core.set_target(target)
        for n_threads in (1, 2, 3):
            _core.set_num_threads(n_threads)
            loop = p.loop(dtype, shuffle="rows")
            p.run(loop)
            found.append(bits(loop))
    assert len(set(found)) == 1


def test_wrong_arguments_raise() -> None:
    p = heads("logistic", "shared", 3, "momentum")
    dtype = np.dtype(np.float64)
    folds = np.zeros(75, np.uint8)
    wrong: list[dict[str, Any]] = [
        {"targets": "own"},
        {"targets": "per_head"},
        {"targets": "classes"},  # -1 is no class
        {"loss": "softmax"},
        {"loss_parameters": [1.0]},
        {"loss": "cauchy"},
        {"rule": "newton"},
        {"parameters": []},
        {"n_heads": 0},
        {"l2": [0.0] * 4},
        {"l1": [0.0] * 2},
        {"weight_decay": []},
        {"batch_size": 0},
        {"shuffle": "stored"},
        {"folds": folds},
        {"folds": folds[1:], "fold_of_heads": [0, 0, 0]},
        {"folds": folds, "fold_of_heads": [0, 0, 0]},  # no row is left to train a head
    ]
    for change in wrong:
        with pytest.raises(ValueError, match=r"must|no '|wrong|need|classes|rows"):
            p.loop(dtype, **change)
    loop = p.loop(dtype)
    for rates in (np.ones(6), np.ones((2, 4)), np.ones((4, 6))[:, ::2]):
        with pytest.raises(ValueError, match="learning_rates"):
            loop.run(rates)
    with pytest.raises(ValueError, match="coef"):
        loop.coef = np.zeros((3, 5))
    with pytest.raises(ValueError, match="intercept"):
        loop.intercept = np.zeros(2)
