// vec<T> on AVX-512 (F, VL, DQ, BW): 64 bytes in one zmm register. simd.hpp says what each word
// means.
#pragma once

constexpr int line_registers = 8;
constexpr int square_registers = 16;
constexpr int block_columns = 8, block_lines = 3;

template <class T> struct line;
template <> struct line<float> {
  using type = __m512;
};
template <> struct line<double> {
  using type = __m512d;
};
template <> struct line<std::uint32_t> {
  using type = __m512i;
};

template <class T> struct vec {
  using scalar = T;
  static constexpr std::ptrdiff_t size = 64 / sizeof(T);
  typename line<T>::type all;
};

FALLLINE_INLINE vec<float> set(float x) { return {_mm512_set1_ps(x)}; }
FALLLINE_INLINE vec<double> set(double x) { return {_mm512_set1_pd(x)}; }
FALLLINE_INLINE vec<float> load(const float* p) { return {_mm512_loadu_ps(p)}; }
FALLLINE_INLINE vec<double> load(const double* p) { return {_mm512_loadu_pd(p)}; }
FALLLINE_INLINE void store(float* p, vec<float> x) { _mm512_storeu_ps(p, x.all); }
FALLLINE_INLINE void store(double* p, vec<double> x) { _mm512_storeu_pd(p, x.all); }
FALLLINE_INLINE vec<float> load_n(const float* p, std::ptrdiff_t n) {
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1), p)};
}
FALLLINE_INLINE vec<double> load_n(const double* p, std::ptrdiff_t n) {
  return {_mm512_maskz_loadu_pd(static_cast<__mmask8>((1U << n) - 1), p)};
}
// Masked loads cost nothing extra here.
template <class T> FALLLINE_INLINE vec<T> load_over(const T* p, std::ptrdiff_t n) {
  return load_n(p, n);
}
FALLLINE_INLINE void store_n(float* p, std::ptrdiff_t n, vec<float> x) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << n) - 1), x.all);
}
FALLLINE_INLINE void store_n(double* p, std::ptrdiff_t n, vec<double> x) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1U << n) - 1), x.all);
}

template <class T> FALLLINE_INLINE vec<T> operator+(vec<T> a, vec<T> b) { return {a.all + b.all}; }
template <class T> FALLLINE_INLINE vec<T> operator-(vec<T> a, vec<T> b) { return {a.all - b.all}; }
template <class T> FALLLINE_INLINE vec<T> operator*(vec<T> a, vec<T> b) { return {a.all * b.all}; }
template <class T> FALLLINE_INLINE vec<T> operator/(vec<T> a, vec<T> b) { return {a.all / b.all}; }
FALLLINE_INLINE vec<float> fma(vec<float> a, vec<float> b, vec<float> c) {
  return {_mm512_fmadd_ps(a.all, b.all, c.all)};
}
FALLLINE_INLINE vec<double> fma(vec<double> a, vec<double> b, vec<double> c) {
  return {_mm512_fmadd_pd(a.all, b.all, c.all)};
}
FALLLINE_INLINE vec<float> fnma(vec<float> a, vec<float> b, vec<float> c) {
  return {_mm512_fnmadd_ps(a.all, b.all, c.all)};
}
FALLLINE_INLINE vec<double> fnma(vec<double> a, vec<double> b, vec<double> c) {
  return {_mm512_fnmadd_pd(a.all, b.all, c.all)};
}
FALLLINE_INLINE vec<float> min(vec<float> a, vec<float> b) { return {_mm512_min_ps(a.all, b.all)}; }
FALLLINE_INLINE vec<double> min(vec<double> a, vec<double> b) {
  return {_mm512_min_pd(a.all, b.all)};
}
FALLLINE_INLINE vec<float> max(vec<float> a, vec<float> b) { return {_mm512_max_ps(a.all, b.all)}; }
FALLLINE_INLINE vec<double> max(vec<double> a, vec<double> b) {
  return {_mm512_max_pd(a.all, b.all)};
}
FALLLINE_INLINE vec<float> sqrt(vec<float> x) { return {_mm512_sqrt_ps(x.all)}; }
FALLLINE_INLINE vec<double> sqrt(vec<double> x) { return {_mm512_sqrt_pd(x.all)}; }
FALLLINE_INLINE vec<float> select_negative(vec<float> x, vec<float> a, vec<float> b) {
  return {_mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(x.all)), b.all, a.all)};
}
FALLLINE_INLINE vec<double> select_negative(vec<double> x, vec<double> a, vec<double> b) {
  return {_mm512_mask_blend_pd(_mm512_movepi64_mask(_mm512_castpd_si512(x.all)), b.all, a.all)};
}
// As in avx2-inl.hpp, with the same bits also outside the range where 2^k is meant.
FALLLINE_INLINE vec<float> pow2(vec<float> k) {
  const __m512i bits = _mm512_castps_si512(_mm512_add_ps(k.all, _mm512_set1_ps(0x1.8p23F)));
  return {_mm512_castsi512_ps(
      _mm512_add_epi32(_mm512_slli_epi32(bits, 23), _mm512_set1_epi32(127 << 23)))};
}
FALLLINE_INLINE vec<double> pow2(vec<double> k) {
  const __m512i bits = _mm512_castpd_si512(_mm512_add_pd(k.all, _mm512_set1_pd(0x1.8p52)));
  return {_mm512_castsi512_pd(
      _mm512_add_epi64(_mm512_slli_epi64(bits, 52), _mm512_set1_epi64(1023LL << 52)))};
}
FALLLINE_INLINE vec<float> exponent(vec<float> x) { return {_mm512_getexp_ps(x.all)}; }
FALLLINE_INLINE vec<double> exponent(vec<double> x) { return {_mm512_getexp_pd(x.all)}; }
FALLLINE_INLINE vec<float> mantissa(vec<float> x) {
  return {_mm512_getmant_ps(x.all, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero)};
}
FALLLINE_INLINE vec<double> mantissa(vec<double> x) {
  return {_mm512_getmant_pd(x.all, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero)};
}
FALLLINE_INLINE float sum(vec<float> x) {
  return half_sum(_mm256_add_ps(_mm512_castps512_ps256(x.all), _mm512_extractf32x8_ps(x.all, 1)));
}
FALLLINE_INLINE double sum(vec<double> x) {
  return half_sum(_mm256_add_pd(_mm512_castpd512_pd256(x.all), _mm512_extractf64x4_pd(x.all, 1)));
}

