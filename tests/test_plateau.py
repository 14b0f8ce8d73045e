"""ReduceOnPlateau: what it becomes by what it is told, by hand, by a training and by a sweep."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fallline as fl
from fallline.schedules import Constant, ReduceOnPlateau, Schedule
from problems import problem
from reference_schedules import plateau_rates
from schedule_cases import arguments

# On a grid, so that many are alike; a training that fails tells NaN and infinity.
METRICS = st.lists(
    st.integers(-8, 40).map(lambda n: n / 8) | st.sampled_from([math.nan, math.inf, -math.inf]),
    max_size=60,
)
OFTEN = fl.schedules.ReduceOnPlateau(0.1, factor=0.5, patience=0, threshold=0.2)


def told(schedule: ReduceOnPlateau, metrics: list[float]) -> list[float]:
    """Return the rate after each metric."""
    rates = []
    for metric in metrics:
        schedule.update(metric)
        rates.append(schedule(0))
    return rates


@given(given=arguments(ReduceOnPlateau), metrics=METRICS)
def test_it_follows_the_reference(given: dict[str, Any], metrics: list[float]) -> None:
    assert told(ReduceOnPlateau(**given), metrics) == plateau_rates(metrics, **given)


@given(given=arguments(ReduceOnPlateau), metrics=METRICS, middle=st.integers(0, 60))
def test_it_is_that_of_torch_also_when_loaded_in_the_middle(
    given: dict[str, Any], metrics: list[float], middle: int
) -> None:
    torch = pytest.importorskip("torch")
    options = given | {"min_lr": given["min_learning_rate"], "eps": 0.0}
    rate = options.pop("learning_rate")
    del options["min_learning_rate"]
    weight = torch.nn.Parameter(torch.zeros(1))

    def made() -> tuple[Any, Any]:
        optimizer = torch.optim.SGD([weight], rate)
        return optimizer, torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)

    optimizer, scheduler = made()
    schedule = ReduceOnPlateau(**given)
    for k, metric in enumerate(metrics):
        if k == middle:
            states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            optimizer, scheduler = made()
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
            state, schedule = schedule.state_dict(), ReduceOnPlateau(**given)
            schedule.load_state_dict(state)
        scheduler.step(metric)
        schedule.update(metric)
        assert schedule(k) == optimizer.param_groups[0]["lr"]
        assert schedule.values(k, 3).tolist() == [schedule(k)] * 3


def test_the_state_is_compared_copied_and_pickled_but_not_printed() -> None:
    schedule, again = ReduceOnPlateau(0.1, patience=0), ReduceOnPlateau(0.1, patience=0)
    text = repr(schedule)
    told(schedule, [1.0, 2.0])
    assert schedule != again
    assert hash(schedule) == hash(again)
    assert repr(schedule) == text
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule
    told(again, [1.0, 2.0])
    assert schedule == again


def test_a_state_is_a_copy_and_a_wrong_one_changes_nothing() -> None:
    schedule = ReduceOnPlateau(0.1, patience=0)
    told(schedule, [1.0, 2.0])
    state = schedule.state_dict()
    state["learning_rate"] = 7.0
    assert schedule(0) == pytest.approx(0.01)
    before = schedule.state_dict()
    with pytest.raises(ValueError, match=r"learning_rate must be a number in \[0, learning_rate=0"):
        schedule.load_state_dict(state)
    with pytest.raises(ValueError, match=r"state must have the entries \['learning_rate', 'best'"):
        schedule.load_state_dict({})
    with pytest.raises(TypeError, match="state must be a mapping, got None; take it from state_d"):
        schedule.load_state_dict(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="waited must be a non-negative integer, got None"):
        schedule.load_state_dict(before | {"waited": None})
    with pytest.raises(
        ValueError, match=r"state must have the entries \[\], got \['learning_rate'"
    ):
        Constant(0.1).load_state_dict(before)
    assert schedule.state_dict() == before
    with pytest.raises(TypeError, match="metric must be a number, got None"):
        schedule.update(None)  # type: ignore[arg-type]


def test_a_chain_has_the_states_of_its_parts() -> None:
    inner = ReduceOnPlateau(0.1, patience=0)
    chain = inner.warmup(5)
    told(inner, [1.0, 2.0])
    assert chain(4) == pytest.approx(0.08)
    assert chain(5) == pytest.approx(0.01)
    again = ReduceOnPlateau(0.1, patience=0).warmup(5)
    again.load_state_dict(chain.state_dict())
    assert again == chain
    plain = Constant(0.1).warmup(5)
    plain.load_state_dict(plain.state_dict())
    with pytest.raises(ValueError, match=r"state must have the entries \['first', 'second'\]"):
        plain.load_state_dict({})


def test_an_optimizer_steps_by_what_its_schedule_was_told() -> None:
    sgd = fl.optim.SGD(schedule := ReduceOnPlateau(0.5, factor=0.5, patience=0))
    w, g = np.ones(3), np.ones(3)
    sgd.step(w, g)
    told(schedule, [1.0, 1.0])
    sgd.step(w, g)
    assert w.tolist() == [0.25] * 3


# In a training

ignoring = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")


def train(schedule: Schedule, epochs: int = 12, **options: Any) -> fl.Fit:
    X, y, _ = problem()
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(schedule), epochs=epochs)
    return trainer.fit(X, y, **options)


@ignoring
@pytest.mark.parametrize("validated", [False, True])
def test_a_training_tells_the_loss_of_each_epoch(validated: bool) -> None:
    X, y, _ = problem(80)
    fit = train(OFTEN, validation=(X, -y) if validated else None)
    losses = fit.history["validation_loss" if validated else "running_loss"]
    rates = told(copy.deepcopy(OFTEN), losses)
    assert fit.history["learning_rate"] == [0.1, *rates[:-1]]
    assert rates[-1] < 0.05


@ignoring
def test_a_training_leaves_the_schedule_that_was_given() -> None:
    schedule = copy.deepcopy(OFTEN)
    schedule.update(0.0)  # what was told before is not the training's
    first, second = train(schedule), train(schedule)
    assert first.coef.tobytes() == second.coef.tobytes() == train(OFTEN).coef.tobytes()
    assert schedule.state_dict()["best"] == 0.0
    assert schedule(0) == 0.1


@ignoring
def test_the_part_of_a_chain_that_is_under_way_is_told() -> None:
    X, _, _ = problem()
    steps = -(-len(X) // 64)
    fit = train(OFTEN.warmup(3 * steps))
    # The third epoch ends the warm-up, and its loss is the first that counts.
    rates = told(copy.deepcopy(OFTEN), fit.history["running_loss"][2:])
    assert fit.history["learning_rate"][3:] == [*rates[:-1]]
    fit = train(OFTEN.then(0.01, at=3 * steps))
    rates = told(copy.deepcopy(OFTEN), fit.history["running_loss"][:2])
    assert fit.history["learning_rate"] == [0.1, *rates, *[0.01] * 9]


@ignoring
def test_a_sweep_tells_each_candidate_its_own_loss() -> None:
    X, y, _ = problem()
    trainer = fl.Trainer(
        fl.losses.Squared(),
        penalty=fl.penalties.L2(0.0),
        optimizer=fl.optim.SGD(OFTEN),
        epochs=12,
    )
    alphas = [0.0, 3.0]
    together = fl.sweep(trainer, X, y, alpha=alphas)
    for k, alpha in enumerate(alphas):
        alone = fl.sweep(trainer, X, y, alpha=[alpha])
        assert alone.coef[0].tobytes() == together.coef[k].tobytes()
        trainer.penalty = fl.penalties.L2(alpha)
        fit = trainer.fit(X, y)
        np.testing.assert_allclose(together.coef[k], fit.coef, rtol=1e-9, atol=1e-11)
        losses = together.running_loss[:, k].tolist()
        assert fit.history["learning_rate"] == [0.1, *told(copy.deepcopy(OFTEN), losses)[:-1]]


def test_a_score_is_nothing_that_a_training_tells() -> None:
    schedule = ReduceOnPlateau(0.1, mode="max")
    message = "mode must be 'min' in a training, which tells a loss, got 'max'; step arrays by fl."
    with pytest.raises(ValueError, match=message):
        train(schedule.warmup(5))
    X, y, _ = problem()
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(0.1))
    with pytest.raises(ValueError, match=message):
        fl.sweep(trainer, X, y, learning_rate=[schedule])
