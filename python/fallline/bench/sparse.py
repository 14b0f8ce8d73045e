"""Sparse logistic regression: rows as text has them, the loop in SciPy, and the contest with it."""

import math
from typing import Any, cast

import numpy as np

from fallline import _core
from fallline.bench.agreement import check_agreement, epoch_tolerance
from fallline.bench.contests import Contest
from fallline.typing import FloatArray, IndexArray


def make_sparse_problem(
    n_samples: int, n_features: int, n_elements: int, seed: int = 0
) -> tuple[FloatArray, IndexArray, FloatArray]:
    """Draw rows of distinct features whose frequencies fall as one over their rank (Zipf's law).

    Parameters
    ----------
    n_samples : int
        Number of rows.
    n_features : int
        Number of columns.
    n_elements : int
        Stored elements of each row, at most half of `n_features`.
    seed : int, default=0
        Seed of the generator.

    Returns
    -------
    values : ndarray of shape (n_samples, n_elements)
        Float32, such that rows have about unit length.
    columns : ndarray of shape (n_samples, n_elements)
        Columns of the values, ascending in each row; int32.
    y : ndarray of shape (n_samples,)
        Targets -1 and +1 of a linear model with noise.

    Examples
    --------
    >>> from fallline.bench.sparse import make_sparse_problem
    >>> values, columns, y = make_sparse_problem(4, 100, 5)
    >>> values.shape, columns.dtype, set(abs(y).tolist())
    ((4, 5), dtype('int32'), {1.0})
    """
    rng = np.random.default_rng(seed)

    def draw(size: Any) -> Any:
        # Rank r with a probability of about 1 / (r log(d)).
        return np.exp(rng.random(size) * math.log(n_features)).astype(np.int32) - 1

    ranks = np.sort(draw((n_samples, n_elements)), axis=1)
    rows = np.arange(n_samples)
    while rows.size:  # those with a feature twice draw it again
        again = np.diff(ranks[rows], axis=1, prepend=-1) == 0
        rows, again = rows[again.any(axis=1)], again[again.any(axis=1)]
        part = ranks[rows]
        part[again] = draw(int(again.sum()))
        ranks[rows] = np.sort(part, axis=1)
    columns = np.sort(rng.permutation(n_features).astype(np.int32)[ranks], axis=1)
    values = rng.uniform(0.5, 1.5, columns.shape).astype(np.float32) / np.float32(
        math.sqrt(n_elements)
    )
    coef = rng.standard_normal(n_features, np.float32)
    margins = np.einsum("ij,ij->i", values, coef[columns])
    noise = 0.5 * rng.standard_normal(n_samples, np.float32)
    return values, columns, np.copysign(np.float32(1), margins + noise)


class ScipyLoop:
    """Logistic regression by gradient descent over sparse rows in stored order, in SciPy.

    Parameters
    ----------
    values, columns : ndarray of shape (n_samples, n_elements)
        Stored elements of each row, and their columns.
    y : ndarray of shape (n_samples,)
        Targets -1 and +1, of the dtype of `values`.
    n_features : int
        Number of columns.
    learning_rate : float
        Step size, the same at every step.
    batch_size : int
        Rows per step.

    Attributes
    ----------
    coef : ndarray of shape (n_features,)
        Weights; zeros before the first epoch.
    intercept : float
        Intercept; zero before the first epoch.

    Examples
    --------
    >>> from fallline.bench.sparse import ScipyLoop, make_sparse_problem
    >>> loop = ScipyLoop(*make_sparse_problem(8, 100, 5), 100, learning_rate=0.5, batch_size=4)
    >>> loop.epoch()
    >>> bool(loop.coef.any())
    True
    """

    def __init__(
        self,
        values: FloatArray,
        columns: IndexArray,
        y: FloatArray,
        n_features: int,
        *,
        learning_rate: float,
        batch_size: int,
    ) -> None:
        from scipy import sparse

        n_samples, n_elements = values.shape
        # Cut once, as slicing sparse rows would take most of the time.
        self._batches = []
        for start in range(0, n_samples, batch_size):
            part = slice(start, start + batch_size)
            n = len(y[part])
            indptr = np.arange(0, n * n_elements + 1, n_elements)
            parts = (values[part].ravel(), columns[part].ravel(), indptr)
            X = sparse.csr_array(parts, shape=(n, n_features))
            self._batches.append((X, X.T, y[part]))
        self._learning_rate = learning_rate
        self.coef = np.zeros(n_features, values.dtype)
        self.intercept = 0.0

    def epoch(self) -> None:
        """Make one pass over the rows, updating `coef` in place, and `intercept`."""
        with np.errstate(over="ignore"):  # where exp overflows, 1 / (1 + inf) is the 0 we want
            for X, transposed, y in self._batches:
                step = X @ self.coef
                step += self.intercept
                step *= y
                np.exp(step, out=step)
                step += 1.0
                np.divide(y, step, out=step)
                step *= self._learning_rate / len(y)
                self.coef += transposed @ step
                self.intercept += float(step.sum())


