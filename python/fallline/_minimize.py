"""Minimise anybody's function by gradient descent, with SciPy's contract."""

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from fallline._arguments import boolean, integer, not_negative, one_of
from fallline._minimizing.box import Box
from fallline._minimizing.function import Function, Point
from fallline._minimizing.result import Minimum
from fallline._minimizing.stepping import Stepping
from fallline._minimizing.subspace import descend
from fallline._minimizing.watch import CONVERGED, Ending, Watch
from fallline.optim import SGD, Optimizer
from fallline.typing import Float64Array, FoundRate

_TOL: Final = 1e-5


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    jac: Callable[..., Any] | bool | None = None,
    hess: object = None,
    hessp: object = None,
    bounds: object = None,
    constraints: object = (),
    tol: float | None = None,
    callback: Callable[..., object] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    optimizer: Optimizer | None = None,
    learning_rate: FoundRate = "auto",
    maxiter: int = 15_000,
    disp: bool = False,
) -> Minimum:
    r"""Minimise a function of several variables, by its gradients alone.

    The arguments are those of `scipy.optimize.minimize`, which also takes this as a method:
    ``scipy.optimize.minimize(fun, x0, jac=jac, method=fl.minimize)``. It needs NumPy only.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` returns a number; x is an array of shape (n,) of its own.
    x0 : array-like of shape (n,)
        Where to begin; it is left as it is, and moved into the bounds.
    args : tuple, default=()
        Further arguments of ``fun`` and ``jac``; what is no tuple is the only one.
    jac : callable, True or None, default=None
        ``jac(x, *args)`` returns the gradient, of shape (n,); with True ``fun`` returns the value
        and the gradient. None is for finite differences of 2n calls of ``fun`` each, inside the
        bounds, which a warning says.
    hess : object, default=None
        Ignored with a warning, as SciPy does in methods of gradients.
    hessp : object, default=None
        Ignored with a warning too.
    bounds : Bounds or sequence of pairs, default=None
        Limits (lower, upper) of each element, None where there is none, or a
        ``scipy.optimize.Bounds``. ``fun`` is called inside them only.
    constraints : object, default=()
        None are taken; SciPy passes an empty tuple.
    tol : float, default=None
        The largest element of the projected gradient at a minimum, in units of fun over those of
        x; None is 1e-5, as in SciPy's methods.
    callback : callable, default=None
        Called after each iteration as ``callback(x)`` or, if that is the name of its one parameter,
        ``callback(intermediate_result=...)`` with ``x`` and ``fun``. It may raise StopIteration.
    options : mapping, default=None
        The arguments below and ``tol`` once more, for those used to SciPy; they count more.
    optimizer : Optimizer, default=None
        A rule of `fallline.optim` that makes the steps, at its own learning rate. A fresh copy of
        it steps: it is left as it is. A `ReduceOnPlateau` is told ``fun`` after each step. None is
        for the method below, or plain gradient descent where a learning rate is given.
    learning_rate : float, Schedule, callable or "auto", default="auto"
        "auto" needs none; another is that of plain gradient descent.
    maxiter : int, default=15000
        The most iterations.
    disp : bool, default=False
        Whether to print how it ended.

    Returns
    -------
    Minimum
        With ``x``, ``fun``, ``jac``, ``success``, ``status``, ``message``, ``nit``, ``nfev`` and
        ``njev``. ``success`` says that the projected gradient at ``x`` is at most ``tol``.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, or ``fun`` returns no number.
    ValueError
        If an argument is out of its range, ``fun`` or its gradient is not finite at ``x0``, or
        there are constraints.

    Notes
    -----
    Each step goes to the lowest point of a quadratic model in the space of the gradient and the
    last ten steps [1]_, whose curvature along the gradient is that of Barzilai and Borwein [2]_;
    most are taken as they are, for one call of ``fun`` and ``jac`` each. L-BFGS remembers the same
    steps to approximate a Hessian of all variables; there is none here. Bounds are met by
    projection. It keeps two dozen vectors, and finds one minimum of several.

    Counted to a gradient of 1e-5 (docs/performance.md), it takes 0.04 to 0.6 times the calls of
    SciPy's CG on quadratics of 10 to 1,000 variables and 0.3 to 1.05 times those of L-BFGS-B, on
    Rosenbrock's function 0.2 to 0.7 and 1.1 to 1.3 times, and in boxes 0.9 to 1.5 times those of
    L-BFGS-B. Of two or three variables, SciPy's BFGS takes fewer.

    Where ``fun`` is not finite, steps are shortened. With an optimizer they cannot be: the run ends
    with ``status`` 3 and the lowest value seen. Averages of an optimizer are not looked at, and
    weight decay moves the minimum.

    References
    ----------
    .. [1] Cragg & Levy (1969), "Study on a supermemory gradient method for the minimization of
       functions", Journal of Optimization Theory and Applications 4, 191-205.
    .. [2] Dai & Kou (2016), "A Barzilai-Borwein conjugate gradient method", Science China
       Mathematics 59, 1511-1524.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> def rosenbrock(x):
    ...     a, b = 1 - x[0], x[1] - x[0] ** 2
    ...     return a**2 + 100 * b**2, np.array([-2 * a - 400 * x[0] * b, 200 * b])
    >>> found = fl.minimize(rosenbrock, [-1.2, 1.0], jac=True)
    >>> found.success, found.x.round(4)
    (True, array([1., 1.]))
    >>> fl.minimize(rosenbrock, [-1.2, 1.0], jac=True, bounds=[(None, 0.5), (0, None)]).x.round(4)
    array([0.5 , 0.25])
    >>> adam = fl.optim.Adam(fl.schedules.Cosine(0.1, steps=10_000))
    >>> fl.minimize(rosenbrock, [-1.2, 1.0], jac=True, optimizer=adam).success
    True
    """
    jac = jac or None  # as False is to SciPy
    chosen = _Options(tol, optimizer, learning_rate, maxiter, disp).updated(options)
    tolerance = not_negative("tol", _TOL if chosen.tol is None else chosen.tol)
    n_most, says = integer("maxiter", chosen.maxiter), boolean("disp", chosen.disp)
    _check_callables(fun, jac, callback)
    _refuse_constraints(constraints)
    x = _start(x0)
    box = Box.of(bounds, len(x))
    x = box.project(x)
    rule = _rule(chosen.optimizer, chosen.learning_rate)
    method = Stepping(rule, x).descend if rule else descend
    _warn(jac, hess, hessp)
    function = Function(fun, args if isinstance(args, tuple) else (args,), jac, box)
    start = _finite(function.at(x))
    watch = Watch(box, tolerance, n_most, callback, start)
    ending = method(function, box, watch, start)
    result = _result(ending, function, watch)
    if says:
        sys.stdout.write(f"{result.message}\n{_summary(result)}\n")
    return result


