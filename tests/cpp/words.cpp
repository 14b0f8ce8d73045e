// Checks each word of a target's vocabulary, lane by lane, against what simd.hpp says it means.
// Built once per target, with the target's file as FALLLINE_WORDS and the flags it needs.
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <cmath>
#include <cstdint>
#include <limits>

#include "guarded.hpp"
#include "kernels/targets/region.hpp"

namespace {
using fallline::BFloat16;
using fallline::Float16;
#if defined(__AVX2__)
#include "simd/half_sum-inl.hpp"
#endif
#include FALLLINE_WORDS
#include "simd/simd.hpp"
#include "simd/convert-inl.hpp"

#if defined(FALLLINE_FUSED)
constexpr bool fused = true;
#else
constexpr bool fused = false;
#endif

// The exceptions of arithmetic, and three numbers whose products are rounded.
template <class T> struct Examples {
  using Limits = std::numeric_limits<T>;
  static constexpr std::ptrdiff_t count = 17;
  T at[count] = {T(0),
                 -T(0),
                 T(1),
                 T(-1),
                 T(1) / T(3),
                 T(-5) / T(7),
                 T(11) / T(13),
                 Limits::min(),
                 -Limits::min(),
                 Limits::denorm_min(),
                 -Limits::denorm_min(),
                 Limits::max(),
                 -Limits::max(),
                 Limits::infinity(),
                 -Limits::infinity(),
                 Limits::quiet_NaN(),
                 -Limits::quiet_NaN()};
};

// Equal to the bit, a zero's sign included; any NaN for a NaN.
template <class T> bool same(T a, T b) {
  return (a != a && b != b) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <class T> void expect_lanes(const char* word, vec<T> got, const T* expected) {
  T lanes[vec<T>::size];
  store(lanes, got);
  for (std::ptrdiff_t k = 0; k < vec<T>::size; ++k) {
    if (!same(lanes[k], expected[k])) {
      fail(std::string(word) + " of " + std::to_string(8 * sizeof(T)) + " bits, lane " +
           std::to_string(k) + ": expected " + std::to_string(expected[k]) + ", got " +
           std::to_string(lanes[k]));
    }
  }
}

// word(a, b, c) of vectors against meaning(a, b, c) of numbers, for all triples of examples.
template <class T, class Word, class Meaning>
void expect(const char* name, const Word& word, const Meaning& meaning) {
  constexpr std::ptrdiff_t size = vec<T>::size, count = Examples<T>::count;
  const Examples<T> examples;
  T a[size], b[size], c[size], expected[size];
  for (std::ptrdiff_t i = 0; i < count * count; ++i) {
    for (std::ptrdiff_t k = 0; k < size; ++k) {
      a[k] = examples.at[(i / count + k) % count];
      b[k] = examples.at[(i + 3 * k) % count];
      c[k] = examples.at[(i / count + i + 5 * k) % count];
      expected[k] = meaning(a[k], b[k], c[k]);
    }
    expect_lanes(name, word(load(a), load(b), load(c)), expected);
  }
}

template <class T> void check_arithmetic() {
  using V = vec<T>;
  expect<T>("+", [](V a, V b, V) { return a + b; }, [](T a, T b, T) { return a + b; });
  expect<T>("-", [](V a, V b, V) { return a - b; }, [](T a, T b, T) { return a - b; });
  expect<T>("*", [](V a, V b, V) { return a * b; }, [](T a, T b, T) { return a * b; });
  expect<T>("/", [](V a, V b, V) { return a / b; }, [](T a, T b, T) { return a / b; });
  expect<T>("unary -", [](V a, V, V) { return -a; }, [](T a, T, T) { return T(0) - a; });
  expect<T>("sqrt", [](V a, V, V) { return sqrt(a); }, [](T a, T, T) { return std::sqrt(a); });
  expect<T>(
      "fma", [](V a, V b, V c) { return fma(a, b, c); },
      [](T a, T b, T c) { return fused ? std::fma(a, b, c) : a * b + c; });
  expect<T>(
      "fnma", [](V a, V b, V c) { return fnma(a, b, c); },
      [](T a, T b, T c) { return fused ? std::fma(-a, b, c) : c - a * b; });
}

template <class T> void check_choices() {
  using V = vec<T>;
  expect<T>(
      "min", [](V a, V b, V) { return min(a, b); }, [](T a, T b, T) { return a < b ? a : b; });
  expect<T>(
      "max", [](V a, V b, V) { return max(a, b); }, [](T a, T b, T) { return a > b ? a : b; });
  expect<T>("abs", [](V a, V, V) { return abs(a); }, [](T a, T, T) { return std::fabs(a); });
  expect<T>(
      "select_negative", [](V a, V b, V c) { return select_negative(a, b, c); },
      [](T a, T b, T c) { return std::signbit(a) ? b : c; });
}

template <class T> void check_pow2() {
  using Limits = std::numeric_limits<T>;
  for (int k = Limits::min_exponent - 1; k < Limits::max_exponent; ++k) {
    T expected[vec<T>::size];
    for (T& lane : expected) lane = std::ldexp(T(1), k);
    expect_lanes("pow2", pow2(set(static_cast<T>(k))), expected);
  }
}

// Numbers whose sum is another in any other order.
template <class T> void check_sum() {
  T lanes[vec<T>::size], expected[vec<T>::size];
  for (std::ptrdiff_t seed = 0; seed < 100; ++seed) {
    for (std::ptrdiff_t k = 0; k < vec<T>::size; ++k) {
      lanes[k] = T((seed * 31 + k * k * 7) % 101 - 50) / T(3 + k);
      expected[k] = lanes[k];
    }
    for (std::ptrdiff_t width = vec<T>::size / 2; width > 0; width /= 2) {
      for (std::ptrdiff_t k = 0; k < width; ++k) expected[k] = expected[k] + expected[k + width];
    }
    if (!same(sum(load(lanes)), expected[0])) fail("sum adds in another order");
  }
}

template <class T> void check_lanes() {
  constexpr std::ptrdiff_t size = vec<T>::size;
  static_assert(line_registers > 0 && line_registers <= 8 &&
                (line_registers & (line_registers - 1)) == 0);
  static_assert(square_registers > 0 && square_registers <= 16);
  for (std::ptrdiff_t lane = 0; lane < size; ++lane) {
    T lanes[size], expected[size];
    double sums[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) {
      lanes[k] = k == lane ? T(1) / T(3) : -T(k);
      sums[k] = 1.0 / static_cast<double>(3 + k);
      expected[k] = k == lane ? T(7) : T(-1);
    }
    expect_lanes("select_lane", select_lane(lane, set(T(7)), set(T(-1))), expected);
    add_to(sums, load(lanes));
    for (std::ptrdiff_t k = 0; k < size; ++k) {
      const double sum = 1.0 / static_cast<double>(3 + k) + static_cast<double>(lanes[k]);
      if (!same(sums[k], sum)) fail("add_to adds another number");
    }
  }
  T none[size];
  for (T& x : none) x = T(-1);
  expect_lanes("select_lane", select_lane(size, set(T(7)), set(T(-1))), none);
  expect_lanes("select_lane", select_lane(-1, set(T(7)), set(T(-1))), none);
}

template <class T> void check_parts() {
  constexpr std::ptrdiff_t size = vec<T>::size;
  for (std::ptrdiff_t n = 1; n <= size; ++n) {
    for (std::ptrdiff_t offset = 0; offset < 4; ++offset) {
      Guarded<T> from(n, offset), to(n, offset);
      T expected[size] = {};
      for (std::ptrdiff_t k = 0; k < n; ++k) expected[k] = from[k] = static_cast<T>(k + 1);
      const vec<T> loaded = load_up_to(from.data(), n);
      expect_lanes("load_n", loaded, expected);
      store_up_to(to.data(), n, loaded);
      if (std::memcmp(to.data(), expected, static_cast<std::size_t>(n) * sizeof(T)) != 0 ||
          !to.is_intact()) {
        fail("store_n stores " + std::to_string(n) + " numbers wrongly");
      }
    }
  }
}

template <class T> void check_sums() {
  constexpr std::ptrdiff_t size = vec<T>::size;
  T lanes[size * size], expected[size];
  vec<T> v[size];
  for (std::ptrdiff_t i = 0; i < size * size; ++i) lanes[i] = T((i * i * 31) % 101 - 50) / T(3 + i);
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    v[i] = load(lanes + i * size);
    expected[i] = sum(v[i]);
  }
  expect_lanes("sums", sums(v), expected);
  for (std::ptrdiff_t n = 1; n < size; ++n) {
    for (std::ptrdiff_t k = 0; k < size; ++k) expected[k] = k < n ? lanes[k] : T(0);
    expect_lanes("load_over", load_over(lanes, n), expected);
  }
}

template <class T> void check_exponent() {
  using Limits = std::numeric_limits<T>;
  for (int k = Limits::min_exponent - 1; k < Limits::max_exponent; ++k) {
    T powers[vec<T>::size], m[vec<T>::size], x[vec<T>::size];
    for (std::ptrdiff_t i = 0; i < vec<T>::size; ++i) {
      powers[i] = T(k);
      m[i] = T(1) + T(i * i) / T(256) + Limits::epsilon();
      x[i] = std::ldexp(m[i], k);
    }
    expect_lanes("exponent", exponent(load(x)), powers);
    expect_lanes("mantissa", mantissa(load(x)), m);
  }
}

void expect_integers(const char* word, vec<std::uint32_t> got, const std::uint32_t* expected) {
  // No word stores integers but as the upper halves of floats: of 0 they are their own.
  constexpr std::ptrdiff_t size = vec<float>::size;
  BFloat16 upper[size], lower[size];
  store_upper(upper, set(0.0F), got);
  store_upper(lower, set(0.0F), got * set(std::uint32_t{1} << 16));
  for (std::ptrdiff_t k = 0; k < size; ++k) {
    if ((std::uint32_t{upper[k].bits} << 16 | lower[k].bits) != expected[k]) {
      fail(std::string(word) + " of integers, lane " + std::to_string(k));
    }
  }
}

void check_integers() {
  constexpr std::ptrdiff_t size = vec<float>::size;
  std::uint32_t a[size], b[size], expected[5][size];
  for (std::uint32_t seed = 1; seed < 1000; ++seed) {
    for (std::uint32_t k = 0; k < size; ++k) {
      a[k] = (seed * 16 + k) * 2654435761U;
      b[k] = a[k] * a[k] ^ a[k] >> 15;
      expected[0][k] = a[k] + b[k];
      expected[1][k] = a[k] * b[k];
      expected[2][k] = a[k] ^ b[k];
      expected[3][k] = a[k] >> 15;
      expected[4][k] = a[0];
    }
    const vec<std::uint32_t> x = load(a), y = load(b);
    expect_integers("+", x + y, expected[0]);
    expect_integers("*", x * y, expected[1]);
    expect_integers("^", x ^ y, expected[2]);
    expect_integers("shift_right", shift_right<15>(x), expected[3]);
    expect_integers("set", set(a[0]), expected[4]);
    for (int byte = 0; byte < 4; ++byte) {
      for (std::uint32_t k = 0; k < size; ++k) {
        expected[0][k] = (std::uint64_t{a[k]} << 32 | a[k]) >> 8 * byte & 0xFFFF;
      }
      expect_integers("two_bytes", two_bytes(x, byte), expected[0]);
    }
  }
}

void check_store_upper() {
  constexpr std::ptrdiff_t size = vec<float>::size, count = 1 << 16;
  float v[size];
  BFloat16 upper[size];
  for (std::uint32_t i = 0; i < count; i += size) {
    for (std::uint32_t k = 0; k < size; ++k) {
      const std::uint32_t bits = (i + k) << 16 | (i * 31 + k);
      std::memcpy(v + k, &bits, sizeof bits);
    }
    for (const std::uint32_t added : {0U, 0x7FFFU, 0xFFFFU}) {
      store_upper(upper, load(v), set(added));
      for (std::uint32_t k = 0; k < size; ++k) {
        const std::uint32_t bits = (i + k) << 16 | (i * 31 + k);
        const bool right = std::isnan(v[k]) ? std::isnan(as<float>(upper[k]))
                                            : upper[k].bits == (bits + added) >> 16;
        if (!right) fail("store_upper of " + std::to_string(v[k]));
      }
    }
  }
}

template <class T> void check_transpose() {
  constexpr std::ptrdiff_t size = vec<T>::size;
  T columns[size][size];
  vec<T> v[size];
  for (std::ptrdiff_t i = 0; i < size; ++i) {
    T row[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) columns[k][i] = row[k] = T(100 * i + k);
    v[i] = load(row);
  }
  transpose(v);
  for (std::ptrdiff_t k = 0; k < size; ++k) expect_lanes("transpose", v[k], columns[k]);
}

// Vectors of elements against one element at a time, at an odd address, and as parts of a vector.
template <class T, class U> void check_conversion(const U* all, std::ptrdiff_t count) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  unsigned char bytes[size * sizeof(U) + 1];
  for (std::ptrdiff_t i = 0; i + size <= count; i += size) {
    T expected[size];
    for (std::ptrdiff_t k = 0; k < size; ++k) expected[k] = as<T>(all[i + k]);
    std::memcpy(bytes + 1, all + i, size * sizeof(U));
    expect_lanes("load_as", load_as<T>(reinterpret_cast<const U*>(bytes + 1)), expected);
    const std::ptrdiff_t n = i / size % (size - 1) + 1;
    for (std::ptrdiff_t k = n; k < size; ++k) expected[k] = T(0);
    expect_lanes("load_as of n", load_as<T>(all + i, n), expected);
  }
}

