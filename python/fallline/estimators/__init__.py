"""Linear models with scikit-learn's names, parameters and attributes."""

try:
    import sklearn  # noqa: F401
except ModuleNotFoundError as error:
    message = "fallline's estimators need scikit-learn; pip install 'fallline[sklearn]'"
    raise ImportError(message) from error

from fallline.estimators._base import ConvergenceWarning
from fallline.estimators.elastic_net import ElasticNet, Lasso
from fallline.estimators.linear import LinearRegression, Ridge
from fallline.estimators.logistic import LogisticRegression
from fallline.estimators.sgd_classifier import SGDClassifier
from fallline.estimators.sgd_regressor import SGDRegressor

__all__ = [
    "ConvergenceWarning",
    "ElasticNet",
    "Lasso",
    "LinearRegression",
    "LogisticRegression",
    "Ridge",
    "SGDClassifier",
    "SGDRegressor",
]
