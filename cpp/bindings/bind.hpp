// One function per concept, listed in module.cpp.
#pragma once

#include <pybind11/pybind11.h>

namespace fallline {

void bind_array_step(pybind11::module_& m);
void bind_columns(pybind11::module_& m);
void bind_csr(pybind11::module_& m);
void bind_csr_loss(pybind11::module_& m);
void bind_dlpack(pybind11::module_& m);
void bind_dual(pybind11::module_& m);
void bind_heads(pybind11::module_& m);
void bind_linalg(pybind11::module_& m);
void bind_losses(pybind11::module_& m);
void bind_newton(pybind11::module_& m);
void bind_row_gradient(pybind11::module_& m);
void bind_rules(pybind11::module_& m);
void bind_runtime(pybind11::module_& m);
void bind_sparse_gram(pybind11::module_& m);
void bind_tensor_step(pybind11::module_& m);
void bind_training(pybind11::module_& m);
void bind_variance_reduced(pybind11::module_& m);

}  // namespace fallline
