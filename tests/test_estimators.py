"""Estimators: scikit-learn's conventions and, where a solver finds the optimum, its answers."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

import fallline as fl
from fallline import _core
from problems import CLASSIFIERS, ESTIMATORS, problem, seeded, targets_for

WEIGHTS_AS_STEPS = "a row of weight 2 is one long step, a row twice two short ones"
CLIPPED = (
    "rows of length 140 diverge at eta0=0.01, which raises a DivergenceError; scikit-learn clips "
    "the derivatives at 1e12 and returns weights of that size"
)
EXPECTED_FAILURES: dict[type, dict[str, str]] = {
    fl.SGDClassifier: {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTS_AS_STEPS,
        "check_sample_weight_equivalence_on_sparse_data": WEIGHTS_AS_STEPS,
        "check_class_weight_classifiers": "class_weight is not supported yet",
    },
    fl.SGDRegressor: {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTS_AS_STEPS,
        "check_sample_weight_equivalence_on_sparse_data": WEIGHTS_AS_STEPS,
        "check_fit_check_is_fitted": CLIPPED,
        "check_fit_idempotent": CLIPPED,
        "check_n_features_in": CLIPPED,
    },
}


# Conventions.


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_scikit_learns_own_checks_pass(kind: type) -> None:
    expected = EXPECTED_FAILURES.get(kind, {})
    results = check_estimator(
        kind(), expected_failed_checks=expected, on_skip=None, on_fail="raise"
    )
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed == expected.keys()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_shapes_and_types_are_scikit_learns(kind: type, dtype: type) -> None:
    X, z, _ = problem()
    X = X.astype(dtype)
    y = targets_for(kind, z)
    model = kind().fit(X, y)
    peer = getattr(linear_model, kind.__name__)().fit(X, y)
    assert model.coef_.shape == peer.coef_.shape
    assert model.coef_.dtype == dtype
    assert np.shape(model.intercept_) == np.shape(peer.intercept_)
    assert np.shape(model.n_iter_) == np.shape(getattr(peer, "n_iter_", 0))
    assert model.n_features_in_ == 6
    margins = model.decision_function(X) if kind in CLASSIFIERS else model.predict(X)
    assert margins.shape == (300,)
    assert margins.dtype == dtype


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_the_defaults_are_scikit_learns_where_the_name_is(kind: type) -> None:
    ours, theirs = kind().get_params(), getattr(linear_model, kind.__name__)().get_params()
    differing = {name for name in ours if name in theirs and ours[name] != theirs[name]}
    # These two say how closely a solver is to be followed, which depends on the solver.
    assert differing <= {"tol", "max_iter"}
    if kind in {fl.SGDClassifier, fl.SGDRegressor}:
        assert set(ours) - set(theirs) == {"batch_size", "schedule"}
        assert not differing


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_arrays_are_read_in_place_and_copies_counted(kind: type) -> None:
    X, z, _ = problem()
    y = targets_for(kind, z)
    wide = np.hstack([X, X])
    plain = kind(**seeded(kind)).fit(X, y)
    assert plain.report_["copied_bytes"] == 0
    for same, copied in [
        (wide[:, :6], 0),
        (np.asfortranarray(X), 0),
        (np.repeat(X, 2, axis=1)[:, ::2], 0),
        (X.tolist(), X.nbytes),
    ]:
        model = kind(**seeded(kind)).fit(same, y)
        assert model.report_["copied_bytes"] == copied
        assert model.coef_.tobytes() == plain.coef_.tobytes()
        assert model.predict(same).tobytes() == plain.predict(X).tobytes()


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint8", "bool", "int64"])
def test_narrow_elements_are_read_in_place(dtype: str, kind: type) -> None:
    X, z, _ = problem()
    if dtype == "bool":
        X -= 0.7
    kept: Any = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    rows = np.maximum(2 * X, 0).astype(kept)
    model = kind(**seeded(kind)).fit(rows, targets_for(kind, z))
    copy = rows.astype(_core.sources()[dtype])
    plain = kind(**seeded(kind)).fit(copy, targets_for(kind, z))
    assert model.report_["copied_bytes"] == 0
    assert model.coef_.dtype == copy.dtype
    assert model.coef_.tobytes() == plain.coef_.tobytes()
    assert model.predict(rows).tobytes() == plain.predict(copy).tobytes()


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_tables_of_one_kind_are_read_in_place(kind: type) -> None:
    pandas = pytest.importorskip("pandas")
    X, z, _ = problem()
    y = targets_for(kind, z)
    plain = kind(**seeded(kind)).fit(X, y)
    whole = pandas.DataFrame(X, columns=list("abcdef"))
    pieces = whole[["a"]].copy()
    for name in "bcdef":
        pieces[name] = whole[name]
    for table, copied in [(whole, 0), (pieces, X.nbytes)]:
        model = kind(**seeded(kind)).fit(table, y)
        assert model.report_["copied_bytes"] == copied
        assert model.coef_.tobytes() == plain.coef_.tobytes()


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_one_and_two_threads_give_the_same_bits(kind: type) -> None:
    X, z, _ = problem(20_000, 30)
    y = targets_for(kind, z)
    before = _core.get_num_threads()
    models = []
    try:
        for threads in [1, 2]:
            _core.set_num_threads(threads)
            models.append(kind(**seeded(kind)).fit(X, y))
    finally:
        _core.set_num_threads(before)
    assert models[0].coef_.tobytes() == models[1].coef_.tobytes()
    assert np.all(models[0].intercept_ == models[1].intercept_)


def test_without_scikit_learn_the_error_names_the_extra() -> None:
    script = "import sys; sys.modules['sklearn'] = None; import fallline; fallline.Ridge"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "fallline's estimators need scikit-learn" in result.stderr
    assert "pip install 'fallline[sklearn]'" in result.stderr


# Solver-based estimators against scikit-learn's.


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    ("model", "peer"),
    [
        (fl.LinearRegression(), linear_model.LinearRegression()),
        (fl.Ridge(alpha=3.0), linear_model.Ridge(alpha=3.0)),
        (fl.Lasso(alpha=0.1), linear_model.Lasso(alpha=0.1, tol=1e-12)),
        (fl.ElasticNet(alpha=0.1), linear_model.ElasticNet(alpha=0.1, tol=1e-12)),
        (fl.LogisticRegression(C=0.3), linear_model.LogisticRegression(C=0.3, tol=1e-10)),
        (
            fl.LogisticRegression(C=0.05, l1_ratio=1.0),
            linear_model.LogisticRegression(
                C=0.05, l1_ratio=1.0, solver="saga", tol=1e-10, max_iter=10_000, random_state=0
            ),
        ),
        (
            fl.LogisticRegression(C=np.inf),
            linear_model.LogisticRegression(C=np.inf, tol=1e-10),
        ),
    ],
    ids=[
        *("linear", "ridge", "lasso", "elastic-net"),
        *("logistic", "logistic-l1", "logistic-unpenalised"),
    ],
)
def test_coefficients_are_scikit_learns(
    model: Any, peer: Any, fit_intercept: bool, weighted: bool
) -> None:
    X, z, weights = problem()
    y = targets_for(type(model), z)
    options = {"sample_weight": weights} if weighted else {}
    model.set_params(tol=1e-13)  # of F, whose error is quadratic in that of the weights
    for estimator in (model, peer):
        estimator.set_params(fit_intercept=fit_intercept).fit(X, y, **options)
    # lbfgs and saga, asked for 1e-10, are what is off by more than rounding.
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-5, atol=1e-7)
    assert (np.asarray(model.coef_ == 0) == (peer.coef_ == 0)).all()


def test_probabilities_keep_their_digits() -> None:
    X, y, _ = problem(classes=True)
    model = fl.LogisticRegression().fit(X, y)
    assert model.classes_.tolist() == ["no", "yes"]
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-15)
    # The logarithm of what has been rounded to 1 - p is off by eps.
    logarithms = np.log(probabilities)
    np.testing.assert_allclose(model.predict_log_proba(X), logarithms, rtol=1e-14, atol=4e-16)
    assert (model.predict(X) == model.classes_[probabilities.argmax(axis=1)]).all()
    model.coef_ *= 1000
    far = model.predict_log_proba(X)
    margins = np.abs(model.decision_function(X))
    assert margins.max() > 1000  # exp(-1000) is 0
    np.testing.assert_allclose(far.min(axis=1), -margins - np.log1p(np.exp(-margins)), rtol=1e-14)


@pytest.mark.parametrize("kind", [fl.LinearRegression, fl.Ridge, fl.LogisticRegression])
def test_a_budget_that_is_too_small_is_said_in_both_categories(kind: type) -> None:
    X, z, _ = problem()
    X[:, 1] += 100 * X[:, 0]
    with pytest.warns(ConvergenceWarning, match=r"stopped at max_iter=1 passes") as caught:
        model = kind(max_iter=1).fit(X, targets_for(kind, z))
    assert issubclass(caught[0].category, fl.ConvergenceWarning)
    assert caught[0].filename == __file__
    assert model.status_ == "budget"
    assert np.all(model.n_iter_ == 1)
    assert model.gap_ > float(model.tol) * model.history_["objective"][-1]


def test_classes_that_a_plane_separates_are_said_to_have_no_optimum() -> None:
    X = np.arange(6.0).reshape(-1, 1)
    with pytest.warns(ConvergenceWarning, match=r"a plane between the classes.*pass a finite C"):
        model = fl.LogisticRegression(C=np.inf).fit(X, X[:, 0] > 2)
    assert model.status_ == "separable"
    assert model.score(X, X[:, 0] > 2) == 1.0


def test_the_report_says_what_was_done() -> None:
    X, z, _ = problem()
    model = fl.LogisticRegression().fit(X, targets_for(fl.LogisticRegression, z))
    report: dict[str, Any] = model.report_
    assert report["method"] == "Newton's method on growing parts of the rows"
    assert report["bytes_read"] == round(report["passes"] * X.nbytes)
    assert model.status_ == "certified"
    assert 0 <= model.gap_ <= 1.01 * float(model.tol) * model.history_["objective"][-1]


def test_ctrl_c_leaves_a_fitted_model(monkeypatch: pytest.MonkeyPatch) -> None:
    original: Callable[..., Any] = _core.newton_pass
    calls: list[None] = []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        calls.append(None)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    monkeypatch.setattr(_core, "newton_pass", interrupted)
    X, z, _ = problem()
    y = targets_for(fl.LogisticRegression, z)
    model = fl.LogisticRegression(tol=0.0).fit(X, y)
    assert model.status_ == "interrupted"
    assert np.isnan(model.gap_)
    assert model.score(X, y) > 0.8
