from typing import Any, final

import numpy as np

from fallline._core_loops import *  # noqa: F403
from fallline.typing import (
    DenseMatrix,
    Float64Array,
    FloatArray,
    FloatDType,
    IndexArray,
    Int32Array,
    IntArray,
)

__version__: str

def build_info() -> dict[str, str]: ...
def targets() -> list[str]: ...
def get_target() -> str: ...
def set_target(name: str) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def losses() -> list[str]: ...
def coupled_losses() -> list[str]: ...
def functions() -> list[str]: ...
def rules() -> dict[str, tuple[int, int]]: ...
def sources() -> dict[str, str]: ...
def epoch_order(
    shuffle: str, n_samples: int, n_features: int, seed: int, epoch: int
) -> IntArray: ...
def loss_values(
    loss: str, margins: FloatArray, targets: FloatArray, loss_parameters: list[float] = ...
) -> FloatArray: ...
def loss_derivatives(
    loss: str, margins: FloatArray, targets: FloatArray, loss_parameters: list[float] = ...
) -> FloatArray: ...
def loss_curvatures(
    loss: str, margins: FloatArray, targets: FloatArray, loss_parameters: list[float] = ...
) -> FloatArray: ...
def loss_conjugates(
    loss: str, duals: FloatArray, targets: FloatArray, loss_parameters: list[float] = ...
) -> FloatArray: ...
def model_gap(
    loss: str,
    loss_parameters: list[float],
    margins: Float64Array,
    ends: Float64Array,
    targets: Float64Array,
    sample_weight: Float64Array | None,
    clipped: Float64Array,
) -> tuple[float, float, float, int]: ...
def loss_smoothness(loss: str, loss_parameters: list[float] = ...) -> float: ...
def evaluate(function: str, x: FloatArray) -> FloatArray: ...
def margins(
    X: DenseMatrix | CsrMatrix, w: FloatArray, intercept: float, shift: FloatArray | None = None
) -> FloatArray: ...
def loss_sum(
    X: DenseMatrix | CsrMatrix,
    y: FloatArray,
    sample_weight: FloatArray | None,
    loss: str,
    w: FloatArray,
    intercept: float,
    loss_parameters: list[float] = ...,
    shift: FloatArray | None = None,
) -> float: ...
def loss_gradient(
    X: DenseMatrix,
    y: FloatArray,
    sample_weight: FloatArray | None,
    loss: str,
    w: FloatArray,
    intercept: float,
    loss_parameters: list[float] = ...,
    shift: FloatArray | None = None,
) -> tuple[float, Float64Array, float]: ...
def head_loss_sums(
    X: DenseMatrix,
    y: FloatArray,
    sample_weight: FloatArray | None,
    targets: str,
    loss: str,
    coef: FloatArray,
    intercept: Float64Array,
    loss_parameters: list[float] = [],
) -> Float64Array: ...
def head_loss_gradients(
    X: DenseMatrix,
    y: FloatArray,
    sample_weight: FloatArray | None,
    targets: str,
    loss: str,
    coef: FloatArray,
    intercept: Float64Array,
    loss_parameters: list[float] = [],
) -> tuple[Float64Array, FloatArray, Float64Array]: ...
def head_margins(X: DenseMatrix, coef: FloatArray, intercept: Float64Array) -> FloatArray: ...
def newton_pass(
    X: DenseMatrix | CsrMatrix,
    y: Float64Array,
    sample_weight: Float64Array | None,
    loss: str,
    u: Float64Array,
    mean: Float64Array,
    inverse_scale: Float64Array,
    fit_intercept: bool,
    *,
    loss_parameters: list[float] = ...,
    order: IntArray | None = None,
    hessian_rows: tuple[int, int] | None = None,
    margins: Float64Array | None = None,
) -> tuple[float, float, Float64Array, Float64Array | None]: ...
def softmax_newton_pass(
    X: DenseMatrix | CsrMatrix,
    y: Float64Array,
    sample_weight: Float64Array | None,
    n_classes: int,
    u: Float64Array,
    mean: Float64Array,
    inverse_scale: Float64Array,
    fit_intercept: bool,
    *,
    order: IntArray | None = None,
    hessian_rows: tuple[int, int] | None = None,
    margins: Float64Array | None = None,
) -> tuple[float, float, Float64Array, Float64Array | None]: ...
def csr_softmax_pass(
    X: CsrMatrix,
    y: Float64Array,
    sample_weight: Float64Array | None,
    n_classes: int,
    weights: Float64Array,
    intercepts: Float64Array,
    margins: Float64Array,
) -> tuple[float, Float64Array, Float64Array]: ...
def leverage_pass(
    X: DenseMatrix | CsrMatrix,
    mean: Float64Array,
    inverse_scale: Float64Array,
    fit_intercept: bool,
    L: Float64Array,
    *,
    sample_weight: Float64Array | None = None,
    order: IntArray | None = None,
    leverages: Float64Array | None = None,
) -> float: ...
def dual_losses() -> list[str]: ...
def dual_epoch(
    X: DenseMatrix | CsrMatrix,
    y: Float64Array,
    sample_weight: Float64Array | None,
    loss: str,
    loss_parameters: list[float],
    order: IntArray,
    squared_norms: Float64Array,
    rate: float,
    intercept_rate: float,
    duals: Float64Array,
    w: Float64Array,
    intercept: float,
) -> tuple[float, float]: ...
def column_descent(
    columns: tuple[Float64Array, Int32Array | None, IntArray],
    slopes: Float64Array,
    curvatures: Float64Array,
    penalty: tuple[float, float],
    fit_intercept: bool,
    v: Float64Array,
    goal: tuple[float, float, int],
) -> tuple[Float64Array, float, float, float, int]: ...
def row_products(X: DenseMatrix | CsrMatrix, w: Float64Array) -> Float64Array: ...
def row_sums(
    X: DenseMatrix | CsrMatrix, r: Float64Array, *, squares: bool = False
) -> Float64Array: ...
def gram_products(X: DenseMatrix | CsrMatrix, c: Float64Array, w: Float64Array) -> Float64Array: ...
def sparse_gram(X: CsrMatrix, c: Float64Array, most: int) -> CsrMatrix | None: ...
def squared_norms(X: DenseMatrix | CsrMatrix) -> Float64Array: ...
def column_moments(
    X: DenseMatrix, sample_weight: FloatArray | None
) -> tuple[Float64Array, Float64Array]: ...
def all_finite(X: DenseMatrix) -> bool: ...
def read_sum(x: FloatArray) -> float: ...
def in_place(w: FloatArray, a: FloatArray, b: FloatArray, g: FloatArray) -> None: ...
def fma_chains(xy: FloatArray, n: int) -> float: ...
def cholesky(A: Float64Array) -> tuple[Float64Array, int]: ...
def cholesky_solve(L: Float64Array, b: Float64Array) -> Float64Array: ...
def triangular_solve(
    L: Float64Array, b: Float64Array, transposed: bool = False
) -> Float64Array: ...
def inverse_norm(L: Float64Array, n_iterations: int) -> float: ...
def inner(a: FloatArray, b: FloatArray) -> float: ...
def qr_update(R: Float64Array, A: Float64Array) -> Float64Array: ...
def pivoted_qr(R: Float64Array) -> tuple[Float64Array, IntArray]: ...
def l1_quadratic(
    H: Float64Array, gradient: Float64Array, l1: Float64Array, u: Float64Array
) -> tuple[Float64Array, float]: ...
def step(
    rule: str,
    w: FloatArray,
    gradient: FloatArray,
    slots: list[FloatArray],
    parameters: list[float],
    step: int,
    learning_rate: float,
    gradient_scale: float = 1.0,
    l2: float = 0.0,
    l1: float = 0.0,
    weight_decay: float = 0.0,
) -> None: ...
def array_rules() -> dict[str, tuple[int, int, int]]: ...
def step_tensors(
    calls: list[tuple[str, float, list[tuple[Any, ...]]]],
    clip_norm: float,
    skips_nonfinite: bool,
    fading: float,
    lazy: bool,
) -> bool: ...
def from_dlpack(capsule: object) -> np.ndarray[Any, Any]: ...

@final
class RowGradient:
    def __init__(self, rows: IntArray, values: DenseMatrix, n_rows: int, width: int) -> None: ...

@final
class ArrayStep:
    def __init__(
        self,
        rule: str,
        groups: list[Any],
        sign: float,
        clip_norm: float,
        skips_nonfinite: bool,
        fading: float,
        lazy: bool,
    ) -> None: ...
    def step(self, number: int, learning_rate: float) -> bool: ...
    def step_groups(self, numbers: list[int], learning_rates: list[float]) -> bool: ...

@final
class CsrMatrix:
    def __init__(
        self, data: FloatArray, indices: IndexArray, indptr: IndexArray, n_columns: int
    ) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> FloatDType: ...
    @property
    def data(self) -> FloatArray: ...
    @property
    def indices(self) -> IndexArray: ...
    @property
    def indptr(self) -> IndexArray: ...
    @property
    def size(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
