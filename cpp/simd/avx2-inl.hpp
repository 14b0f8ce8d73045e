// vec<T> on AVX2 and FMA: 64 bytes in two ymm registers. simd.hpp says what each word means.
#pragma once

constexpr int line_registers = 4;
constexpr int square_registers = 6;
constexpr int block_columns = 4, block_lines = 1;

template <class T> struct half_line;
template <> struct half_line<float> {
  using type = __m256;
};
template <> struct half_line<double> {
  using type = __m256d;
};
template <> struct half_line<std::uint32_t> {
  using type = __m256i;
};

template <class T> struct vec {
  using scalar = T;
  static constexpr std::ptrdiff_t size = 64 / sizeof(T);
  typename half_line<T>::type low, high;
};

FALLLINE_INLINE __m256 half_set(float x) { return _mm256_set1_ps(x); }
FALLLINE_INLINE __m256d half_set(double x) { return _mm256_set1_pd(x); }
FALLLINE_INLINE __m256i half_set(std::uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
FALLLINE_INLINE __m256 half_load(const float* p) { return _mm256_loadu_ps(p); }
FALLLINE_INLINE __m256d half_load(const double* p) { return _mm256_loadu_pd(p); }
FALLLINE_INLINE __m256i half_load(const std::uint32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
FALLLINE_INLINE void half_store(float* p, __m256 x) { _mm256_storeu_ps(p, x); }
FALLLINE_INLINE void half_store(double* p, __m256d x) { _mm256_storeu_pd(p, x); }
FALLLINE_INLINE __m256i half_mask(const float*, std::ptrdiff_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FALLLINE_INLINE __m256i half_mask(const double*, std::ptrdiff_t n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
FALLLINE_INLINE __m256 half_load(const float* p, __m256i mask) {
  return _mm256_maskload_ps(p, mask);
}
FALLLINE_INLINE __m256d half_load(const double* p, __m256i mask) {
  return _mm256_maskload_pd(p, mask);
}
// In pieces of 4, 2 and 1: masked stores are microcoded on Zen 1 to 3.
FALLLINE_INLINE void half_store(float* p, std::ptrdiff_t n, __m256 x) {
  __m128 rest = _mm256_castps256_ps128(x);
  if (n & 4) {
    _mm_storeu_ps(p, rest);
    rest = _mm256_extractf128_ps(x, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
    rest = _mm_movehl_ps(rest, rest);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, rest);
}
FALLLINE_INLINE void half_store(double* p, std::ptrdiff_t n, __m256d x) {
  __m128d rest = _mm256_castpd256_pd128(x);
  if (n & 2) {
    _mm_storeu_pd(p, rest);
    rest = _mm256_extractf128_pd(x, 1);
    p += 2;
  }
  if (n & 1) _mm_store_sd(p, rest);
}
FALLLINE_INLINE __m256 half_fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
FALLLINE_INLINE __m256d half_fma(__m256d a, __m256d b, __m256d c) {
  return _mm256_fmadd_pd(a, b, c);
}
FALLLINE_INLINE __m256 half_fnma(__m256 a, __m256 b, __m256 c) { return _mm256_fnmadd_ps(a, b, c); }
FALLLINE_INLINE __m256d half_fnma(__m256d a, __m256d b, __m256d c) {
  return _mm256_fnmadd_pd(a, b, c);
}
FALLLINE_INLINE __m256 half_min(__m256 a, __m256 b) { return _mm256_min_ps(a, b); }
FALLLINE_INLINE __m256d half_min(__m256d a, __m256d b) { return _mm256_min_pd(a, b); }
FALLLINE_INLINE __m256 half_max(__m256 a, __m256 b) { return _mm256_max_ps(a, b); }
FALLLINE_INLINE __m256d half_max(__m256d a, __m256d b) { return _mm256_max_pd(a, b); }
FALLLINE_INLINE __m256 half_sqrt(__m256 x) { return _mm256_sqrt_ps(x); }
FALLLINE_INLINE __m256d half_sqrt(__m256d x) { return _mm256_sqrt_pd(x); }
FALLLINE_INLINE __m256 half_select(__m256 x, __m256 a, __m256 b) {
  return _mm256_blendv_ps(b, a, x);
}
FALLLINE_INLINE __m256d half_select(__m256d x, __m256d a, __m256d b) {
  return _mm256_blendv_pd(b, a, x);
}
// Adding 1.5 * 2^mantissa leaves the whole number k in the low bits, from where it is shifted into
// the exponent; the bias is added as an integer.
FALLLINE_INLINE __m256 half_pow2(__m256 k) {
  const __m256i bits = _mm256_castps_si256(_mm256_add_ps(k, _mm256_set1_ps(0x1.8p23F)));
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_slli_epi32(bits, 23), _mm256_set1_epi32(127 << 23)));
}
FALLLINE_INLINE __m256d half_pow2(__m256d k) {
  const __m256i bits = _mm256_castpd_si256(_mm256_add_pd(k, _mm256_set1_pd(0x1.8p52)));
  return _mm256_castsi256_pd(
      _mm256_add_epi64(_mm256_slli_epi64(bits, 52), _mm256_set1_epi64x(1023LL << 52)));
}
// The way back: the exponent's bits, put below 1.5 * 2^mantissa, count from there.
FALLLINE_INLINE __m256 half_exponent(__m256 x) {
  const __m256 shifter = _mm256_set1_ps(0x1.8p23F);
  const __m256 biased = _mm256_castsi256_ps(_mm256_srli_epi32(_mm256_castps_si256(x), 23));
  return _mm256_sub_ps(_mm256_or_ps(biased, shifter), _mm256_set1_ps(0x1.8p23F + 127));
}
FALLLINE_INLINE __m256d half_exponent(__m256d x) {
  const __m256d shifter = _mm256_set1_pd(0x1.8p52);
  const __m256d biased = _mm256_castsi256_pd(_mm256_srli_epi64(_mm256_castpd_si256(x), 52));
  return _mm256_sub_pd(_mm256_or_pd(biased, shifter), _mm256_set1_pd(0x1.8p52 + 1023));
}
FALLLINE_INLINE __m256 half_mantissa(__m256 x) {
  const __m256 bits = _mm256_castsi256_ps(_mm256_set1_epi32((1 << 23) - 1));
  return _mm256_or_ps(_mm256_and_ps(x, bits), _mm256_set1_ps(1));
}
FALLLINE_INLINE __m256d half_mantissa(__m256d x) {
  const __m256d bits = _mm256_castsi256_pd(_mm256_set1_epi64x((1LL << 52) - 1));
  return _mm256_or_pd(_mm256_and_pd(x, bits), _mm256_set1_pd(1));
}

template <class T> FALLLINE_INLINE vec<T> set(T x) { return {half_set(x), half_set(x)}; }
template <class T> FALLLINE_INLINE vec<T> load(const T* p) {
  return {half_load(p), half_load(p + vec<T>::size / 2)};
}
template <class T> FALLLINE_INLINE void store(T* p, vec<T> x) {
  half_store(p, x.low);
  half_store(p + vec<T>::size / 2, x.high);
}
// A full half is a plain load: the prefetchers do not follow masked ones.
template <class T> FALLLINE_INLINE vec<T> load_n(const T* p, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t half = vec<T>::size / 2;
  if (n < half) return {half_load(p, half_mask(p, n)), half_set(T(0))};
  return {half_load(p), half_load(p + half, half_mask(p, n - half))};
}
FALLLINE_INLINE __m256 half_and(__m256 x, __m256i mask) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(mask));
}
FALLLINE_INLINE __m256d half_and(__m256d x, __m256i mask) {
  return _mm256_and_pd(x, _mm256_castsi256_pd(mask));
}
template <class T> FALLLINE_INLINE vec<T> load_over(const T* p, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t half = vec<T>::size / 2;
  return {half_and(half_load(p), half_mask(p, n)),
          half_and(half_load(p + half), half_mask(p, n - half))};
}
template <class T> FALLLINE_INLINE void store_n(T* p, std::ptrdiff_t n, vec<T> x) {
  constexpr std::ptrdiff_t half = vec<T>::size / 2;
  if (n < half) {
    half_store(p, n, x.low);
  } else {
    half_store(p, x.low);
    half_store(p + half, n - half, x.high);
  }
}

template <class T> FALLLINE_INLINE vec<T> operator+(vec<T> a, vec<T> b) {
  return {a.low + b.low, a.high + b.high};
}
template <class T> FALLLINE_INLINE vec<T> operator-(vec<T> a, vec<T> b) {
  return {a.low - b.low, a.high - b.high};
}
template <class T> FALLLINE_INLINE vec<T> operator*(vec<T> a, vec<T> b) {
  return {a.low * b.low, a.high * b.high};
}
template <class T> FALLLINE_INLINE vec<T> operator/(vec<T> a, vec<T> b) {
  return {a.low / b.low, a.high / b.high};
}
template <class T> FALLLINE_INLINE vec<T> fma(vec<T> a, vec<T> b, vec<T> c) {
  return {half_fma(a.low, b.low, c.low), half_fma(a.high, b.high, c.high)};
}
template <class T> FALLLINE_INLINE vec<T> fnma(vec<T> a, vec<T> b, vec<T> c) {
  return {half_fnma(a.low, b.low, c.low), half_fnma(a.high, b.high, c.high)};
}
template <class T> FALLLINE_INLINE vec<T> min(vec<T> a, vec<T> b) {
  return {half_min(a.low, b.low), half_min(a.high, b.high)};
}
template <class T> FALLLINE_INLINE vec<T> max(vec<T> a, vec<T> b) {
  return {half_max(a.low, b.low), half_max(a.high, b.high)};
}
template <class T> FALLLINE_INLINE vec<T> sqrt(vec<T> x) {
  return {half_sqrt(x.low), half_sqrt(x.high)};
}
template <class T> FALLLINE_INLINE vec<T> select_negative(vec<T> x, vec<T> a, vec<T> b) {
  return {half_select(x.low, a.low, b.low), half_select(x.high, a.high, b.high)};
}
template <class T> FALLLINE_INLINE vec<T> pow2(vec<T> k) {
  return {half_pow2(k.low), half_pow2(k.high)};
}
template <class T> FALLLINE_INLINE vec<T> exponent(vec<T> x) {
  return {half_exponent(x.low), half_exponent(x.high)};
}
template <class T> FALLLINE_INLINE vec<T> mantissa(vec<T> x) {
  return {half_mantissa(x.low), half_mantissa(x.high)};
}
template <class T> FALLLINE_INLINE T sum(vec<T> x) { return half_sum(x.low + x.high); }

// Transposes and adds at once: the sums of 8 (4) half lines in the order of half_sum.
template <int first, int second> FALLLINE_INLINE __m256 add_lanes(__m256 a, __m256 b) {
  return _mm256_add_ps(_mm256_shuffle_ps(a, b, first), _mm256_shuffle_ps(a, b, second));
}
FALLLINE_INLINE __m256 half_sums(const vec<float>* v) {
  __m256 quads[4];  // quads[r]: rows r, r + 4
  for (int r = 0; r < 4; ++r) {
    const __m256 a = v[r].low + v[r].high, b = v[r + 4].low + v[r + 4].high;
    quads[r] =
        _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  }
  return add_lanes<0x88, 0xDD>(add_lanes<0x44, 0xEE>(quads[0], quads[1]),
                               add_lanes<0x44, 0xEE>(quads[2], quads[3]));
}
FALLLINE_INLINE __m256d half_sums(const vec<double>* v) {
  __m256d pairs[2];  // pairs[r]: rows r, r + 2
  for (int r = 0; r < 2; ++r) {
    const __m256d a = v[r].low + v[r].high, b = v[r + 2].low + v[r + 2].high;
    pairs[r] =
        _mm256_add_pd(_mm256_permute2f128_pd(a, b, 0x20), _mm256_permute2f128_pd(a, b, 0x31));
  }
  return _mm256_add_pd(_mm256_unpacklo_pd(pairs[0], pairs[1]),
                       _mm256_unpackhi_pd(pairs[0], pairs[1]));
}
template <class T> FALLLINE_INLINE vec<T> sums(const vec<T>* v) {
  return {half_sums(v), half_sums(v + vec<T>::size / 2)};
}
FALLLINE_INLINE void add_to(double* p, vec<double> x) { store(p, load(p) + x); }
FALLLINE_INLINE vec<double> widened(__m256 x) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))};
}
FALLLINE_INLINE void add_to(double* p, vec<float> x) {
  add_to(p, widened(x.low));
  add_to(p + 8, widened(x.high));
}