class CsrCoreLoop:
    """The compiled loop at the work of `ScipyLoop`; parameters and attributes as there.

    Parameters
    ----------
    values, columns : ndarray of shape (n_samples, n_elements)
        Stored elements of each row, and their columns.
    y : ndarray of shape (n_samples,)
        Targets -1 and +1, of the dtype of `values`.
    n_features : int
        Number of columns.
    learning_rate : float
        Step size, the same at every step.
    batch_size : int
        Rows per step.
    rule : str, default="sgd"
        Update rule of the core.
    parameters : sequence of float, default=()
        Constants of the rule.
    shuffle : {"none", "rows", "blocks"}, default="none"
        Order of the rows.

    Examples
    --------
    >>> from fallline.bench.sparse import CsrCoreLoop, make_sparse_problem
    >>> loop = CsrCoreLoop(*make_sparse_problem(8, 100, 5), 100, learning_rate=0.5, batch_size=4)
    >>> loop.epoch()
    >>> bool(loop.coef.any())
    True
    """

    def __init__(
        self,
        values: FloatArray,
        columns: IndexArray,
        y: FloatArray,
        n_features: int,
        *,
        learning_rate: float,
        batch_size: int,
        rule: str = "sgd",
        parameters: tuple[float, ...] = (),
        shuffle: str = "none",
    ) -> None:
        starts = np.arange(0, values.size + 1, values.shape[1])
        indptr = cast("IndexArray", starts.astype(columns.dtype))
        self._loop = _core.CsrLoop(
            _core.CsrMatrix(values.ravel(), columns.ravel(), indptr, n_features),
            y,
            None,
            loss="logistic",
            rule=rule,
            parameters=list(parameters),
            l2=0.0,
            l1=0.0,
            weight_decay=0.0,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=0,
            fit_intercept=True,
        )
        self._rates = np.full(self._loop.steps_per_epoch, learning_rate)

    @property
    def coef(self) -> FloatArray:
        """Weights, a copy of shape (n_features,)."""
        return self._loop.coef

    @property
    def intercept(self) -> float:
        """Intercept."""
        return self._loop.intercept

    def epoch(self) -> None:
        """Make one pass over the rows."""
        self._loop.run(self._rates)


def csr_contest(
    values: FloatArray,
    columns: IndexArray,
    y: FloatArray,
    n_features: int,
    *,
    batch_size: int,
    scipy_steps: int,
) -> Contest:
    """Pair the two loops over sparse rows.

    Parameters
    ----------
    values, columns : ndarray of shape (n_samples, n_elements)
        Stored elements of each row, and their columns.
    y : ndarray of shape (n_samples,)
        Targets -1 and +1, of the dtype of `values`.
    n_features : int
        Number of columns.
    batch_size : int
        Rows per step.
    scipy_steps : int
        Most steps of the SciPy loop, each of which takes time in proportion to `n_features`: it
        gets the first rows only. The answers are compared on the same rows.

    Returns
    -------
    contest : Contest
        One epoch each. Bytes: the values, their columns and where rows begin.

    Raises
    ------
    RuntimeError
        If the weights after one epoch from zero do not agree.

    Examples
    --------
    >>> from fallline.bench.sparse import csr_contest, make_sparse_problem
    >>> problem = make_sparse_problem(32, 100, 5)
    >>> contest = csr_contest(*problem, 100, batch_size=8, scipy_steps=3)
    >>> contest.n, contest.numpy_n
    (32, 24)
    """
    n = min(len(y), scipy_steps * batch_size)
    # The rows as if all their columns were the same ones: their lengths are what matters.
    longest = math.sqrt(1.0 + float(np.einsum("ij,ij->i", values, values).max()))
    rate = 1.0 / (0.25 * longest**2)
    first = (values[:n], columns[:n], y[:n], n_features)
    options: dict[str, Any] = {"learning_rate": rate, "batch_size": batch_size}
    ours, theirs = CsrCoreLoop(*first, **options), ScipyLoop(*first, **options)
    ours.epoch()
    theirs.epoch()
    tolerance = epoch_tolerance(
        values[:n], y[:n], theirs.coef, loss="logistic", steps=-(-n // batch_size), **options
    )
    check_agreement(
        f"one sparse epoch with batches of {batch_size}",
        np.append(ours.coef, ours.intercept),
        np.append(theirs.coef, theirs.intercept),
        tolerance,
    )
    if n < len(y):
        ours = CsrCoreLoop(values, columns, y, n_features, **options)
    n_bytes = values.nbytes + columns.nbytes + columns.itemsize * (len(y) + 1)
    return Contest(ours.epoch, theirs.epoch, len(y), n, n_bytes)
