// A loss by its name, with the parameters that Python has for it.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "core/find.hpp"
#include "kernels/table.hpp"

namespace fallline {

template <class T>
const LossEntry<T>& loss_named(const std::string& name, const std::vector<double>& parameters) {
  const LossEntry<T>& entry = find(kernels<T>().losses, name);
  if (parameters.size() != static_cast<std::size_t>(entry.n_parameters)) {
    throw pybind11::value_error(name + " takes " + std::to_string(entry.n_parameters) +
                                " loss_parameters, got " + std::to_string(parameters.size()));
  }
  return entry;
}

}  // namespace fallline
