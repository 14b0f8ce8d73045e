"""Other libraries' ways to the optimum of the F that fallline minimises: how each is asked.

Each is a function of rows, targets (-1 and +1 for labels), alpha and an effort, a number that grows
with what is asked for, and returns coefficients and intercept. Libraries are imported when they are
asked for the first time, and use OMP_NUM_THREADS threads.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import fallline as fl

Weights = tuple[Any, Any]
_MOST_COLUMNS = 5_000  # where a matrix of columns by columns is made
_ENOUGH = 200  # iterations, where the tolerance decides


class Rival(NamedTuple):
    """A way to the optimum.

    Attributes
    ----------
    name : str
        Library or solver.
    fit : callable
        As the module says.
    intercept_is_penalized : bool
        Whether its F has half of alpha times the square of the intercept in it.
    most_columns : int
        It is not asked where there are more, as it makes a matrix of columns by columns.
    """

    name: str
    fit: Callable[[Any, Any, float, float], Weights]
    intercept_is_penalized: bool = False
    most_columns: int = sys.maxsize


def of(model: Any, X: Any, y: Any) -> Weights:
    """Fit and return what has been learnt."""
    model.fit(X, y)
    return model.coef_, model.intercept_


def tolerance(effort: float) -> float:
    """Return a tenth for each effort."""
    return float(10.0**-effort)


def iterations(effort: float) -> int:
    """Return twice as many for each effort."""
    return round(2.0**effort)


def ours(loss: fl.losses.Loss) -> Rival:
    """Return fallline's way: its estimator where there is one, else its Trainer."""

    def fit(X: Any, y: Any, alpha: float, effort: float) -> Weights:
        tol = tolerance(effort)
        if loss.name == "logistic":
            return of(fl.LogisticRegression(C=1.0 / (alpha * X.shape[0]), tol=tol), X, y)
        if loss.name == "squared":
            return of(fl.Ridge(alpha * X.shape[0], tol=tol), X, y)
        fit = fl.Trainer(loss, penalty=fl.penalties.L2(alpha), tol=tol).fit(X, y)
        return fit.coef, fit.intercept

    return Rival("fallline", fit)


def scikit_learn(solver: str) -> Rival:
    """Return scikit-learn's LogisticRegression."""

    def fit(X: Any, y: Any, alpha: float, effort: float) -> Weights:
        from sklearn.linear_model import LogisticRegression

        counted = solver in {"lbfgs", "saga"}
        model = LogisticRegression(
            C=1.0 / (alpha * X.shape[0]),
            solver=solver,
            tol=1e-14 if counted else tolerance(effort),
            max_iter=iterations(effort) if counted else _ENOUGH,
            random_state=0,
        )
        return of(model, X, y)

    most_columns = _MOST_COLUMNS if solver == "newton-cholesky" else sys.maxsize
    return Rival(solver, fit, solver == "liblinear", most_columns)


def scikit_learn_ridge(solver: str) -> Rival:
    """Return scikit-learn's Ridge."""

    def fit(X: Any, y: Any, alpha: float, effort: float) -> Weights:
        from sklearn.linear_model import Ridge

        tol = tolerance(effort)
        model = Ridge(alpha * X.shape[0], solver=solver, tol=tol, max_iter=2_000, random_state=0)
        return of(model, X, y)

    return Rival(f"ridge-{solver}", fit)


def scikit_learn_poisson(solver: str) -> Rival:
    """Return scikit-learn's PoissonRegressor."""

    def fit(X: Any, y: Any, alpha: float, effort: float) -> Weights:
        from sklearn.linear_model import PoissonRegressor

        counted = solver == "lbfgs"
        model = PoissonRegressor(
            alpha=alpha,
            solver=solver,
            tol=1e-14 if counted else tolerance(effort),
            max_iter=iterations(effort) if counted else _ENOUGH,
        )
        return of(model, X, y)

    return Rival(solver, fit)


def glum(family: str) -> Rival:
    """Return glum's GeneralizedLinearRegressor."""

    def fit(X: Any, y: Any, alpha: float, effort: float) -> Weights:
        from glum import GeneralizedLinearRegressor

        model = GeneralizedLinearRegressor(
            alpha=alpha,
            family=family,
            gradient_tol=tolerance(effort),
            max_iter=500,
        )
        return of(model, X, (y > 0).astype(float) if family == "binomial" else y)

    return Rival("glum", fit, most_columns=_MOST_COLUMNS)


def cyanure(loss: str) -> Rival:
    """Return Cyanure's estimators, which choose among their solvers."""

    def fit(X: Any, y: Any, alpha: float, effort: float) -> Weights:
        from cyanure.estimators import Classifier, Regression

        kind = Classifier if loss == "logistic" else Regression
        options = {
            "tol": tolerance(effort),
            "max_iter": 2_000,
            "n_threads": int(os.environ["OMP_NUM_THREADS"]),
        }
        return of(kind(loss, "l2", lambda_1=alpha, verbose=False, **options), X, y)

    return Rival("cyanure", fit)


def intelex(loss: str) -> Rival:
    """Return scikit-learn-intelex's LogisticRegression or Ridge."""

    def fit(X: Any, y: Any, alpha: float, effort: float) -> Weights:
        import daal4py
        from sklearnex.linear_model import LogisticRegression, Ridge

        daal4py.daalinit(int(os.environ["OMP_NUM_THREADS"]))
        if loss == "squared":
            return of(Ridge(alpha * X.shape[0]), X, y)
        C, most = 1.0 / (alpha * X.shape[0]), iterations(effort)
        return of(LogisticRegression(C=C, tol=1e-14, max_iter=most), X, y)

    return Rival("intelex", fit)


def rivals(loss: str) -> list[Rival]:
    """Return all that minimise the same F."""
    if loss == "logistic":
        solvers = ["lbfgs", "newton-cholesky", "saga", "liblinear"]
        return [*map(scikit_learn, solvers), glum("binomial"), cyanure(loss), intelex(loss)]
    if loss == "squared":
        solvers = ["auto", "cholesky", "lsqr", "sag"]
        return [
            *map(scikit_learn_ridge, solvers),
            glum("normal"),
            cyanure("square"),
            intelex(loss),
        ]
    return [*map(scikit_learn_poisson, ["lbfgs", "newton-cholesky"]), glum("poisson")]