// Conversions: convert-inl.hpp says which.
FALLLINE_INLINE __m128i quarter_load(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
FALLLINE_INLINE vec<float> floats(__m256i low, __m256i high) {
  return {_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)};
}
FALLLINE_INLINE vec<float> convert(const std::uint8_t* p, float) {
  const __m128i x = quarter_load(p);
  return floats(_mm256_cvtepu8_epi32(x), _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8)));
}
FALLLINE_INLINE vec<float> convert(const std::int8_t* p, float) {
  const __m128i x = quarter_load(p);
  return floats(_mm256_cvtepi8_epi32(x), _mm256_cvtepi8_epi32(_mm_srli_si128(x, 8)));
}
FALLLINE_INLINE vec<float> convert(const std::uint16_t* p, float) {
  return floats(_mm256_cvtepu16_epi32(quarter_load(p)), _mm256_cvtepu16_epi32(quarter_load(p + 8)));
}
FALLLINE_INLINE vec<float> convert(const std::int16_t* p, float) {
  return floats(_mm256_cvtepi16_epi32(quarter_load(p)), _mm256_cvtepi16_epi32(quarter_load(p + 8)));
}
FALLLINE_INLINE vec<float> convert(const Float16* p, float) {
  return {_mm256_cvtph_ps(quarter_load(p)), _mm256_cvtph_ps(quarter_load(p + 8))};
}
FALLLINE_INLINE __m256 half_widen(const BFloat16* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(quarter_load(p)), 16));
}
FALLLINE_INLINE vec<float> convert(const BFloat16* p, float) {
  return {half_widen(p), half_widen(p + 8)};
}
FALLLINE_INLINE vec<double> convert(const std::int32_t* p, double) {
  return {_mm256_cvtepi32_pd(quarter_load(p)), _mm256_cvtepi32_pd(quarter_load(p + 4))};
}
FALLLINE_INLINE vec<double> convert(const float* p, double) {
  return {_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4))};
}

