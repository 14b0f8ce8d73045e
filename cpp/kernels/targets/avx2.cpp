// AVX2 and FMA: Haswell (2013), Zen (2017) and later.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/targets/region.hpp"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

namespace fallline::avx2 {
namespace {
#include "simd/half_sum-inl.hpp"
#include "simd/avx2-inl.hpp"
#include "kernels/all-inl.hpp"
}  // namespace
}  // namespace fallline::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace fallline {
namespace {
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
constexpr KernelTable<float> float32 = avx2::table<float>("avx2");
constexpr KernelTable<double> float64 = avx2::table<double>("avx2");
}  // namespace

Target avx2_target() { return {"avx2", has_avx2, &float32, &float64}; }

}  // namespace fallline
#endif
