#include "bindings/bind.hpp"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.attr("__version__") = FALLLINE_VERSION;
  fallline::bind_runtime(m);
  fallline::bind_losses(m);
  fallline::bind_rules(m);
  fallline::bind_row_gradient(m);
  fallline::bind_array_step(m);
  fallline::bind_dlpack(m);
  fallline::bind_tensor_step(m);
  fallline::bind_training(m);
  fallline::bind_variance_reduced(m);
  fallline::bind_csr(m);
  fallline::bind_csr_loss(m);
  fallline::bind_heads(m);
  fallline::bind_newton(m);
  fallline::bind_linalg(m);
  fallline::bind_dual(m);
  fallline::bind_sparse_gram(m);
  fallline::bind_columns(m);
}