FALLLINE_INLINE vec<std::uint32_t> operator+(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}
FALLLINE_INLINE vec<std::uint32_t> operator*(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return {_mm256_mullo_epi32(a.low, b.low), _mm256_mullo_epi32(a.high, b.high)};
}
FALLLINE_INLINE vec<std::uint32_t> operator^(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}
template <int k> FALLLINE_INLINE vec<std::uint32_t> shift_right(vec<std::uint32_t> x) {
  return {_mm256_srli_epi32(x.low, k), _mm256_srli_epi32(x.high, k)};
}
// Bytes are numbered within 16, four lanes; a number with its highest bit set stands for a zero.
FALLLINE_INLINE vec<std::uint32_t> two_bytes(vec<std::uint32_t> x, int k) {
  const int places = k | (k + 1) % 4 << 8;
  const __m256i lanes = _mm256_setr_epi32(0, 0x0404, 0x0808, 0x0C0C, 0, 0x0404, 0x0808, 0x0C0C);
  const __m256i from = _mm256_add_epi32(lanes, _mm256_set1_epi32(places - 0x7F800000));
  return {_mm256_shuffle_epi8(x.low, from), _mm256_shuffle_epi8(x.high, from)};
}
FALLLINE_INLINE __m256i half_upper(__m256 v, __m256i x) {
  const __m256 sum = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), x));
  const __m256 quiet = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FC00000));
  const __m256 bits = _mm256_blendv_ps(sum, quiet, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  return _mm256_srli_epi32(_mm256_castps_si256(bits), 16);
}
FALLLINE_INLINE void store_upper(BFloat16* p, vec<float> v, vec<std::uint32_t> x) {
  const __m256i packed = _mm256_packus_epi32(half_upper(v.low, x.low), half_upper(v.high, x.high));
  // Packed within quarters of the line: low, high, low, high.
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xD8));
}

