"""What an optimizer remembers of arrays: states that go on, settings that change, copies."""

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import fallline as fl
from test_array_steps import copies, draws, joined


@pytest.mark.parametrize(
    "make",
    [
        lambda: fl.optim.AdamW(0.1, ema=0.9, clip_norm=1.0),
        lambda: fl.optim.Adam(0.1, state_dtype="bfloat16"),
        lambda: fl.optim.Prodigy(),
        lambda: fl.optim.ScheduleFreeSGD(fl.schedules.Constant(0.1).warmup(5)),
        lambda: fl.optim.SGD(0.1, momentum=0.9, groups=[{"params": [1], "weight_decay": 0.1}]),
    ],
    ids=["adamw", "bfloat16", "prodigy", "schedule-free", "groups"],
)
def test_a_state_goes_on_with_the_same_bits(make: Any) -> None:
    w, whole = draws(np.float32, 0), make()
    for seed in range(1, 5):
        whole.step(w, draws(np.float32, seed))
    resumed, copy = make(), copies(w)
    state = whole.state_dict()
    for seed in range(5, 9):  # which the state knows nothing of
        whole.step(w, draws(np.float32, seed))
    bound = resumed.bind(copy, grads := draws(np.float32, 0))
    resumed.load_state_dict(state)
    assert resumed.steps == 4
    for seed in range(5, 9):
        for g, drawn in zip(grads, draws(np.float32, seed), strict=True):
            g[...] = drawn
        bound.step()
    assert joined(copy).tobytes() == joined(w).tobytes()


def test_a_state_of_something_else_is_refused_and_changes_nothing() -> None:
    adam, w = fl.optim.Adam(0.1), np.ones(3)
    adam.step(w, np.ones(3))
    state = adam.state_dict()
    with pytest.raises(ValueError, match="state must be that of the rule 'sgd', got 'adam'"):
        fl.optim.SGD(0.1).load_state_dict(state)
    with pytest.raises(ValueError, match="state must be of 1 groups, got 0"):
        fl.optim.Adam(0.1, groups=[{"params": [0], "eps": 1.0}]).load_state_dict(state)
    for name in ("slots", "schedules"):
        missing = {other: part for other, part in state.items() if other != name}
        with pytest.raises(ValueError, match=f"state must have '{name}'"):
            adam.load_state_dict(missing)
    assert adam.steps == 1
    adam.load_state_dict(state)
    with pytest.raises(ValueError, match="params must keep its shape"):
        adam.step(np.ones(4), np.ones(4))


def test_a_fresh_state_is_one_too() -> None:
    adam, w = fl.optim.Adam(0.1), np.ones(3)
    adam.step(w, np.ones(3))
    adam.load_state_dict(fl.optim.Adam(0.1).state_dict())
    assert adam.steps == 0


def test_averages_asked_for_later_begin_with_the_weights() -> None:
    w = np.ones(3)
    optimizer = fl.optim.SGD(0.5)
    optimizer.step(w, np.ones(3))
    optimizer.ema = 0.75
    optimizer.step(w, np.ones(3))
    np.testing.assert_allclose(optimizer.averaged(w), 0.75 * 0.5 + 0.25 * 0.0)


def test_groups_may_be_formed_later_but_the_rule_stays() -> None:
    params = [np.ones(3), np.ones(3)]
    optimizer = fl.optim.SGD(0.5)
    optimizer.step(params, [np.ones(3), np.ones(3)])
    optimizer.groups = ({"params": [1], "learning_rate": 0.25},)
    optimizer.step(params, [np.ones(3), np.ones(3)])
    assert params[0].tolist() == [0.0] * 3
    assert params[1].tolist() == [0.25] * 3
    optimizer.groups = ()
    optimizer.momentum = 0.9
    with pytest.raises(ValueError, match="rule and state_dtype must stay between steps"):
        optimizer.step(params, [np.ones(3), np.ones(3)])


def test_arrays_that_share_memory_are_refused() -> None:
    w, g = np.ones(6), np.ones(6)
    sgd = fl.optim.SGD(0.5)
    for params, grads in (([w, w], [g, g]), ([w[:4], w[3:]], [g[:4], g[3:]]), ([w[1:]], [w[:-1]])):
        with pytest.raises(ValueError, match=r"must not share memory.* pass each array once"):
            sgd.step(params, grads)
    long = np.ones(9)  # a gradient around another one, and weights behind that
    with pytest.raises(ValueError, match=r"grads\[0\] and params\[1\] must not share memory"):
        sgd.step([np.ones(8), long[4:6]], [long[:8], long[1:3]])
    assert (w == 1.0).all()
    fl.optim.SGD(0.5).step(w, w)  # weights may be their own gradient
    assert (w == 0.5).all()
    sgd.step([w[:3], w[3:]], [g[:3], g[:3]])  # and gradients may share theirs
    with pytest.raises(ValueError, match="must not share memory"):
        sgd.step([w[:3], w[3:]], [g[:3], g[:3]], zero_grads=True)


