// NEON of arm64, which every processor of that family has: no region to open, nothing to ask.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels/targets/region.hpp"

namespace fallline::neon {
namespace {
#include "simd/neon-inl.hpp"
#include "kernels/all-inl.hpp"
}  // namespace
}  // namespace fallline::neon

namespace fallline {
namespace {
bool always() { return true; }
constexpr KernelTable<float> float32 = neon::table<float>("neon");
constexpr KernelTable<double> float64 = neon::table<double>("neon");
}  // namespace

Target neon_target() { return {"neon", always, &float32, &float64}; }

}  // namespace fallline
#endif
