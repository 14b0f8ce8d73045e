// What the kernels are given: numbers made by integer arithmetic, in which no C library has a say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/random.hpp"
#include "guarded.hpp"

// Whole mantissas, uniform in [-8, 8).
template <class T> const std::vector<T>& numbers() {
  static const std::vector<T> made = [] {
    constexpr std::uint64_t range = std::uint64_t{1} << std::numeric_limits<T>::digits;
    fallline::RandomStream random(4, 0, 0);
    std::vector<T> x(40009);
    for (T& number : x) {
      const auto whole = static_cast<std::int64_t>(random.below(range));
      number = static_cast<T>(whole - static_cast<std::int64_t>(range / 2)) * (T(16) / T(range));
    }
    return x;
  }();
  return made;
}

template <class T> T number(std::ptrdiff_t stream, std::ptrdiff_t k) {
  const auto place = static_cast<std::size_t>(stream * 7919 + k);
  return numbers<T>()[place % numbers<T>().size()];
}

// Where formulas and instructions have their exceptions.
template <class T> T special(std::ptrdiff_t k) {
  using Limits = std::numeric_limits<T>;
  const T values[] = {T(0),          -T(0),         T(1),
                      T(-1),         Limits::min(), -Limits::denorm_min(),
                      Limits::max(), -Limits::max()};
  return values[k % 8];
}
template <class T> T not_finite(std::ptrdiff_t k) {
  using Limits = std::numeric_limits<T>;
  const T values[] = {Limits::infinity(), Limits::quiet_NaN(), -Limits::infinity()};
  return values[k % 3];
}

enum class Kind { plain, far, positive, sign, special, not_finite };

template <class T> void fill(Guarded<T>& x, Kind kind, std::ptrdiff_t stream) {
  for (std::ptrdiff_t k = 0; k < x.size(); ++k) {
    const T plain = number<T>(stream, k);
    if (kind == Kind::plain) x[k] = plain;
    if (kind == Kind::far) x[k] = T(128) * plain;
    if (kind == Kind::positive) x[k] = plain < 0 ? -plain : plain;
    if (kind == Kind::sign) x[k] = plain < 0 ? T(-1) : T(1);
    if (kind == Kind::special) x[k] = special<T>(k);
    if (kind == Kind::not_finite) x[k] = not_finite<T>(k);
  }
}
