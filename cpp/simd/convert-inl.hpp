// From the elements of a source to the numbers of the kernels. Every conversion but that of 64-bit
// integers is exact, and that one rounds to nearest: so every target comes to the same bits.
//
//   load_as<T>(p)       vec<T> of the elements from p on, at any address
//   load_as<T>(p, n)    the same of 0 < n <= size elements, and zeros
//
// A target file overloads convert(p, T()) for the kinds it has instructions for, and has
//
//   transpose(x)        of vec<T> x[size]: lane k of x[i] becomes lane i of x[k]
#pragma once

template <class T, class U> FALLLINE_INLINE T as(U x) { return static_cast<T>(x); }
template <class T> FALLLINE_INLINE T as(BFloat16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
  float y;
  __builtin_memcpy(&y, &bits, sizeof y);
  return y;
}
// The exponent of a float counts from 127, that of a half from 15: the product moves it by 112, of
// subnormals too. Infinity and NaN get the largest exponent there is.
template <class T> FALLLINE_INLINE T as(Float16 x) {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(x.bits & 0x7FFF) << 13;
  float y;
  __builtin_memcpy(&y, &magnitude, sizeof y);
  y = y * 0x1p112F;
  std::uint32_t bits;
  __builtin_memcpy(&bits, &y, sizeof bits);
  if ((x.bits & 0x7C00) == 0x7C00) bits = magnitude | 0x7F800000;
  bits |= static_cast<std::uint32_t>(x.bits & 0x8000) << 16;
  __builtin_memcpy(&y, &bits, sizeof y);
  return y;
}

template <class T, class U> FALLLINE_INLINE vec<T> convert(const U* p, T) {
  constexpr std::ptrdiff_t size = vec<T>::size;
  U elements[size];
  T numbers[size];
  __builtin_memcpy(elements, p, sizeof elements);
  for (std::ptrdiff_t i = 0; i < size; ++i) numbers[i] = as<T>(elements[i]);
  return load(numbers);
}
FALLLINE_INLINE vec<float> convert(const float* p, float) { return load(p); }
FALLLINE_INLINE vec<double> convert(const double* p, double) { return load(p); }

template <class T, class U> FALLLINE_INLINE vec<T> load_as(const U* p) { return convert(p, T()); }
template <class T, class U> FALLLINE_INLINE vec<T> load_as(const U* p, std::ptrdiff_t n) {
  if (n >= vec<T>::size) return load_as<T>(p);
  U elements[vec<T>::size] = {};
  __builtin_memcpy(elements, p, static_cast<std::size_t>(n) * sizeof(U));
  return load_as<T>(elements);
}
