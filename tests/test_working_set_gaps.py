"""Working sets of columns: no gap is ever below the true one, against minima of many digits."""

from typing import Any

import mpmath
import pytest
from scipy import sparse

from fallline import _core, solvers
from fallline.solvers.l1 import working_set
from test_certificate import DIGITS, LOSSES
from test_duality import Penalised, penalised, precise, smallest

PROBLEMS = 60  # of each loss, half of them sparse


def solve(loss: str, p: Penalised, tol: float, *, is_sparse: bool) -> solvers.Optimum:
    X: Any = p.smooth.X
    if is_sparse:
        rows = sparse.csr_array(X)
        X = _core.CsrMatrix(rows.data, rows.indices, rows.indptr, rows.shape[1])
    return working_set.solve(
        solvers.Problem(
            *(X, p.smooth.y, p.smooth.s, LOSSES[loss]),
            alpha=p.alpha,
            l1_ratio=p.l1_ratio,
            fit_intercept=p.smooth.fit_intercept,
            tol=tol,
            max_passes=5000,
        )
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_is_never_below_the_true_one(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_set, "_FEWEST", 1)
    certified = 0
    with mpmath.workdps(DIGITS):
        for seed in range(PROBLEMS):
            p = penalised(loss, seed)
            best = None
            for tol in (1e-3, 1e-6, 1e-12):
                optimum = solve(loss, p, tol, is_sparse=bool(seed % 2))
                if optimum.status != "certified":
                    continue
                certified += tol == 1e-6
                w = [mpmath.mpf(value) for value in [*optimum.coef.tolist(), optimum.intercept]]
                if best is None:
                    best = smallest(loss, p, w)
                gap = precise(loss, p, w) - best
                assert gap <= optimum.gap, f"{seed}: {mpmath.nstr(gap, 5)} > {optimum.gap:.5g}"
    assert certified >= 0.95 * PROBLEMS