// A square of half lines: pairs of lanes, pairs of pairs, then the two quarters of a line.
FALLLINE_INLINE void half_transpose(__m256* x) {
  __m256 y[8];
  for (int i = 0; i < 8; i += 4) {
    const __m256 a = _mm256_unpacklo_ps(x[i], x[i + 1]);
    const __m256 b = _mm256_unpackhi_ps(x[i], x[i + 1]);
    const __m256 c = _mm256_unpacklo_ps(x[i + 2], x[i + 3]);
    const __m256 e = _mm256_unpackhi_ps(x[i + 2], x[i + 3]);
    y[i] = _mm256_shuffle_ps(a, c, 0x44);
    y[i + 1] = _mm256_shuffle_ps(a, c, 0xEE);
    y[i + 2] = _mm256_shuffle_ps(b, e, 0x44);
    y[i + 3] = _mm256_shuffle_ps(b, e, 0xEE);
  }
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm256_permute2f128_ps(y[i], y[i + 4], 0x20);
    x[i + 4] = _mm256_permute2f128_ps(y[i], y[i + 4], 0x31);
  }
}
FALLLINE_INLINE void half_transpose(__m256d* x) {
  const __m256d a = _mm256_unpacklo_pd(x[0], x[1]), b = _mm256_unpackhi_pd(x[0], x[1]);
  const __m256d c = _mm256_unpacklo_pd(x[2], x[3]), e = _mm256_unpackhi_pd(x[2], x[3]);
  x[0] = _mm256_permute2f128_pd(a, c, 0x20);
  x[1] = _mm256_permute2f128_pd(b, e, 0x20);
  x[2] = _mm256_permute2f128_pd(a, c, 0x31);
  x[3] = _mm256_permute2f128_pd(b, e, 0x31);
}
template <class T> FALLLINE_INLINE void transpose(vec<T>* x) {
  constexpr int half = vec<T>::size / 2;
  typename half_line<T>::type corner[4][half];
  for (int i = 0; i < half; ++i) {
    corner[0][i] = x[i].low;
    corner[1][i] = x[i].high;
    corner[2][i] = x[i + half].low;
    corner[3][i] = x[i + half].high;
  }
  for (auto& square : corner) half_transpose(square);
  for (int i = 0; i < half; ++i) {
    x[i] = {corner[0][i], corner[2][i]};
    x[i + half] = {corner[1][i], corner[3][i]};
  }
}