// Transposes and adds at once: after each level a vector holds twice as many rows.
template <int first, int second> FALLLINE_INLINE __m512 add_quads(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, first), _mm512_shuffle_f32x4(a, b, second));
}
template <int first, int second> FALLLINE_INLINE __m512 add_lanes(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, first), _mm512_shuffle_ps(a, b, second));
}
FALLLINE_INLINE vec<float> sums(const vec<float>* v) {
  __m512 quads[4];  // quads[r]: rows r, r + 4, r + 8, r + 12
  for (int r = 0; r < 4; ++r) {
    quads[r] = add_quads<0x88, 0xDD>(add_quads<0x44, 0xEE>(v[r].all, v[r + 4].all),
                                     add_quads<0x44, 0xEE>(v[r + 8].all, v[r + 12].all));
  }
  return {add_lanes<0x88, 0xDD>(add_lanes<0x44, 0xEE>(quads[0], quads[1]),
                                add_lanes<0x44, 0xEE>(quads[2], quads[3]))};
}
template <int first, int second> FALLLINE_INLINE __m512d add_pairs(__m512d a, __m512d b) {
  return _mm512_add_pd(_mm512_shuffle_f64x2(a, b, first), _mm512_shuffle_f64x2(a, b, second));
}
FALLLINE_INLINE vec<double> sums(const vec<double>* v) {
  __m512d pairs[2];  // pairs[r]: rows r, r + 2, r + 4, r + 6
  for (int r = 0; r < 2; ++r) {
    pairs[r] = add_pairs<0x88, 0xDD>(add_pairs<0x44, 0xEE>(v[r].all, v[r + 2].all),
                                     add_pairs<0x44, 0xEE>(v[r + 4].all, v[r + 6].all));
  }
  return {_mm512_add_pd(_mm512_unpacklo_pd(pairs[0], pairs[1]),
                        _mm512_unpackhi_pd(pairs[0], pairs[1]))};
}
FALLLINE_INLINE void add_to(double* p, vec<double> x) { store(p, load(p) + x); }
FALLLINE_INLINE void add_to(double* p, vec<float> x) {
  add_to(p, vec<double>{_mm512_cvtps_pd(_mm512_castps512_ps256(x.all))});
  add_to(p + 8, vec<double>{_mm512_cvtps_pd(_mm512_extractf32x8_ps(x.all, 1))});
}

// Conversions: convert-inl.hpp says which.
FALLLINE_INLINE __m128i quarter_load(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
FALLLINE_INLINE __m256i half_load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
FALLLINE_INLINE vec<float> convert(const std::uint8_t* p, float) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(quarter_load(p)))};
}
FALLLINE_INLINE vec<float> convert(const std::int8_t* p, float) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(quarter_load(p)))};
}
FALLLINE_INLINE vec<float> convert(const std::uint16_t* p, float) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(half_load(p)))};
}
FALLLINE_INLINE vec<float> convert(const std::int16_t* p, float) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(half_load(p)))};
}
FALLLINE_INLINE vec<float> convert(const Float16* p, float) {
  return {_mm512_cvtph_ps(half_load(p))};
}
FALLLINE_INLINE vec<float> convert(const BFloat16* p, float) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half_load(p)), 16))};
}
FALLLINE_INLINE vec<double> convert(const std::int32_t* p, double) {
  return {_mm512_cvtepi32_pd(half_load(p))};
}
FALLLINE_INLINE vec<double> convert(const float* p, double) {
  return {_mm512_cvtps_pd(_mm256_loadu_ps(p))};
}

