"""SGD estimators against scikit-learn's, which step in the same order when nothing is shuffled."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import fallline as fl
from fallline.typing import FloatArray
from problems import problem, targets_for

WITH_EPSILON = ["huber", "epsilon_insensitive", "squared_epsilon_insensitive"]
QUADRATIC = ["modified_huber", "squared_hinge", "squared_error", "huber"]
QUADRATIC += ["squared_epsilon_insensitive"]
STEPS: dict[str, Any] = {"shuffle": False, "tol": None, "alpha": 1e-3, "eta0": 0.02, "max_iter": 3}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("learning_rate", ["constant", "optimal", "invscaling"])
@pytest.mark.parametrize(
    "loss", ["hinge", "log_loss", "perceptron", "epsilon_insensitive", *QUADRATIC]
)
def test_one_example_steps_are_scikit_learns(
    loss: str, learning_rate: str, penalty: str | None, weighted: bool
) -> None:
    X, z, weights = problem()
    options = STEPS | {"loss": loss, "learning_rate": learning_rate, "penalty": penalty}
    options |= {"epsilon": 0.3}
    if learning_rate == "optimal" and loss in QUADRATIC:
        options |= {"alpha": 1.0}  # with less, the first steps are so long that roundings grow
    compare(fl.SGDClassifier, options, X, targets_for(fl.SGDClassifier, z), weights, weighted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("power_t", [0.25, 0.3, 0.5])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
@pytest.mark.parametrize("loss", ["squared_error", *WITH_EPSILON])
def test_one_example_steps_of_regression_are_scikit_learns(
    loss: str, learning_rate: str, power_t: float, penalty: str | None, weighted: bool
) -> None:
    X, z, weights = problem()
    options = STEPS | {"learning_rate": learning_rate, "power_t": power_t, "penalty": penalty}
    options |= {"loss": loss, "epsilon": 0.3}
    compare(fl.SGDRegressor, options, X, z, weights, weighted)


def compare(
    kind: type, options: dict[str, Any], X: FloatArray, y: Any, s: FloatArray, weighted: bool
) -> None:
    start = {"coef_init": np.linspace(-1, 1, X.shape[1]), "intercept_init": 0.5}
    weights = {"sample_weight": s} if weighted else {}
    model = kind(**options).fit(X, y, **start, **weights)
    peer = getattr(linear_model, kind.__name__)(**options).fit(X, y, **start, **weights)
    # 900 steps, of which none is larger than 10, each rounded to a few parts in 1e16.
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-9)
    assert model.t_ == peer.t_


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("learning_rate", ["constant", "optimal"])
@pytest.mark.parametrize("loss", ["hinge", "log_loss"])
def test_each_class_against_the_rest_steps_as_in_scikit_learn(
    loss: str, learning_rate: str, weighted: bool
) -> None:
    X, z, s = problem()
    y = np.array(["low", "middle", "high", "top"])[np.digitize(z, [-1.0, 0.5, 2.0])]
    options = STEPS | {"loss": loss, "learning_rate": learning_rate}
    start = {
        "coef_init": np.linspace(-1, 1, 24).reshape(4, 6),
        "intercept_init": np.linspace(0, 1, 4),
    }
    weights = {"sample_weight": s} if weighted else {}
    model = fl.SGDClassifier(**options).fit(X, y, **start, **weights)
    peer = linear_model.SGDClassifier(**options).fit(X, y, **start, **weights)
    assert model.classes_.tolist() == peer.classes_.tolist()
    # As in compare.
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-9)
    np.testing.assert_allclose(model.decision_function(X), peer.decision_function(X), rtol=1e-8)
    assert model.predict(X).tolist() == peer.predict(X).tolist()
    if loss == "log_loss":
        np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), rtol=1e-8)
        logs = peer.predict_log_proba(X)
        np.testing.assert_allclose(model.predict_log_proba(X), logs, rtol=1e-8, atol=1e-12)


def test_each_class_against_the_rest_stops_where_it_does_in_scikit_learn() -> None:
    X, z, _ = problem()
    y = np.digitize(z, [-1.0, 0.5, 2.0])
    model = fl.SGDClassifier(shuffle=False).fit(X, y)
    peer = linear_model.SGDClassifier(shuffle=False).fit(X, y)
    assert model.status_ == "converged"
    assert model.n_iter_ == peer.n_iter_
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-8, atol=1e-10)


def test_the_squared_error_of_classes_is_of_targets_minus_and_plus_one() -> None:
    X, z, _ = problem()
    y = np.digitize(z, [-1.0, 1.0])
    options = STEPS | {"learning_rate": "constant"}
    model = fl.SGDClassifier(loss="squared_error", **options).fit(X, y)
    for k in range(3):
        alone = fl.SGDRegressor(**options).fit(X, np.where(y == k, 1.0, -1.0))
        np.testing.assert_allclose(model.coef_[k], alone.coef_, rtol=1e-9)


@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
def test_an_l1_term_of_small_steps_is_close_to_scikit_learns(penalty: str) -> None:
    X, _, _ = problem()
    y = X[:, 0] * 2
    options = STEPS | {"penalty": penalty, "alpha": 0.1, "eta0": 1e-3, "max_iter": 30}
    model = fl.SGDRegressor(**options).fit(X, y)
    peer = linear_model.SGDRegressor(**options).fit(X, y)
    # A step moves a weight by about eta0 times the length of a row; the two differ by single steps.
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=5e-3)


@pytest.mark.parametrize("penalty", ["l2", None])
def test_sgd_stops_where_scikit_learn_stops(penalty: str | None) -> None:
    X, z, _ = problem()
    y = targets_for(fl.SGDClassifier, z)
    for kind, target in [(fl.SGDClassifier, y), (fl.SGDRegressor, z)]:
        model = kind(shuffle=False, penalty=penalty).fit(X, target)
        peer = getattr(linear_model, kind.__name__)(shuffle=False, penalty=penalty).fit(X, target)
        assert model.status_ == "converged"
        assert model.n_iter_ == peer.n_iter_
        assert model.history_["epoch"][-1] == model.n_iter_


def test_a_mini_batch_is_one_step() -> None:
    X, y, _ = problem()
    model = fl.SGDRegressor(batch_size=100, max_iter=2, tol=None, shuffle=False).fit(X, y)
    assert model.t_ == 2 * 3 + 1
    whole = fl.SGDRegressor(
        batch_size=None, max_iter=1, tol=None, learning_rate="constant", eta0=0.5, penalty=None
    ).fit(X, y)
    np.testing.assert_allclose(whole.coef_, 0.5 * X.T @ y / len(y), rtol=1e-12)
    np.testing.assert_allclose(whole.intercept_, 0.5 * y.mean(), rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_schedule_stands_in_place_of_the_learning_rate(weighted: bool) -> None:
    X, y, s = problem()
    given = fl.schedules.InverseScaling(0.02, power_t=0.25)
    weight = s if weighted else None
    usual = fl.SGDRegressor(eta0=0.02, random_state=0).fit(X, y, sample_weight=weight)
    for schedule in (given, lambda step: given(step)):
        model = fl.SGDRegressor(schedule=schedule, random_state=0).fit(X, y, sample_weight=weight)
        # The mean weight multiplies before the division or after it.
        np.testing.assert_allclose(model.coef_, usual.coef_, rtol=1e-12)
        assert model.n_iter_ == usual.n_iter_


def test_a_schedule_needs_no_alpha_and_may_be_told_the_loss() -> None:
    X, z, _ = problem()
    y = targets_for(fl.SGDClassifier, z)
    often = fl.schedules.ReduceOnPlateau(0.1, patience=0, threshold=0.5)
    model = clone(fl.SGDClassifier(schedule=often.warmup(100), alpha=0.0, random_state=0))
    model.fit(X, y)
    assert model.history_["learning_rate"][0] == 0.1
    assert model.history_["learning_rate"][-1] < 0.02
    assert often(0) == 0.1
    assert model.score(X, y) > 0.8


def test_sgd_follows_its_seed() -> None:
    X, y, _ = problem()
    coefs = [fl.SGDRegressor(random_state=seed).fit(X, y).coef_.tobytes() for seed in [0, 0, 1]]
    assert coefs[0] == coefs[1] != coefs[2]


def test_sgd_survives_the_long_first_steps_of_unscaled_data() -> None:
    X, z, _ = problem()
    model = fl.SGDClassifier(random_state=0).fit(100 * X, targets_for(fl.SGDClassifier, z))
    assert model.history_["running_loss"][0] > 100  # of zero weights it is 1
    assert model.score(100 * X, targets_for(fl.SGDClassifier, z)) > 0.8


def test_sgd_warns_after_its_last_epoch_unless_there_is_no_tol() -> None:
    X, y, _ = problem()
    with pytest.warns(ConvergenceWarning, match=r"stopped after max_iter=2 epochs") as caught:
        model = fl.SGDRegressor(max_iter=2).fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    assert model.status_ == "budget"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fl.SGDRegressor(max_iter=2, tol=None).fit(X, y).status_ == "budget"


def test_sgd_that_diverges_says_so_and_keeps_the_last_good_weights() -> None:
    X, y, _ = problem()
    with pytest.raises(fl.DivergenceError, match="lower it or standardize X") as caught:
        fl.SGDRegressor(eta0=1e6, penalty=None).fit(X, y)
    assert np.isfinite(caught.value.fit.coef).all()


def test_probabilities_of_the_modified_huber_loss_are_scikit_learns() -> None:
    X, y, _ = problem(classes=True)
    options: dict[str, Any] = STEPS | {"loss": "modified_huber", "learning_rate": "constant"}
    model = fl.SGDClassifier(**options).fit(X, y)
    peer = linear_model.SGDClassifier(**options).fit(X, y)
    found = model.predict_proba(X)
    assert found.min() == 0.0
    # The margins of both agree to the rounding of 900 steps.
    np.testing.assert_allclose(found, peer.predict_proba(X), atol=1e-12)
    with np.errstate(divide="ignore"):
        assert np.array_equal(model.predict_log_proba(X), np.log(found))


def test_probabilities_of_sgd_exist_for_the_losses_that_have_them() -> None:
    X, y, _ = problem(classes=True)
    for loss in ("hinge", "squared_hinge", "perceptron", "squared_error", *WITH_EPSILON):
        assert not hasattr(fl.SGDClassifier(loss), "predict_proba")
    model = fl.SGDClassifier(loss="log_loss", random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(
        model.predict_log_proba(X), np.log(model.predict_proba(X)), rtol=1e-9, atol=1e-12
    )


def test_verbose_shows_progress(capsys: pytest.CaptureFixture[str]) -> None:
    X, y, _ = problem()
    fl.SGDRegressor(verbose=1, random_state=0).fit(X, y)
    assert "loss" in capsys.readouterr().err
