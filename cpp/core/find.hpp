// Members of a table by name. Apart from the table itself, whose kernels are compiled without
// exceptions.
#pragma once

#include <stdexcept>
#include <string>

namespace fallline {

// The entry of that name; Python has checked it, so that a wrong one is a mistake of ours.
template <class Entries> const auto& find(const Entries& entries, const std::string& name) {
  for (const auto& entry : entries) {
    if (name == entry.name) return entry;
  }
  throw std::invalid_argument("the core has no '" + name + "'");
}

}  // namespace fallline
