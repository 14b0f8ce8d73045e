// The exponential of one number, with the same bits on every platform; a C library's are its own.
#pragma once

#include <cstdint>
#include <cstring>

namespace fallline {

// e^x of x <= 0, to a few roundings; 0 below -708.
inline double exp_of_negative(double x) {
  if (!(x > -708)) return 0;
  constexpr double log2_e = 1.4426950408889634;
  // ln 2 in two parts, the first of so few bits that its products here are exact.
  constexpr double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10;
  const auto whole = static_cast<std::int64_t>(x * log2_e - 0.5);
  const auto n = static_cast<double>(whole);
  const double r = (x - n * ln2_high) - n * ln2_low;  // |r| <= ln(2) / 2
  // Taylor's series up to r^12, whose rest is below 2e-16, in short chains.
  const double r2 = r * r, r4 = r2 * r2;
  const double t0 = (1 + r) + r2 * (1.0 / 2 + r * (1.0 / 6));
  const double t4 = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040));
  const double t8 =
      (1.0 / 40320 + r * (1.0 / 362880)) + r2 * (1.0 / 3628800 + r * (1.0 / 39916800));
  const double series = t0 + r4 * (t4 + r4 * (t8 + r4 * (1.0 / 479001600)));
  const std::int64_t bits = (whole + 1023) << 52;
  double power;
  std::memcpy(&power, &bits, sizeof power);
  return series * power;
}

}  // namespace fallline