void check_conversions() {
  constexpr std::ptrdiff_t count = 1 << 16;
  static std::uint16_t bits[count];
  static float floats[count];
  static std::int64_t integers[count];
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    bits[i] = static_cast<std::uint16_t>(i);
    floats[i] = as<float>(BFloat16{bits[i]});
    integers[i] = (std::int64_t{1} << (i % 63)) - 77 * i;
  }
  check_conversion<float>(reinterpret_cast<const Float16*>(bits), count);
  check_conversion<float>(reinterpret_cast<const BFloat16*>(bits), count);
  check_conversion<float>(bits, count);
  check_conversion<float>(reinterpret_cast<const std::int16_t*>(bits), count);
  check_conversion<float>(reinterpret_cast<const std::uint8_t*>(bits), count);
  check_conversion<float>(reinterpret_cast<const std::int8_t*>(bits), count);
  check_conversion<double>(floats, count);
  check_conversion<double>(integers, count);
  check_conversion<double>(reinterpret_cast<const std::uint64_t*>(integers), count);
  check_conversion<double>(reinterpret_cast<const std::int32_t*>(integers), count);
  check_conversion<double>(reinterpret_cast<const std::uint32_t*>(integers), count);
}

template <class T> void check_all() {
  check_arithmetic<T>();
  check_choices<T>();
  check_pow2<T>();
  check_sum<T>();
  check_sums<T>();
  check_exponent<T>();
  check_lanes<T>();
  check_parts<T>();
  check_transpose<T>();
}

}  // namespace

int main() {
  check_all<float>();
  check_all<double>();
  check_conversions();
  check_integers();
  check_store_upper();
}
