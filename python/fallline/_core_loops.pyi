from typing import final

from fallline._core import CsrMatrix
from fallline.typing import (
    DenseMatrix,
    Float64Array,
    FloatArray,
    UInt8Array,
)

@final
class CsrLoop:
    def __init__(
        self,
        X: CsrMatrix,
        y: FloatArray,
        sample_weight: FloatArray | None,
        loss: str,
        rule: str,
        parameters: list[float],
        l2: float,
        l1: float,
        weight_decay: float,
        batch_size: int,
        shuffle: str,
        seed: int,
        fit_intercept: bool,
        loss_parameters: list[float] = ...,
    ) -> None: ...
    def run(self, learning_rates: Float64Array) -> tuple[int, float, float]: ...
    @property
    def steps_per_epoch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def coef(self) -> FloatArray: ...
    @coef.setter
    def coef(self, value: FloatArray) -> None: ...
    @property
    def intercept(self) -> float: ...
    @intercept.setter
    def intercept(self, value: float) -> None: ...

@final
class VarianceReducedLoop:
    def __init__(
        self,
        X: DenseMatrix | CsrMatrix,
        y: FloatArray,
        sample_weight: FloatArray | None,
        mean: FloatArray | None = ...,
        inverse_scale: FloatArray | None = ...,
        shift: FloatArray | None = ...,
        *,
        loss: str,
        loss_parameters: list[float],
        l2: float,
        l1: float,
        memory: str,
        line_search: bool,
        shuffle: str,
        seed: int,
        fit_intercept: bool,
    ) -> None: ...
    def run(self, learning_rates: Float64Array) -> tuple[int, float, float]: ...
    @property
    def steps_per_epoch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def snapshots(self) -> int: ...
    @property
    def coef(self) -> Float64Array: ...
    @coef.setter
    def coef(self, value: Float64Array) -> None: ...
    @property
    def intercept(self) -> float: ...
    @intercept.setter
    def intercept(self, value: float) -> None: ...

@final
class LoopFloat32:
    def __init__(
        self,
        X: DenseMatrix,
        y: FloatArray,
        sample_weight: FloatArray | None,
        loss: str,
        rule: str,
        parameters: list[float],
        l2: float,
        l1: float,
        weight_decay: float,
        batch_size: int,
        shuffle: str,
        seed: int,
        fit_intercept: bool,
        loss_parameters: list[float] = ...,
        shift: FloatArray | None = None,
        mean: FloatArray | None = None,
        inverse_scale: FloatArray | None = None,
        rate: str = ...,
    ) -> None: ...
    def run(self, learning_rates: Float64Array) -> tuple[int, float, float]: ...
    @property
    def steps_per_epoch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def coef(self) -> FloatArray: ...
    @coef.setter
    def coef(self, value: FloatArray) -> None: ...
    @property
    def intercept(self) -> float: ...
    @intercept.setter
    def intercept(self, value: float) -> None: ...

@final
class LoopFloat64:
    def __init__(
        self,
        X: DenseMatrix,
        y: FloatArray,
        sample_weight: FloatArray | None,
        loss: str,
        rule: str,
        parameters: list[float],
        l2: float,
        l1: float,
        weight_decay: float,
        batch_size: int,
        shuffle: str,
        seed: int,
        fit_intercept: bool,
        loss_parameters: list[float] = ...,
        shift: FloatArray | None = None,
        mean: FloatArray | None = None,
        inverse_scale: FloatArray | None = None,
        rate: str = ...,
    ) -> None: ...
    def run(self, learning_rates: Float64Array) -> tuple[int, float, float]: ...
    @property
    def steps_per_epoch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def coef(self) -> FloatArray: ...
    @coef.setter
    def coef(self, value: FloatArray) -> None: ...
    @property
    def intercept(self) -> float: ...
    @intercept.setter
    def intercept(self, value: float) -> None: ...

@final
class HeadsLoopFloat32:
    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        sample_weight: FloatArray | None,
        targets: str,
        n_heads: int,
        loss: str,
        rule: str,
        parameters: list[float],
        l2: list[float],
        l1: list[float],
        weight_decay: list[float],
        batch_size: int,
        shuffle: str,
        seed: int,
        fit_intercept: bool,
        folds: UInt8Array | None = None,
        fold_of_heads: list[int] = [],
        loss_parameters: list[float] = [],
        rate: str = ...,
    ) -> None: ...
    def run(self, learning_rates: Float64Array) -> tuple[int, float, float]: ...
    def stop(self, head: int) -> None: ...
    @property
    def head_losses(self) -> Float64Array: ...
    @property
    def head_weights(self) -> Float64Array: ...
    @property
    def stopped(self) -> list[bool]: ...
    @property
    def steps_per_epoch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def coef(self) -> FloatArray: ...
    @coef.setter
    def coef(self, value: FloatArray) -> None: ...
    @property
    def intercept(self) -> Float64Array: ...
    @intercept.setter
    def intercept(self, value: Float64Array) -> None: ...

@final
class HeadsLoopFloat64:
    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        sample_weight: FloatArray | None,
        targets: str,
        n_heads: int,
        loss: str,
        rule: str,
        parameters: list[float],
        l2: list[float],
        l1: list[float],
        weight_decay: list[float],
        batch_size: int,
        shuffle: str,
        seed: int,
        fit_intercept: bool,
        folds: UInt8Array | None = None,
        fold_of_heads: list[int] = [],
        loss_parameters: list[float] = [],
        rate: str = ...,
    ) -> None: ...
    def run(self, learning_rates: Float64Array) -> tuple[int, float, float]: ...
    def stop(self, head: int) -> None: ...
    @property
    def head_losses(self) -> Float64Array: ...
    @property
    def head_weights(self) -> Float64Array: ...
    @property
    def stopped(self) -> list[bool]: ...
    @property
    def steps_per_epoch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def coef(self) -> FloatArray: ...
    @coef.setter
    def coef(self, value: FloatArray) -> None: ...
    @property
    def intercept(self) -> Float64Array: ...
    @intercept.setter
    def intercept(self, value: Float64Array) -> None: ...
