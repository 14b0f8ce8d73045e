// The vocabulary of the kernels. vec<T> is 64 bytes on every target, 16 floats or 8 doubles, so
// that no order of additions can depend on the machine's own width: that is how AVX2, AVX-512
// and NEON come to the same bits. Every target's file (<target>-inl.hpp) gives
//
//   set(x)  load(p)  store(p, v)  load_n(p, n)  store_n(p, n, v)      0 < n < size
//   + - * /  fma(a, b, c) = a b + c  fnma(a, b, c) = c - a b  sqrt
//   min(a, b) = a < b ? a : b,  max(a, b) = a > b ? a : b            b where either is a NaN
//   select_negative(x, a, b)      a where the sign bit of x is set
//   pow2(k)                       2^k for whole numbers k in the exponent's range
//   exponent(x)  mantissa(x)      k and m of x = m 2^k with 1 <= m < 2, for normal x > 0
//   load_over(p, n)               the same as load_n where a whole vector may be read
//   sum(v)                        lanes i and i + size/2 first, then +4, +2, +1
//   sums(v)                       sum(v[0]), sum(v[1]) … of `size` vectors
//   prefetch(p)                   into the first-level cache
//   add_to(p, v)                  adds the lanes, one by one, to float64 numbers at p
//   line_registers                how many vectors a loop may keep as sums without spilling: a
//                                 power of two, at most 8; it must not decide about any bit
//   square_registers              the same for a loop that multiplies every one of some vectors by
//                                 every one of others and so holds little else; at most 16
//   block_columns, block_lines    the block of vectors that a product of matrices keeps as sums:
//                                 columns divide 8; must not decide about any bit either
//
// and for vec<std::uint32_t>, 16 integers modulo 2^32,
//
//   set(x)  load(p)  + * ^
//   shift_right<k>(x)             0 < k < 32
//   two_bytes(x, k)               bytes k and k + 1 of each lane as a number; behind the last byte
//                                 comes the first
//   store_upper(p, v, x)          the upper 16 bits of: the bits of floats v, plus x; a NaN's are
//                                 those of a quiet NaN
//
// Formulas are templates over V = vec<T> and write their numbers constant<V>(x). Included inside
// the target's namespace.
#pragma once

FALLLINE_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }

template <class V> FALLLINE_INLINE V constant(double x) {
  return set(static_cast<typename V::scalar>(x));
}
template <class V> FALLLINE_INLINE V operator-(V x) { return constant<V>(0) - x; }
template <class V> FALLLINE_INLINE V abs(V x) { return max(x, -x); }

template <class T> FALLLINE_INLINE vec<T> load_up_to(const T* p, std::ptrdiff_t n) {
  return n < vec<T>::size ? load_n(p, n) : load(p);
}
// Lane 0. Through memory, but stored as a whole: what is loaded next need not wait for it.
template <class T> FALLLINE_INLINE T first(vec<T> x) {
  alignas(64) T lanes[vec<T>::size];
  store(lanes, x);
  return lanes[0];
}
template <class T> FALLLINE_INLINE void store_up_to(T* p, std::ptrdiff_t n, vec<T> x) {
  if (n < vec<T>::size) {
    store_n(p, n, x);
  } else {
    store(p, x);
  }
}

// a where the whole numbers x and y are the same, b elsewhere.
template <class V> FALLLINE_INLINE V select_same(V x, V y, V a, V b) {
  return select_negative(abs(x - y) - constant<V>(0.5), a, b);
}

// a in the lane of that number, b in all others; b everywhere if there is no such lane.
template <class T> FALLLINE_INLINE vec<T> select_lane(std::ptrdiff_t lane, vec<T> a, vec<T> b) {
  static constexpr T numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return select_same(load(numbers), set(static_cast<T>(lane)), a, b);
}