FALLLINE_INLINE vec<std::uint32_t> set(std::uint32_t x) {
  return {_mm512_set1_epi32(static_cast<int>(x))};
}
FALLLINE_INLINE vec<std::uint32_t> load(const std::uint32_t* p) { return {_mm512_loadu_si512(p)}; }
FALLLINE_INLINE vec<std::uint32_t> operator+(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return {_mm512_add_epi32(a.all, b.all)};
}
FALLLINE_INLINE vec<std::uint32_t> operator*(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return {_mm512_mullo_epi32(a.all, b.all)};
}
FALLLINE_INLINE vec<std::uint32_t> operator^(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return {_mm512_xor_si512(a.all, b.all)};
}
template <int k> FALLLINE_INLINE vec<std::uint32_t> shift_right(vec<std::uint32_t> x) {
  return {_mm512_srli_epi32(x.all, k)};
}
// As in avx2-inl.hpp.
FALLLINE_INLINE vec<std::uint32_t> two_bytes(vec<std::uint32_t> x, int k) {
  const int places = k | (k + 1) % 4 << 8, lanes[] = {0, 0x0404, 0x0808, 0x0C0C};
  const __m512i first = _mm512_set1_epi32(places - 0x7F800000);
  const __m512i from =
      _mm512_add_epi32(first, _mm512_set4_epi32(lanes[3], lanes[2], lanes[1], lanes[0]));
  return {_mm512_shuffle_epi8(x.all, from)};
}
FALLLINE_INLINE void store_upper(BFloat16* p, vec<float> v, vec<std::uint32_t> x) {
  const __mmask16 is_nan = _mm512_cmp_ps_mask(v.all, v.all, _CMP_UNORD_Q);
  const __m512i sum = _mm512_add_epi32(_mm512_castps_si512(v.all), x.all);
  const __m512i quiet = _mm512_set1_epi32(0x7FC00000);
  const __m512i upper = _mm512_srli_epi32(_mm512_mask_blend_epi32(is_nan, sum, quiet), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(upper));
}

// Pairs of lanes, pairs of pairs, then the quarters of the lines: a square of squares.
FALLLINE_INLINE void transpose(vec<float>* x) {
  __m512 y[16];
  for (int i = 0; i < 16; i += 4) {
    const __m512 a = _mm512_unpacklo_ps(x[i].all, x[i + 1].all);
    const __m512 b = _mm512_unpackhi_ps(x[i].all, x[i + 1].all);
    const __m512 c = _mm512_unpacklo_ps(x[i + 2].all, x[i + 3].all);
    const __m512 e = _mm512_unpackhi_ps(x[i + 2].all, x[i + 3].all);
    y[i] = _mm512_shuffle_ps(a, c, 0x44);
    y[i + 1] = _mm512_shuffle_ps(a, c, 0xEE);
    y[i + 2] = _mm512_shuffle_ps(b, e, 0x44);
    y[i + 3] = _mm512_shuffle_ps(b, e, 0xEE);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512 a = _mm512_shuffle_f32x4(y[i], y[i + 4], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(y[i], y[i + 4], 0xDD);
    const __m512 c = _mm512_shuffle_f32x4(y[i + 8], y[i + 12], 0x88);
    const __m512 e = _mm512_shuffle_f32x4(y[i + 8], y[i + 12], 0xDD);
    x[i].all = _mm512_shuffle_f32x4(a, c, 0x88);
    x[i + 4].all = _mm512_shuffle_f32x4(b, e, 0x88);
    x[i + 8].all = _mm512_shuffle_f32x4(a, c, 0xDD);
    x[i + 12].all = _mm512_shuffle_f32x4(b, e, 0xDD);
  }
}
FALLLINE_INLINE void transpose(vec<double>* x) {
  __m512d y[8];
  for (int i = 0; i < 8; i += 2) {
    y[i] = _mm512_unpacklo_pd(x[i].all, x[i + 1].all);
    y[i + 1] = _mm512_unpackhi_pd(x[i].all, x[i + 1].all);
  }
  for (int i = 0; i < 2; ++i) {
    const __m512d a = _mm512_shuffle_f64x2(y[i], y[i + 2], 0x88);
    const __m512d b = _mm512_shuffle_f64x2(y[i], y[i + 2], 0xDD);
    const __m512d c = _mm512_shuffle_f64x2(y[i + 4], y[i + 6], 0x88);
    const __m512d e = _mm512_shuffle_f64x2(y[i + 4], y[i + 6], 0xDD);
    x[i].all = _mm512_shuffle_f64x2(a, c, 0x88);
    x[i + 2].all = _mm512_shuffle_f64x2(b, e, 0x88);
    x[i + 4].all = _mm512_shuffle_f64x2(a, c, 0xDD);
    x[i + 6].all = _mm512_shuffle_f64x2(b, e, 0xDD);
  }
}
