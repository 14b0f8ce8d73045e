from typing import final

from fallline.typing import Float64Array, FloatArray, IntArray

__version__: str

def build_info() -> dict[str, str]: ...
def targets() -> list[str]: ...
def get_target() -> str: ...
def set_target(name: str) -> None: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def losses() -> list[str]: ...
def functions() -> list[str]: ...
def rules() -> dict[str, tuple[int, int]]: ...
def epoch_order(
    shuffle: str, n_samples: int, n_features: int, seed: int, epoch: int
) -> IntArray: ...
def loss_values(
    loss: str, margins: FloatArray, targets: FloatArray, loss_parameters: list[float] = ...
) -> FloatArray: ...
def loss_derivatives(
    loss: str, margins: FloatArray, targets: FloatArray, loss_parameters: list[float] = ...
) -> FloatArray: ...
def evaluate(function: str, x: FloatArray) -> FloatArray: ...
def margins(X: FloatArray, w: FloatArray, intercept: float) -> FloatArray: ...
def loss_sum(
    X: FloatArray,
    y: FloatArray,
    sample_weight: FloatArray | None,
    loss: str,
    w: FloatArray,
    intercept: float,
    loss_parameters: list[float] = ...,
) -> float: ...
def loss_gradient(
    X: FloatArray,
    y: FloatArray,
    sample_weight: FloatArray | None,
    loss: str,
    w: FloatArray,
    intercept: float,
    loss_parameters: list[float] = ...,
) -> tuple[float, Float64Array, float]: ...
def all_finite(X: FloatArray) -> bool: ...
def read_sum(x: FloatArray) -> float: ...
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

@final
class LoopFloat32:
    def __init__(
        self,
        X: FloatArray,
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
class LoopFloat64:
    def __init__(
        self,
        X: FloatArray,
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
