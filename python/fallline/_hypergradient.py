"""Derivatives of the loss on other data with respect to what a training was given."""

import math
from typing import NamedTuple, cast

import numpy as np

from fallline import _core
from fallline._at_optimum import at_optimum
from fallline._sensitivities import descend_with_sensitivities, matrix_of
from fallline._validation import Data, as_dtype, check_data, check_validation
from fallline.optim import SGD
from fallline.solvers import KINKED, LARGEST_HESSIAN
from fallline.trainer import Trainer
from fallline.typing import Float64Array


class Hypergradient(NamedTuple):
    """The loss on validation data, and what it depends on.

    Attributes
    ----------
    value : float
        Mean loss on the validation data, without penalty.
    log_alpha : ndarray of shape (n_features,)
        Its derivatives with respect to the logarithm of each feature's own alpha. Their sum is the
        one with respect to that of an alpha they share.
    log_learning_rate : float
        The same with respect to the logarithm of the learning rate, of all steps together; NaN at
        an optimum, which does not depend on it.
    """

    value: float
    log_alpha: Float64Array
    log_learning_rate: float


def hypergradient(
    trainer: Trainer,
    X: object,
    y: object,
    *,
    validation: tuple[object, object],
    sample_weight: object = None,
) -> Hypergradient:
    r"""Differentiate the validation loss of a training with respect to its hyperparameters.

    Parameters
    ----------
    trainer : Trainer
        With an L2 penalty and a smooth loss of one output; its optimizer is "auto", or `SGD` with
        plain or Nesterov's momentum or none.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Rows to train on; dense ones with `SGD`.
    y : array-like of shape (n_samples,)
        Their targets.
    validation : tuple of X and y
        Rows to measure the loss on.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows to train on.

    Returns
    -------
    Hypergradient
        The loss and its derivatives.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the trainer or the data are none of these; the message says what to use.

    Notes
    -----
    At the optimum of "auto", with q the solution of :math:`H q = \nabla V` for the Hessian H of F
    and the validation loss V, implicit differentiation of :math:`\nabla F(w) = 0` gives

    .. math:: \frac{\partial V}{\partial \log \alpha_j} = -q_j \alpha_j w_j.

    With `SGD` the derivatives of the weights, s, follow the steps: with H the Hessian of the rows
    of a step, :math:`v \leftarrow \mu v + g` and :math:`w \leftarrow w - \eta v`,

    .. math:: \dot g = H s + \alpha \odot w, \quad
              \dot v \leftarrow \mu \dot v + \dot g, \quad
              s \leftarrow s - \eta \dot v,

    and likewise for the learning rate. That takes two to three times as long as training
    n_features + 1 models.

    References
    ----------
    Bengio, Y. (2000). Gradient-based optimization of hyperparameters, equations 12 to 15.
    Franceschi, L. et al. (2017). Forward and reverse gradient-based hyperparameter optimization,
    section 3.2.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 3))
    >>> y = X @ [1.0, -1.0, 0.0] + rng.standard_normal(200)
    >>> trainer = fl.Trainer(fl.losses.Squared(), penalty=fl.penalties.L2(0.1))
    >>> found = fl.hypergradient(trainer, X[:100], y[:100], validation=(X[100:], y[100:]))
    >>> found.log_alpha.round(4)  # less penalty on the two features that count would do good
    array([0.0107, 0.0164, 0.0001])
    """
    data, held_out = checked(trainer, X, y, sample_weight, validation)
    if trainer.optimizer == "auto":
        fit = trainer.fit(X, y, sample_weight=sample_weight)
        found = at_optimum(trainer, fit, data, held_out)
        return Hypergradient(found.value, found.slopes, math.nan)
    _check_steps(trainer, data, held_out)
    path = descend_with_sensitivities(trainer, data)
    loss, dtype, n = trainer.loss, np.dtype(np.float64), len(held_out.y)
    total, of_coef, of_intercept = _core.loss_gradient(
        as_dtype(matrix_of(held_out), dtype),
        as_dtype(held_out.y, dtype),
        None,
        loss.name,
        path.w[:-1].copy(),
        float(path.w[-1]),
        loss.parameters,
    )
    by = (path.by * np.append(of_coef, of_intercept)[:, np.newaxis]).sum(axis=0) / n
    return Hypergradient(total / n, by[:-1], float(by[-1]))


def checked(
    trainer: object, X: object, y: object, sample_weight: object, validation: object
) -> tuple[Data, Data]:
    """Return both sets of rows, or raise if the validation loss has no derivatives."""
    if not isinstance(trainer, Trainer):
        message = f"trainer must be a fallline.Trainer, got {type(trainer).__name__}"
        raise TypeError(message)
    loss, penalty = trainer.loss, trainer.penalty
    if loss.name in KINKED or loss.name == "perceptron":
        message = f"loss must be smooth, got {loss!r}; use Squared, Logistic or Huber"
        raise ValueError(message)
    if penalty is None or penalty.l1 > 0.0 or not penalty.l2 > 0.0:
        message = (
            f"penalty must be L2 with a positive alpha, got {penalty!r}; fl.penalties.L2(1e-2) is "
            "a place to begin at"
        )
        raise ValueError(message)
    data = check_data(X, y, sample_weight, loss)
    held_out = check_validation(cast("tuple[object, object]", validation), data, loss)
    if held_out is None:
        message = "validation must be a tuple (X, y), got None; hold some rows back"
        raise ValueError(message)
    if data.heads is not None:
        message = f"y must have one output, got several {data.kind_of_heads}; take one at a time"
        raise ValueError(message)
    if data.X.shape[1] >= LARGEST_HESSIAN:
        message = (
            f"X must have fewer than {LARGEST_HESSIAN} features, as each is an alpha, got "
            f"{data.X.shape[1]}"
        )
        raise ValueError(message)
    return data, held_out


def _check_steps(trainer: Trainer, data: Data, held_out: Data) -> None:
    """Raise ValueError unless the steps can be differentiated."""
    optimizer = trainer.optimizer
    if not isinstance(optimizer, SGD) or optimizer.finds_rate:
        message = (
            f"optimizer must be 'auto' or SGD with a learning rate, got {optimizer!r}, whose steps "
            "are not differentiated"
        )
        raise ValueError(message)
    if optimizer.learning_rate.state_dict():
        message = (
            f"learning_rate must follow from the step number, got {optimizer.learning_rate!r}, "
            "which follows the loss"
        )
        raise ValueError(message)
    if trainer.callbacks or trainer.max_time < math.inf:
        what = "callbacks must be empty" if trainer.callbacks else "max_time must be None"
        message = f"{what} with SGD, as all steps are differentiated; set epochs instead"
        raise ValueError(message)
    if trainer.standardize:
        message = "standardize must be False with SGD, got True; scale the columns first"
        raise ValueError(message)
    if isinstance(data.X, _core.CsrMatrix) or isinstance(held_out.X, _core.CsrMatrix):
        message = "X must be dense with SGD, got a sparse matrix; use optimizer='auto'"
        raise ValueError(message)
