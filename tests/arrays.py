"""Arrays of awkward lengths at awkward addresses."""

from typing import Any, TypeAlias

import numpy as np

from fallline.typing import Float64Array, FloatArray

DType: TypeAlias = np.dtype[Any]  # of a test that runs with float32 and with float64

# A vector holds 16 float32 or 8 float64; a loop body up to four vectors.
LENGTHS = [1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 130]
OFFSETS = [0, 1, 3]  # elements from the beginning of a buffer, which NumPy aligns to 16 bytes
GUARD = -12345.0


def eps(dtype: DType) -> float:
    return float(np.finfo(dtype).eps)


class Guarded:
    """A copy of ``values`` that begins ``offset`` elements into a buffer of guards."""

    def __init__(self, values: Float64Array, dtype: DType, offset: int) -> None:
        n = len(values)
        self._buffer: FloatArray = np.full(n + offset + 64, GUARD, dtype)
        self._outside = np.ones(len(self._buffer), bool)
        self._outside[offset : offset + n] = False
        self.array: FloatArray = self._buffer[offset : offset + n]
        self.array[:] = values

    def is_intact(self) -> bool:
        """Whether nothing was written before or after the array."""
        return bool(np.all(self._buffer[self._outside] == GUARD))
