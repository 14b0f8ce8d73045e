"""What a minimisation found."""

from typing import Any

import numpy as np


class Minimum(dict[str, Any]):
    """What `minimize` found: a dict whose entries are attributes too, like SciPy's OptimizeResult.

    Its entries are

    - ``x``: ndarray of shape (n,), where the gradient test was met or else the lowest ``fun`` seen;
    - ``fun``, ``jac``: the function and its gradient there;
    - ``success``: whether the gradient test was met there, and nothing else;
    - ``status``: 0 if so; 1 where the iterations were over, 2 where rounding errors left nothing to
      gain, 3 where steps of a given length came to a value that is not finite, 99 where the
      callback stopped;
    - ``message``: the same in words;
    - ``nit``, ``nfev``, ``njev``: iterations, calls of ``fun`` and gradients.

    Examples
    --------
    >>> import fallline as fl
    >>> found = fl.minimize(lambda x: (x @ x, 2 * x), [3.0, -4.0], jac=True)
    >>> found.success, found["nit"] == found.nit
    (True, True)
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        with np.printoptions(threshold=20, edgeitems=3, precision=5):
            lines = (f"{name:>{width}}: {_shown(self[name], width + 2)}" for name in self)
            return "\n".join(lines)


def _shown(value: object, indentation: int) -> str:
    text = str(value) if isinstance(value, np.ndarray | str) else repr(value)
    return text.replace("\n", "\n" + " " * indentation)
