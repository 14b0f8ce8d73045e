#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "kernels/table.hpp"
#include "training/threads.hpp"

namespace fallline {

namespace py = pybind11;

void bind_runtime(py::module_& m) {
  survive_forks();
  m.def("targets", runnable_targets, "SIMD targets that this machine can run, best first.");
  m.def("get_target", current_target, "The SIMD target in force.");
  m.def("set_target", set_target, py::arg("name"), "Force a SIMD target.");
  m.def("get_num_threads", num_threads, "Threads a pass over much data uses.");
  m.def("set_num_threads", set_num_threads, py::arg("n"), "Set the number of threads.");
  m.def(
      "build_info",
      [] {
        return std::map<std::string, std::string>{{"compiler", FALLLINE_COMPILER},
                                                  {"openmp", has_openmp() ? "yes" : "no"}};
      },
      "How the extension was built.");
}

}  // namespace fallline
