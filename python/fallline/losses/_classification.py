"""Losses of two classes: y is -1 for the first and +1 for the second, in sorted order."""

from fallline.losses._loss import Loss


class Logistic(Loss):
    r"""The negative log-likelihood of two classes.

    Notes
    -----
    With y = -1 for the first class and +1 for the second, in sorted order of the labels,

    .. math:: \log(1 + e^{-y z}).

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Logistic()
    Logistic()
    """

    name = "logistic"
    symbols = "log(1 + exp(-y z))"
    classifies = True


class Hinge(Loss):
    r"""The loss of the linear support vector machine, for two classes.

    Notes
    -----
    With y = -1 for the first class and +1 for the second, in sorted order of the labels,

    .. math:: \max(0, 1 - y z).

    It has a kink at y z = 1; the derivative there is taken as 0.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Hinge()
    Hinge()
    """

    name = "hinge"
    symbols = "max(0, 1 - y z)"
    classifies = True


class SquaredHinge(Loss):
    r"""The squared lack of margin of the L2 support vector machine, for two classes.

    Notes
    -----
    With y = -1 for the first class and +1 for the second, in sorted order of the labels,

    .. math:: \max(0, 1 - y z)^2,

    without a half, as in scikit-learn.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.SquaredHinge()
    SquaredHinge()
    """

    name = "squared_hinge"
    symbols = "max(0, 1 - y z)^2"
    classifies = True


class Perceptron(Loss):
    r"""How far a row lies on the wrong side, for two classes.

    Notes
    -----
    With y = -1 for the first class and +1 for the second, in sorted order of the labels,

    .. math:: \max(0, -y z).

    It has a kink at y z = 0; the derivative there is that of a mistake, -y, so that training can
    leave zero weights, which cost nothing. A step of one example with `SGD(1.0)` is the
    perceptron's update.

    References
    ----------
    F. Rosenblatt (1958), "The perceptron: a probabilistic model for information storage and
    organization in the brain", Psychological Review 65.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.Perceptron()
    Perceptron()
    """

    name = "perceptron"
    symbols = "max(0, -y z)"
    classifies = True


class ModifiedHuber(Loss):
    r"""The squared hinge, straight where it would be steep: robust, with probabilities.

    Notes
    -----
    With y = -1 for the first class and +1 for the second, in sorted order of the labels,

    .. math:: \max(0, 1 - y z)^2 \text{ if } y z \ge -1, \quad -4 y z \text{ otherwise}.

    It is smallest on average where the margin is 2 p - 1, with p the probability of the second
    class: hence `fallline.SGDClassifier.predict_proba`.

    References
    ----------
    T. Zhang (2004), "Solving large scale linear prediction problems using stochastic gradient
    descent algorithms", ICML.

    Examples
    --------
    >>> import fallline as fl
    >>> fl.losses.ModifiedHuber()
    ModifiedHuber()
    """

    name = "modified_huber"
    symbols = "max(0, 1 - y z)^2, but -4 y z below y z = -1"
    classifies = True


class Softmax(Loss):
    r"""The negative log-likelihood of any number of classes: multinomial logistic regression.

    Notes
    -----
    Every class k has weights of its own and a margin :math:`z_k`; of the class c of the row,

    .. math:: \log \sum_k e^{z_k} - z_c.

    With two classes the model has twice the weights of `Logistic` and, without a penalty, the same
    probabilities.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> X, y = np.eye(3), np.array(["a", "b", "c"])
    >>> trainer = fl.Trainer(
    ...     fl.losses.Softmax(), penalty=fl.penalties.L2(0.5), optimizer=fl.optim.SGD(1.0)
    ... )
    >>> fit = trainer.fit(X, y)
    >>> fit.predict(X), fit.coef.shape
    (array(['a', 'b', 'c'], dtype='<U1'), (3, 3))
    """

    name = "softmax"
    symbols = "log(sum of exp(z_k)) - z_y"
    classifies = True
    coupled = True
