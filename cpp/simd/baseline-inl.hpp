// vec<T> in the compiler's own vector types, for processors without a target of their own: right
// everywhere, fast nowhere. It has no fused multiply-add, so its bits differ from the others'.
// simd.hpp says what each word means.
#pragma once

constexpr int line_registers = 2;
constexpr int square_registers = 2;
constexpr int block_columns = 2, block_lines = 1;

template <class T> struct line;
template <> struct line<float> {
  typedef float type __attribute__((vector_size(64)));
  typedef std::int32_t bits __attribute__((vector_size(64)));
  static constexpr int mantissa = 23, bias = 127;
};
template <> struct line<std::uint32_t> {
  typedef std::uint32_t type __attribute__((vector_size(64)));
};
template <> struct line<double> {
  typedef double type __attribute__((vector_size(64)));
  typedef std::int64_t bits __attribute__((vector_size(64)));
  static constexpr int mantissa = 52, bias = 1023;
};

template <class T> struct vec {
  using scalar = T;
  static constexpr std::ptrdiff_t size = 64 / sizeof(T);
  typename line<T>::type all;
};

template <class T> FALLLINE_INLINE vec<T> set(T x) {
  return {x - typename line<T>::type{}};  // a scalar operand of a vector is broadcast
}
template <class T> FALLLINE_INLINE vec<T> load_n(const T* p, std::ptrdiff_t n) {
  vec<T> x{};
  __builtin_memcpy(&x.all, p, static_cast<std::size_t>(n) * sizeof(T));
  return x;
}
template <class T> FALLLINE_INLINE vec<T> load_over(const T* p, std::ptrdiff_t n) {
  return load_n(p, n);
}
template <class T> FALLLINE_INLINE void store_n(T* p, std::ptrdiff_t n, vec<T> x) {
  __builtin_memcpy(p, &x.all, static_cast<std::size_t>(n) * sizeof(T));
}
template <class T> FALLLINE_INLINE vec<T> load(const T* p) { return load_n(p, vec<T>::size); }
template <class T> FALLLINE_INLINE void store(T* p, vec<T> x) { store_n(p, vec<T>::size, x); }

template <class T> FALLLINE_INLINE vec<T> operator+(vec<T> a, vec<T> b) { return {a.all + b.all}; }
template <class T> FALLLINE_INLINE vec<T> operator-(vec<T> a, vec<T> b) { return {a.all - b.all}; }
template <class T> FALLLINE_INLINE vec<T> operator*(vec<T> a, vec<T> b) { return {a.all * b.all}; }
template <class T> FALLLINE_INLINE vec<T> operator/(vec<T> a, vec<T> b) { return {a.all / b.all}; }
template <class T> FALLLINE_INLINE vec<T> fma(vec<T> a, vec<T> b, vec<T> c) {
  return {a.all * b.all + c.all};
}
template <class T> FALLLINE_INLINE vec<T> fnma(vec<T> a, vec<T> b, vec<T> c) {
  return {c.all - a.all * b.all};
}
template <class T> FALLLINE_INLINE vec<T> min(vec<T> a, vec<T> b) {
  return {a.all < b.all ? a.all : b.all};
}
template <class T> FALLLINE_INLINE vec<T> max(vec<T> a, vec<T> b) {
  return {a.all > b.all ? a.all : b.all};
}
template <class T> FALLLINE_INLINE vec<T> sqrt(vec<T> x) {
  for (std::ptrdiff_t i = 0; i < vec<T>::size; ++i) {
    x.all[i] = static_cast<T>(__builtin_sqrt(x.all[i]));  // twice rounded, and still exact
  }
  return x;
}
template <class T> FALLLINE_INLINE vec<T> select_negative(vec<T> x, vec<T> a, vec<T> b) {
  return {reinterpret_cast<typename line<T>::bits>(x.all) < 0 ? a.all : b.all};
}
template <class T> FALLLINE_INLINE vec<T> pow2(vec<T> k) {
  using Bits = typename line<T>::bits;
  constexpr int mantissa = line<T>::mantissa;
  const T shifter = static_cast<T>(3LL << (mantissa - 1));
  const Bits bits = reinterpret_cast<Bits>(k.all + shifter);
  const auto bias = static_cast<decltype(bits[0] + 0)>(line<T>::bias);
  return {reinterpret_cast<typename line<T>::type>((bits + bias) << mantissa)};
}
// The way back: the exponent's bits, put below 1.5 * 2^mantissa, count from there.
template <class T> FALLLINE_INLINE vec<T> exponent(vec<T> x) {
  using Bits = typename line<T>::bits;
  const T shifter = static_cast<T>(3LL << (line<T>::mantissa - 1));
  const Bits biased = reinterpret_cast<Bits>(x.all) >> line<T>::mantissa;
  const Bits bits = biased | reinterpret_cast<Bits>(set(shifter).all);
  return {reinterpret_cast<typename line<T>::type>(bits) - (shifter + T(line<T>::bias))};
}
template <class T> FALLLINE_INLINE vec<T> mantissa(vec<T> x) {
  using Bits = typename line<T>::bits;
  const auto low = static_cast<decltype(Bits{}[0] + 0)>((1LL << line<T>::mantissa) - 1);
  const Bits bits = (reinterpret_cast<Bits>(x.all) & low) | reinterpret_cast<Bits>(set(T(1)).all);
  return {reinterpret_cast<typename line<T>::type>(bits)};
}
template <class T> FALLLINE_INLINE T sum(vec<T> x) {
  for (std::ptrdiff_t width = vec<T>::size / 2; width > 0; width /= 2) {
    for (std::ptrdiff_t i = 0; i < width; ++i) x.all[i] = x.all[i] + x.all[i + width];
  }
  return x.all[0];
}
template <class T> FALLLINE_INLINE vec<T> sums(const vec<T>* v) {
  vec<T> all{};
  for (std::ptrdiff_t i = 0; i < vec<T>::size; ++i) all.all[i] = sum(v[i]);
  return all;
}
template <class T> FALLLINE_INLINE void add_to(double* p, vec<T> x) {
  for (std::ptrdiff_t i = 0; i < vec<T>::size; ++i) p[i] += static_cast<double>(x.all[i]);
}

FALLLINE_INLINE vec<std::uint32_t> operator^(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return {a.all ^ b.all};
}
template <int k> FALLLINE_INLINE vec<std::uint32_t> shift_right(vec<std::uint32_t> x) {
  return {x.all >> k};
}
FALLLINE_INLINE vec<std::uint32_t> two_bytes(vec<std::uint32_t> x, int k) {
  const int left = k == 0 ? 0 : 32 - 8 * k;  // a shift by 32 would be undefined
  return {((x.all >> 8 * k) | (x.all << left)) & 0xFFFF};
}
FALLLINE_INLINE void store_upper(BFloat16* p, vec<float> v, vec<std::uint32_t> x) {
  const auto bits = reinterpret_cast<line<std::uint32_t>::type>(v.all);
  for (std::ptrdiff_t i = 0; i < vec<float>::size; ++i) {
    const bool is_nan = (bits[i] & 0x7FFFFFFF) > 0x7F800000;
    p[i] = {static_cast<std::uint16_t>(is_nan ? 0x7FC0 : (bits[i] + x.all[i]) >> 16)};
  }
}

template <class T> FALLLINE_INLINE void transpose(vec<T>* x) {
  for (std::ptrdiff_t i = 1; i < vec<T>::size; ++i) {
    for (std::ptrdiff_t k = 0; k < i; ++k) {
      const T other = x[i].all[k];
      x[i].all[k] = x[k].all[i];
      x[k].all[i] = other;
    }
  }
}
