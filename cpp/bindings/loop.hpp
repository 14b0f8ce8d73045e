// What the bindings of all mini-batch loops share.
#pragma once

#include <string>

#include "bindings/arrays.hpp"
#include "training/loop.hpp"

namespace fallline {

inline Shuffle shuffle_named(const std::string& name) {
  if (name == "blocks") return Shuffle::blocks;
  if (name == "rows") return Shuffle::rows;
  if (name == "none") return Shuffle::stored;
  throw py::value_error("shuffle must be 'blocks', 'rows' or 'none', got '" + name + "'");
}

template <class Model>
py::tuple run_chunk(Loop<Model>& loop, const double* learning_rates, std::ptrdiff_t n_steps) {
  Interrupt interrupt(signal_raised);
  Chunk chunk;
  {
    const py::gil_scoped_release no_gil;
    chunk = loop.run(learning_rates, n_steps, interrupt);
  }
  if (chunk.interrupted) throw py::error_already_set();
  return py::make_tuple(chunk.steps, chunk.loss, chunk.weight);
}

// One learning rate per step.
template <class Model> py::tuple run_steps(Loop<Model>& loop, const Array<double>& learning_rates) {
  const std::ptrdiff_t n = learning_rates.size();
  return run_chunk(loop, vector(learning_rates, n, "learning_rates"), n);
}

}  // namespace fallline
