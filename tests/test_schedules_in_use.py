"""Every schedule wherever a learning rate is asked for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fallline as fl
from fallline.schedules import ReduceOnPlateau, Schedule
from problems import problem
from schedule_cases import REGISTRY, arguments

pytestmark = pytest.mark.filterwarnings("ignore::fallline.ConvergenceWarning")
USES = [fl.optim.SGD, fl.optim.Adam, fl.optim.AdamW, fl.optim.Adagrad, fl.optim.SAGA, fl.optim.SVRG]
X, Y, _ = problem(150)

few = settings(max_examples=5)


def drawn(data: st.DataObject, schedule: type[Schedule]) -> Schedule:
    given = data.draw(arguments(schedule)) | {"learning_rate": 0.01}
    if "max_learning_rate" in given:
        given["max_learning_rate"] = 0.02
    if schedule is ReduceOnPlateau:
        given["mode"] = "min"
    return schedule(**given)


@pytest.mark.parametrize("optimizer", USES)
@pytest.mark.parametrize("schedule", REGISTRY)
@few
@given(data=st.data())
def test_a_training_takes_every_schedule(
    schedule: type[Schedule], optimizer: Any, data: st.DataObject
) -> None:
    rate = drawn(data, schedule)
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=optimizer(rate), epochs=4)
    history = trainer.fit(X, Y).history
    told = ReduceOnPlateau(**rate._arguments) if isinstance(rate, ReduceOnPlateau) else None
    for step, used, loss in zip(
        history["step"], history["learning_rate"], history["running_loss"], strict=True
    ):
        assert used == (told or rate)(int(step) - 1)
        if told is not None:
            told.update(loss)


@pytest.mark.parametrize("schedule", REGISTRY)
@few
@given(data=st.data())
def test_steps_of_arrays_take_every_schedule(schedule: type[Schedule], data: st.DataObject) -> None:
    rate = drawn(data, schedule)
    sgd, w = fl.optim.SGD(rate), np.zeros(3)
    for _ in range(50):
        sgd.step(w, -np.ones(3))
    # Each of 50 additions rounds a sum of at most 50 times the highest rate.
    bound = 50 * 50 * 0.02 * float(np.finfo(np.float64).eps)
    np.testing.assert_allclose(w, rate.values(0, 50).sum(), rtol=0, atol=bound)


def test_a_sweep_takes_every_schedule_at_once() -> None:
    rates = [
        fl.schedules.CosineWarmRestarts(0.05, 5),
        fl.schedules.OneCycle(0.05, 12),
        fl.schedules.ReduceOnPlateau(0.05, patience=0),
        fl.schedules.WarmupStableDecay(0.05, 3, 3, 3),
        fl.schedules.InverseSqrt(0.05, 4).warmup(4),
    ]
    trainer = fl.Trainer(fl.losses.Squared(), optimizer=fl.optim.SGD(1.0), epochs=4)
    together = fl.sweep(trainer, X, Y, learning_rate=rates)
    for k, rate in enumerate(rates):
        trainer.optimizer = fl.optim.SGD(rate)
        fit = trainer.fit(X, Y)
        np.testing.assert_allclose(together.coef[k], fit.coef, rtol=1e-9, atol=1e-11)
