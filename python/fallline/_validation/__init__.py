"""The only place that checks arrays: once, before the core sees them."""

from fallline._validation.arrays import as_dtype, check_dense, is_sparse
from fallline._validation.data import (
    Data,
    check_coef,
    check_data,
    check_intercepts,
    check_validation,
)
from fallline._validation.rows import (
    Matrix,
    as_matrix,
    check_columns,
    column_names,
    column_spans,
    computed_in,
    is_view,
    raise_not_csr,
)
from fallline._validation.targets import check_every_class, encode, find_classes

__all__ = [
    "Data",
    "Matrix",
    "as_dtype",
    "as_matrix",
    "check_coef",
    "check_columns",
    "check_data",
    "check_dense",
    "check_every_class",
    "check_intercepts",
    "check_validation",
    "column_names",
    "column_spans",
    "computed_in",
    "encode",
    "find_classes",
    "is_sparse",
    "is_view",
    "raise_not_csr",
]
