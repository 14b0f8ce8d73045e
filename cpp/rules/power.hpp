#pragma once

// beta^step by squaring: the last bit of the C library's pow differs from one processor to the
// next.
inline double power(double beta, std::int64_t step) {
  double product = 1;
  for (; step > 0; step >>= 1) {
    if (step & 1) product *= beta;
    beta *= beta;
  }
  return product;
}
