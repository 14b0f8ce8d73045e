// The entry points of the target files. Those of another processor family are not compiled.
#pragma once

#include "kernels/table.hpp"

namespace fallline {

struct Target {
  const char* name;
  bool (*runs_here)();
  const KernelTable<float>* float32;
  const KernelTable<double>* float64;
};

Target baseline_target();
#if defined(__x86_64__)
Target avx2_target();
Target avx512_target();
#elif defined(__aarch64__)
Target neon_target();
#endif

}  // namespace fallline