def test_gradients_that_are_to_be_zero_are_so_after_a_step_that_was_left_out() -> None:
    w, g = np.ones(3), np.full(3, np.nan)
    optimizer = fl.optim.SGD(0.5, skip_nonfinite=True)
    optimizer.step(w, g, zero_grads=True)
    assert (optimizer.steps, optimizer.skipped) == (0, 1)
    assert not g.any()


def test_a_rate_assigned_reaches_groups_without_their_own() -> None:
    params = [np.zeros(1), np.zeros(1), np.zeros(1)]
    groups = [{"params": [1], "weight_decay": 0.0}, {"params": [2], "learning_rate": 0.25}]
    sgd = fl.optim.SGD(1.0, groups=groups)
    ones = [np.ones(1)] * 3
    sgd.step(params, ones)
    sgd.learning_rate = 0.5
    sgd.step(params, ones)
    assert [float(w[0]) for w in params] == [-1.5, -1.5, -0.5]


def test_averages_that_nobody_asks_for_any_more_are_left_alone() -> None:
    w = np.ones(3)
    with_average = fl.optim.SGD(0.5, ema=0.9)
    with_average.step(w, np.ones(3))
    without = fl.optim.SGD(0.5)
    without.load_state_dict(with_average.state_dict())
    without.step(w, np.ones(3))
    without.ema = 0.9
    assert without.averaged(w).tolist() == [0.5] * 3


def test_groups_have_their_own_first_distance_momentum_and_schedule() -> None:
    params, ones = [np.ones(2), np.ones(2)], [np.ones(2), np.ones(2)]
    prodigy = fl.optim.Prodigy(groups=[{"params": [1], "first_distance": 0.1}])
    prodigy.step(params, ones)
    assert 1 - params[1][0] > 1000 * (1 - params[0][0]) > 0
    free = fl.optim.ScheduleFreeSGD(0.5, groups=[{"params": [1], "momentum": 0.5}])
    alone = fl.optim.ScheduleFreeSGD(0.5, momentum=0.5)
    params, other = [np.ones(2), np.ones(2)], np.ones(2)
    for _ in range(3):
        free.step(params, [p.copy() for p in params])
        alone.step(other, other.copy())
    assert free.averaged(params)[1].tolist() == alone.averaged(other).tolist()
    plateau = fl.schedules.ReduceOnPlateau(0.5, patience=0)
    sgd = fl.optim.SGD(0.1, groups=[{"params": [1], "learning_rate": plateau}])
    for metric in (1.0, 1.0):
        plateau.update(metric)
    sgd.step(params, ones)
    again = fl.schedules.ReduceOnPlateau(0.5, patience=0)
    resumed = fl.optim.SGD(0.1, groups=[{"params": [1], "learning_rate": again}])
    resumed.load_state_dict(sgd.state_dict())
    assert again(1) == plateau(1) < 0.5


def test_a_refused_bind_leaves_the_optimizer_as_it_was() -> None:
    sgd = fl.optim.SGD(0.5, groups=[{"params": ["b"], "weight_decay": 0.1}])
    with pytest.raises(ValueError, match="groups must name places of params"):
        sgd.step({"w": np.ones(2)}, {"w": np.ones(2)})
    params = {"w": np.ones(2), "b": np.ones(2)}
    sgd.step(params, {"w": np.ones(2), "b": np.ones(2)})
    assert params["w"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, copy.copy, lambda o: pickle.loads(pickle.dumps(o))]
)
def test_copies_go_their_own_way(duplicate: Any) -> None:
    w, g = np.ones(3), np.ones(3)
    adam = fl.optim.Adam(0.5)
    adam.step(w, g)
    other, v = duplicate(adam), w.copy()
    other.learning_rate = 0.25
    other.step(v, g)
    assert v.tolist() != w.tolist()
    assert other.steps == 2


def test_means_of_their_own_need_no_others() -> None:
    for kind in (fl.optim.ASGD, fl.optim.ScheduleFreeSGD, fl.optim.ScheduleFreeAdamW):
        with pytest.raises(ValueError, match=r"ema must be None with .*averaged"):
            kind(0.1, ema=0.9)


def test_an_optimizer_and_its_state_go_with_the_last_reference() -> None:
    w, g = np.ones(3), np.ones(3)
    optimizer = fl.optim.AdamW(0.1)
    for _ in range(3):
        optimizer.step(w, g)
    gone = weakref.ref(optimizer)
    gc.disable()
    try:
        del optimizer
        assert gone() is None
    finally:
        gc.enable()
