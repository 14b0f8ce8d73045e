"""Names for the types that occur in signatures."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

# Spelled out, as importing numpy.typing for its NDArray costs 1 ms.
Float32Array: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
Float64Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
FloatArray: TypeAlias = Float32Array | Float64Array
DenseMatrix: TypeAlias = np.ndarray[Any, Any]  # of any elements that the core reads
FloatDType: TypeAlias = np.dtype[np.float32] | np.dtype[np.float64]
BoolArray: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Int32Array: TypeAlias = np.ndarray[Any, np.dtype[np.int32]]
IndexArray: TypeAlias = Int32Array | IntArray
UInt8Array: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

# A float of a model with one output, a Float64Array of one with several. As a union it would ask
# everybody who has one output to rule out the other.
Intercept: TypeAlias = Any

LearningRate: TypeAlias = float | Callable[[int], float]

# "auto" for one that is found on the way.
FoundRate: TypeAlias = LearningRate | Literal["auto"]
