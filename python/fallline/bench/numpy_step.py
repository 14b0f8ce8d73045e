"""The update rules in NumPy, as a competent user writes them: in place, with one buffer."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy import add, clip, divide, maximum, multiply, sign, sqrt, subtract

from fallline.typing import FloatArray


class NumpyStep:
    """An update rule bound to the arrays it works on.

    Parameters
    ----------
    rule : {"sgd", "momentum", "nesterov", "adam", "amsgrad", "adagrad", "lion", "ftrl"}
        Name of the rule, by the formulas of `fallline.optim`.
    w : ndarray of shape (n,)
        Weights, float32 or float64; updated in place.
    g : ndarray of shape (n,)
        Gradient, of the dtype of `w`; read anew at every step.
    parameters : sequence of float
        Constants of the rule: none for sgd, the momentum, beta1, beta2 and eps for adam and
        amsgrad, eps for adagrad, beta1 and beta2 for lion, beta, l1 and l2 for ftrl.
    learning_rate : float
        Step size, the same at every step.
    weight_decay : float, default=0.0
        Decoupled weight decay, as in AdamW; per unit of `learning_rate`.

    Attributes
    ----------
    slots : list of ndarray of shape (n,)
        State of the rule; zeros before the first step.

    Examples
    --------
    >>> import numpy as np
    >>> from fallline.bench.numpy_step import NumpyStep
    >>> w = np.ones(2)
    >>> step = NumpyStep("momentum", w, np.array([1.0, -1.0]), [0.5], learning_rate=0.5)
    >>> step()
    >>> step()
    >>> w
    array([-0.25,  2.25])
    """

    def __init__(
        self,
        rule: str,
        w: FloatArray,
        g: FloatArray,
        parameters: Sequence[float],
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
    ) -> None:
        rules: dict[str, tuple[Callable[..., None], int]] = {
            "sgd": (self._sgd, 0),
            "momentum": (self._momentum, 1),
            "nesterov": (self._nesterov, 1),
            "adam": (self._adam, 2),
            "amsgrad": (self._amsgrad, 3),
            "adagrad": (self._adagrad, 1),
            "lion": (self._lion, 1),
            "ftrl": (self._ftrl, 2),
        }
        self._update, n_slots = rules[rule]
        self._parameters = tuple(parameters)
        self._learning_rate = learning_rate
        self._shrink = 1.0 - learning_rate * weight_decay
        self._step = 0
        self.slots = [np.zeros_like(w) for _ in range(n_slots)]
        self._arrays = [w, g, *self.slots, np.empty_like(w)]

    def __call__(self) -> None:
        """Make the next step."""
        self._step += 1
        if self._shrink != 1.0:
            multiply(self._arrays[0], self._shrink, self._arrays[0])
        self._update(*self._arrays)

    def _sgd(self, w: FloatArray, g: FloatArray, buffer: FloatArray) -> None:
        multiply(g, self._learning_rate, buffer)
        subtract(w, buffer, w)

    def _momentum(self, w: FloatArray, g: FloatArray, m: FloatArray, buffer: FloatArray) -> None:
        multiply(m, self._parameters[0], m)
        add(m, g, m)
        multiply(m, self._learning_rate, buffer)
        subtract(w, buffer, w)

    def _nesterov(self, w: FloatArray, g: FloatArray, m: FloatArray, buffer: FloatArray) -> None:
        momentum = self._parameters[0]
        multiply(m, momentum, m)
        add(m, g, m)
        multiply(m, momentum, buffer)
        add(buffer, g, buffer)
        multiply(buffer, self._learning_rate, buffer)
        subtract(w, buffer, w)

    def _adam(
        self, w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, buffer: FloatArray
    ) -> None:
        self._moments(g, m, v, buffer)
        self._step_by_moments(w, m, v, buffer)

    def _amsgrad(
        self,
        w: FloatArray,
        g: FloatArray,
        m: FloatArray,
        v: FloatArray,
        largest: FloatArray,
        buffer: FloatArray,
    ) -> None:
        self._moments(g, m, v, buffer)
        maximum(largest, v, out=largest)
        self._step_by_moments(w, m, largest, buffer)

    def _moments(self, g: FloatArray, m: FloatArray, v: FloatArray, buffer: FloatArray) -> None:
        beta1, beta2, _ = self._parameters
        multiply(m, beta1, m)
        multiply(g, 1.0 - beta1, buffer)
        add(m, buffer, m)
        multiply(v, beta2, v)
        multiply(g, g, buffer)
        multiply(buffer, 1.0 - beta2, buffer)
        add(v, buffer, v)

    def _step_by_moments(
        self, w: FloatArray, m: FloatArray, v: FloatArray, buffer: FloatArray
    ) -> None:
        beta1, beta2, eps = self._parameters
        # lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps), with both corrections in scalars.
        correction = math.sqrt(1.0 - beta2**self._step)
        rate = self._learning_rate * correction / (1.0 - beta1**self._step)
        sqrt(v, buffer)
        add(buffer, eps * correction, buffer)
        divide(m, buffer, buffer)
        multiply(buffer, rate, buffer)
        subtract(w, buffer, w)

    def _adagrad(self, w: FloatArray, g: FloatArray, G: FloatArray, buffer: FloatArray) -> None:
        multiply(g, g, buffer)
        add(G, buffer, G)
        sqrt(G, buffer)
        add(buffer, self._parameters[0], buffer)
        divide(g, buffer, buffer)
        multiply(buffer, self._learning_rate, buffer)
        subtract(w, buffer, w)

    def _lion(self, w: FloatArray, g: FloatArray, m: FloatArray, buffer: FloatArray) -> None:
        beta1, beta2 = self._parameters
        subtract(g, m, buffer)
        multiply(buffer, 1.0 - beta1, buffer)
        add(m, buffer, buffer)
        sign(buffer, buffer)
        multiply(buffer, self._learning_rate, buffer)
        subtract(w, buffer, w)
        multiply(m, beta2, m)
        multiply(g, 1.0 - beta2, buffer)
        add(m, buffer, m)

    def _ftrl(
        self, w: FloatArray, g: FloatArray, u: FloatArray, n: FloatArray, buffer: FloatArray
    ) -> None:
        beta, l1, l2 = self._parameters
        multiply(g, g, buffer)
        add(n, buffer, n)
        sqrt(n, buffer)
        add(buffer, beta + l2 * self._learning_rate, buffer)
        divide(buffer, self._learning_rate, buffer)
        # z = u + g - curvature w, of which u keeps what lies within l1 of 0.
        multiply(w, buffer, w)
        add(u, g, u)
        subtract(w, u, w)
        clip(w, -l1, l1, u)
        subtract(w, u, w)
        multiply(u, -1.0, u)
        divide(w, buffer, w)
