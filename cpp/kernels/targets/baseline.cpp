// Whatever the compiler assumes of the processor family, such as SSE2 on x86-64.
#include "kernels/targets/region.hpp"

namespace fallline::baseline {
namespace {
#include "simd/baseline-inl.hpp"
#include "kernels/all-inl.hpp"
}  // namespace
}  // namespace fallline::baseline

namespace fallline {
namespace {
bool always() { return true; }
constexpr KernelTable<float> float32 = baseline::table<float>("baseline");
constexpr KernelTable<double> float64 = baseline::table<double>("baseline");
}  // namespace

Target baseline_target() { return {"baseline", always, &float32, &float64}; }

}  // namespace fallline