class _Options(NamedTuple):
    """The arguments that SciPy passes as options."""

    tol: float | None
    optimizer: Optimizer | None
    learning_rate: FoundRate
    maxiter: int
    disp: bool

    def updated(self, options: object) -> "_Options":
        """Return them with those of a dict in place of some, or raise."""
        if options is None:
            return self
        if not isinstance(options, Mapping):
            message = f"options must be a dict, got {options!r}"
            raise TypeError(message)
        for name in options:
            one_of("options", name, self._fields)
        return self._replace(**options)


def _check_callables(fun: object, jac: object, callback: object) -> None:
    if not callable(fun):
        message = f"fun must be a function, got {fun!r}; the order is minimize(fun, x0)"
        raise TypeError(message)
    if not (callable(jac) or jac is None or isinstance(jac, bool)):
        message = (
            f"jac must be a function, True or None, got {jac!r}; None takes finite differences"
        )
        raise TypeError(message)
    if not (callable(callback) or callback is None):
        message = f"callback must be a function or None, got {callback!r}"
        raise TypeError(message)


def _refuse_constraints(constraints: Any) -> None:
    is_empty = constraints is None or (hasattr(constraints, "__len__") and not len(constraints))
    if not is_empty:
        message = (
            f"constraints must be empty, got {constraints!r}; bounds are taken, and SciPy's "
            "methods 'SLSQP' and 'trust-constr' take constraints"
        )
        raise ValueError(message)


def _start(x0: object) -> Float64Array:
    try:
        x = np.atleast_1d(np.array(x0, dtype=np.float64))
    except (TypeError, ValueError):
        message = f"x0 must be an array of numbers, got {x0!r}"
        raise TypeError(message) from None
    if x.ndim != 1 or not x.size:
        message = (
            f"x0 must be 1-dimensional and not empty, got shape {x.shape}; pass x0.ravel() and let "
            "fun reshape"
        )
        raise ValueError(message)
    if not np.isfinite(x).all():
        i = int(np.argmin(np.isfinite(x)))
        message = f"x0 must be finite, got {x[i]} at place {i}"
        raise ValueError(message)
    return x


def _rule(optimizer: object, learning_rate: FoundRate) -> Optimizer | None:
    """Return what makes the steps; None for the method that needs no learning rate."""
    is_auto = isinstance(learning_rate, str) and learning_rate == "auto"
    if optimizer is None:
        return None if is_auto else SGD(learning_rate)
    if not isinstance(optimizer, Optimizer):
        message = (
            f"optimizer must be one of fallline.optim that steps arrays, or None, got {optimizer!r}"
        )
        raise TypeError(message)
    if not is_auto:
        message = (
            f"learning_rate must be 'auto' with an optimizer, got {learning_rate!r}; give it to "
            f"{type(optimizer).__name__}"
        )
        raise ValueError(message)
    if optimizer.maximize:
        message = "maximize must be False of an optimizer that minimises, got True"
        raise ValueError(message)
    return optimizer


def _warn(jac: object, hess: object, hessp: object) -> None:
    if jac is None:
        message = (
            "jac is None, so each gradient takes 2n calls of fun, for n variables, and has two "
            "thirds of its digits; pass jac, or jac=True where fun returns both"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    for name, given in (("hess", hess), ("hessp", hessp)):
        if given is not None:
            message = f"{name} is ignored, as fallline.minimize goes by gradients alone"
            warnings.warn(message, RuntimeWarning, stacklevel=3)


def _finite(start: Point) -> Point:
    if not start.is_finite:
        what, came = "fun", f"{start.value}"
        if np.isfinite(start.value):
            what, came = "the gradient", f"{start.gradient}"
        message = f"{what} must be finite at x0, got {came}; begin elsewhere"
        raise ValueError(message)
    return start


def _result(ending: Ending, function: Function, watch: Watch) -> Minimum:
    return Minimum(
        message=ending.message,
        success=ending.status == CONVERGED,
        status=ending.status,
        fun=ending.point.value,
        x=ending.point.x,
        nit=watch.iterations,
        jac=ending.point.gradient,
        nfev=function.n_values,
        njev=function.n_gradients,
    )


def _summary(result: Minimum) -> str:
    return (
        f"fun = {result.fun:.6g} after {result.nit} iterations, {result.nfev} calls of fun and "
        f"{result.njev} gradients"
    )
