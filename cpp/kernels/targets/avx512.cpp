// AVX-512 with VL, DQ and BW: Skylake-SP (2017), Zen 4 (2022) and later.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/targets/region.hpp"

#if defined(__clang__)
#pragma clang attribute push(                                                    \
    __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c")
#endif

namespace fallline::avx512 {
namespace {
#include "simd/half_sum-inl.hpp"
#include "simd/avx512-inl.hpp"
#include "kernels/all-inl.hpp"
}  // namespace
}  // namespace fallline::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace fallline {
namespace {
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
constexpr KernelTable<float> float32 = avx512::table<float>("avx512");
constexpr KernelTable<double> float64 = avx512::table<double>("avx512");
}  // namespace

Target avx512_target() { return {"avx512", has_avx512, &float32, &float64}; }

}  // namespace fallline
#endif
