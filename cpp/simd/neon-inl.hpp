// vec<T> on NEON of arm64: 64 bytes in four registers. simd.hpp says what each word means.
#pragma once

constexpr int line_registers = 4;
constexpr int square_registers = 6;
constexpr int block_columns = 4, block_lines = 1;

template <class T> struct quarter_line;
template <> struct quarter_line<float> {
  using type = float32x4_t;
};
template <> struct quarter_line<double> {
  using type = float64x2_t;
};
template <> struct quarter_line<std::uint32_t> {
  using type = uint32x4_t;
};
template <class T> using Quarter = typename quarter_line<T>::type;

template <class T> struct vec {
  using scalar = T;
  static constexpr std::ptrdiff_t size = 64 / sizeof(T);
  Quarter<T> q0, q1, q2, q3;
};

// A word of one, two or three vectors is that word of their quarters. Four calls instead of a loop
// over an array: nothing has to be unrolled for the quarters to stay in registers.
template <class T, Quarter<T> (*word)(Quarter<T>)> FALLLINE_INLINE vec<T> each(vec<T> x) {
  return {word(x.q0), word(x.q1), word(x.q2), word(x.q3)};
}
template <class T, Quarter<T> (*word)(Quarter<T>, Quarter<T>)>
FALLLINE_INLINE vec<T> each(vec<T> x, vec<T> y) {
  return {word(x.q0, y.q0), word(x.q1, y.q1), word(x.q2, y.q2), word(x.q3, y.q3)};
}
template <class T, Quarter<T> (*word)(Quarter<T>, Quarter<T>, Quarter<T>)>
FALLLINE_INLINE vec<T> each(vec<T> x, vec<T> y, vec<T> z) {
  return {word(x.q0, y.q0, z.q0), word(x.q1, y.q1, z.q1), word(x.q2, y.q2, z.q2),
          word(x.q3, y.q3, z.q3)};
}

FALLLINE_INLINE float32x4_t quarter_set(float x) { return vdupq_n_f32(x); }
FALLLINE_INLINE float64x2_t quarter_set(double x) { return vdupq_n_f64(x); }
FALLLINE_INLINE uint32x4_t quarter_set(std::uint32_t x) { return vdupq_n_u32(x); }
FALLLINE_INLINE float32x4_t quarter_load(const float* p) { return vld1q_f32(p); }
FALLLINE_INLINE float64x2_t quarter_load(const double* p) { return vld1q_f64(p); }
FALLLINE_INLINE uint32x4_t quarter_load(const std::uint32_t* p) { return vld1q_u32(p); }
FALLLINE_INLINE void quarter_store(float* p, float32x4_t x) { vst1q_f32(p, x); }
FALLLINE_INLINE void quarter_store(double* p, float64x2_t x) { vst1q_f64(p, x); }
// There are no masked loads and stores: the n numbers of a broken quarter, n < 4 (n < 2 in
// float64), come and go in pieces of 2 and 1.
FALLLINE_INLINE float32x4_t quarter_load(const float* p, std::ptrdiff_t n) {
  const float32x2_t zero = vdup_n_f32(0);
  const float32x2_t low = n & 2 ? vld1_f32(p) : zero;
  const float32x2_t odd = n & 1 ? vld1_lane_f32(p + (n & 2), zero, 0) : zero;
  return n & 2 ? vcombine_f32(low, odd) : vcombine_f32(odd, zero);
}
FALLLINE_INLINE float64x2_t quarter_load(const double* p, std::ptrdiff_t n) {
  const float64x2_t zero = vdupq_n_f64(0);
  return n & 1 ? vld1q_lane_f64(p, zero, 0) : zero;
}
FALLLINE_INLINE void quarter_store(float* p, std::ptrdiff_t n, float32x4_t x) {
  float32x2_t rest = vget_low_f32(x);
  if (n & 2) {
    vst1_f32(p, rest);
    rest = vget_high_f32(x);
    p += 2;
  }
  if (n & 1) vst1_lane_f32(p, rest, 0);
}
FALLLINE_INLINE void quarter_store(double* p, std::ptrdiff_t n, float64x2_t x) {
  if (n & 1) vst1q_lane_f64(p, x, 0);
}
FALLLINE_INLINE float32x4_t quarter_add(float32x4_t a, float32x4_t b) { return vaddq_f32(a, b); }
FALLLINE_INLINE float64x2_t quarter_add(float64x2_t a, float64x2_t b) { return vaddq_f64(a, b); }
FALLLINE_INLINE uint32x4_t quarter_add(uint32x4_t a, uint32x4_t b) { return vaddq_u32(a, b); }
FALLLINE_INLINE float32x4_t quarter_sub(float32x4_t a, float32x4_t b) { return vsubq_f32(a, b); }
FALLLINE_INLINE float64x2_t quarter_sub(float64x2_t a, float64x2_t b) { return vsubq_f64(a, b); }
FALLLINE_INLINE float32x4_t quarter_mul(float32x4_t a, float32x4_t b) { return vmulq_f32(a, b); }
FALLLINE_INLINE float64x2_t quarter_mul(float64x2_t a, float64x2_t b) { return vmulq_f64(a, b); }
FALLLINE_INLINE uint32x4_t quarter_mul(uint32x4_t a, uint32x4_t b) { return vmulq_u32(a, b); }
FALLLINE_INLINE uint32x4_t quarter_xor(uint32x4_t a, uint32x4_t b) { return veorq_u32(a, b); }
FALLLINE_INLINE float32x4_t quarter_div(float32x4_t a, float32x4_t b) { return vdivq_f32(a, b); }
FALLLINE_INLINE float64x2_t quarter_div(float64x2_t a, float64x2_t b) { return vdivq_f64(a, b); }
FALLLINE_INLINE float32x4_t quarter_fma(float32x4_t a, float32x4_t b, float32x4_t c) {
  return vfmaq_f32(c, a, b);
}
FALLLINE_INLINE float64x2_t quarter_fma(float64x2_t a, float64x2_t b, float64x2_t c) {
  return vfmaq_f64(c, a, b);
}
FALLLINE_INLINE float32x4_t quarter_fnma(float32x4_t a, float32x4_t b, float32x4_t c) {
  return vfmsq_f32(c, a, b);
}
FALLLINE_INLINE float64x2_t quarter_fnma(float64x2_t a, float64x2_t b, float64x2_t c) {
  return vfmsq_f64(c, a, b);
}
// Not NEON's own minimum and maximum: they give a NaN where either is one, x86 gives b.
FALLLINE_INLINE float32x4_t quarter_min(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}
FALLLINE_INLINE float64x2_t quarter_min(float64x2_t a, float64x2_t b) {
  return vbslq_f64(vcltq_f64(a, b), a, b);
}
FALLLINE_INLINE float32x4_t quarter_max(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
FALLLINE_INLINE float64x2_t quarter_max(float64x2_t a, float64x2_t b) {
  return vbslq_f64(vcgtq_f64(a, b), a, b);
}
FALLLINE_INLINE float32x4_t quarter_sqrt(float32x4_t x) { return vsqrtq_f32(x); }
FALLLINE_INLINE float64x2_t quarter_sqrt(float64x2_t x) { return vsqrtq_f64(x); }
FALLLINE_INLINE float32x4_t quarter_select(float32x4_t x, float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcltzq_s32(vreinterpretq_s32_f32(x)), a, b);
}
FALLLINE_INLINE float64x2_t quarter_select(float64x2_t x, float64x2_t a, float64x2_t b) {
  return vbslq_f64(vcltzq_s64(vreinterpretq_s64_f64(x)), a, b);
}
// As in avx2-inl.hpp, with the same bits also outside the range where 2^k is meant.
FALLLINE_INLINE float32x4_t quarter_pow2(float32x4_t k) {
  const int32x4_t bits = vreinterpretq_s32_f32(vaddq_f32(k, vdupq_n_f32(0x1.8p23F)));
  return vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(bits, 23), vdupq_n_s32(127 << 23)));
}
FALLLINE_INLINE float64x2_t quarter_pow2(float64x2_t k) {
  const int64x2_t bits = vreinterpretq_s64_f64(vaddq_f64(k, vdupq_n_f64(0x1.8p52)));
  return vreinterpretq_f64_s64(vaddq_s64(vshlq_n_s64(bits, 52), vdupq_n_s64(1023LL << 52)));
}
FALLLINE_INLINE float quarter_sum(float32x4_t x) {
  return vpadds_f32(vadd_f32(vget_low_f32(x), vget_high_f32(x)));
}
FALLLINE_INLINE double quarter_sum(float64x2_t x) { return vpaddd_f64(x); }

template <class T> FALLLINE_INLINE vec<T> set(T x) {
  return {quarter_set(x), quarter_set(x), quarter_set(x), quarter_set(x)};
}
template <class T> FALLLINE_INLINE vec<T> load(const T* p) {
  constexpr std::ptrdiff_t quarter = vec<T>::size / 4;
  return {quarter_load(p), quarter_load(p + quarter), quarter_load(p + 2 * quarter),
          quarter_load(p + 3 * quarter)};
}
template <class T> FALLLINE_INLINE void store(T* p, vec<T> x) {
  constexpr std::ptrdiff_t quarter = vec<T>::size / 4;
  quarter_store(p, x.q0);
  quarter_store(p + quarter, x.q1);
  quarter_store(p + 2 * quarter, x.q2);
  quarter_store(p + 3 * quarter, x.q3);
}
template <class T> FALLLINE_INLINE vec<T> load_n(const T* p, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t quarter = vec<T>::size / 4;
  const Quarter<T> zero = quarter_set(T(0));
  const Quarter<T> broken = quarter_load(p + n / quarter * quarter, n % quarter);
  if (n < quarter) return {broken, zero, zero, zero};
  if (n < 2 * quarter) return {quarter_load(p), broken, zero, zero};
  if (n < 3 * quarter) return {quarter_load(p), quarter_load(p + quarter), broken, zero};
  return {quarter_load(p), quarter_load(p + quarter), quarter_load(p + 2 * quarter), broken};
}
template <class T> FALLLINE_INLINE void store_n(T* p, std::ptrdiff_t n, vec<T> x) {
  constexpr std::ptrdiff_t quarter = vec<T>::size / 4;
  const Quarter<T> quarters[] = {x.q0, x.q1, x.q2, x.q3};
  std::ptrdiff_t k = 0;
  for (; k < n / quarter; ++k) quarter_store(p + k * quarter, quarters[k]);
  quarter_store(p + k * quarter, n % quarter, quarters[k]);
}

template <class T> FALLLINE_INLINE vec<T> operator+(vec<T> a, vec<T> b) {
  return each<T, quarter_add>(a, b);
}
template <class T> FALLLINE_INLINE vec<T> operator-(vec<T> a, vec<T> b) {
  return each<T, quarter_sub>(a, b);
}
template <class T> FALLLINE_INLINE vec<T> operator*(vec<T> a, vec<T> b) {
  return each<T, quarter_mul>(a, b);
}
template <class T> FALLLINE_INLINE vec<T> operator/(vec<T> a, vec<T> b) {
  return each<T, quarter_div>(a, b);
}
template <class T> FALLLINE_INLINE vec<T> fma(vec<T> a, vec<T> b, vec<T> c) {
  return each<T, quarter_fma>(a, b, c);
}
template <class T> FALLLINE_INLINE vec<T> fnma(vec<T> a, vec<T> b, vec<T> c) {
  return each<T, quarter_fnma>(a, b, c);
}
template <class T> FALLLINE_INLINE vec<T> min(vec<T> a, vec<T> b) {
  return each<T, quarter_min>(a, b);
}
template <class T> FALLLINE_INLINE vec<T> max(vec<T> a, vec<T> b) {
  return each<T, quarter_max>(a, b);
}
template <class T> FALLLINE_INLINE vec<T> sqrt(vec<T> x) { return each<T, quarter_sqrt>(x); }
template <class T> FALLLINE_INLINE vec<T> select_negative(vec<T> x, vec<T> a, vec<T> b) {
  return each<T, quarter_select>(x, a, b);
}
template <class T> FALLLINE_INLINE vec<T> pow2(vec<T> k) { return each<T, quarter_pow2>(k); }
template <class T> FALLLINE_INLINE T sum(vec<T> x) {
  return quarter_sum(quarter_add(quarter_add(x.q0, x.q2), quarter_add(x.q1, x.q3)));
}
// The way back: the exponent's bits, put below 1.5 * 2^mantissa, count from there.
FALLLINE_INLINE float32x4_t quarter_exponent(float32x4_t x) {
  const uint32x4_t biased = vshrq_n_u32(vreinterpretq_u32_f32(x), 23);
  const uint32x4_t bits = vorrq_u32(biased, vreinterpretq_u32_f32(vdupq_n_f32(0x1.8p23F)));
  return vsubq_f32(vreinterpretq_f32_u32(bits), vdupq_n_f32(0x1.8p23F + 127));
}
FALLLINE_INLINE float64x2_t quarter_exponent(float64x2_t x) {
  const uint64x2_t biased = vshrq_n_u64(vreinterpretq_u64_f64(x), 52);
  const uint64x2_t bits = vorrq_u64(biased, vreinterpretq_u64_f64(vdupq_n_f64(0x1.8p52)));
  return vsubq_f64(vreinterpretq_f64_u64(bits), vdupq_n_f64(0x1.8p52 + 1023));
}
FALLLINE_INLINE float32x4_t quarter_mantissa(float32x4_t x) {
  return vbslq_f32(vdupq_n_u32((1U << 23) - 1), x, vdupq_n_f32(1));
}
FALLLINE_INLINE float64x2_t quarter_mantissa(float64x2_t x) {
  return vbslq_f64(vdupq_n_u64((1ULL << 52) - 1), x, vdupq_n_f64(1));
}
template <class T> FALLLINE_INLINE vec<T> exponent(vec<T> x) {
  return each<T, quarter_exponent>(x);
}
template <class T> FALLLINE_INLINE vec<T> mantissa(vec<T> x) {
  return each<T, quarter_mantissa>(x);
}
FALLLINE_INLINE float32x4_t quarter_keep(float32x4_t x, std::ptrdiff_t n) {
  const int32x4_t lanes = {0, 1, 2, 3};
  const uint32x4_t kept = vcltq_s32(lanes, vdupq_n_s32(static_cast<int>(n)));
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), kept));
}
FALLLINE_INLINE float64x2_t quarter_keep(float64x2_t x, std::ptrdiff_t n) {
  const int64x2_t lanes = {0, 1};
  const uint64x2_t kept = vcltq_s64(lanes, vdupq_n_s64(n));
  return vreinterpretq_f64_u64(vandq_u64(vreinterpretq_u64_f64(x), kept));
}
template <class T> FALLLINE_INLINE vec<T> load_over(const T* p, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t quarter = vec<T>::size / 4;
  const vec<T> x = load(p);
  return {quarter_keep(x.q0, n), quarter_keep(x.q1, n - quarter),
          quarter_keep(x.q2, n - 2 * quarter), quarter_keep(x.q3, n - 3 * quarter)};
}

// Transposes and adds at once: the sums of as many vectors as a quarter has lanes, in the order of
// quarter_sum.
template <class T> FALLLINE_INLINE Quarter<T> quarter_fold(vec<T> x) {
  return quarter_add(quarter_add(x.q0, x.q2), quarter_add(x.q1, x.q3));
}
FALLLINE_INLINE float32x4_t quarter_halves(float32x4_t a, float32x4_t b) {
  return vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)),
                   vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
}
FALLLINE_INLINE float32x4_t quarter_sums(const vec<float>* v) {
  return vpaddq_f32(quarter_halves(quarter_fold(v[0]), quarter_fold(v[1])),
                    quarter_halves(quarter_fold(v[2]), quarter_fold(v[3])));
}
FALLLINE_INLINE float64x2_t quarter_sums(const vec<double>* v) {
  return vpaddq_f64(quarter_fold(v[0]), quarter_fold(v[1]));
}
template <class T> FALLLINE_INLINE vec<T> sums(const vec<T>* v) {
  constexpr std::ptrdiff_t quarter = vec<T>::size / 4;
  return {quarter_sums(v), quarter_sums(v + quarter), quarter_sums(v + 2 * quarter),
          quarter_sums(v + 3 * quarter)};
}
FALLLINE_INLINE void add_to(double* p, vec<double> x) { store(p, load(p) + x); }
FALLLINE_INLINE vec<double> widened(float32x4_t a, float32x4_t b) {
  return {vcvt_f64_f32(vget_low_f32(a)), vcvt_high_f64_f32(a), vcvt_f64_f32(vget_low_f32(b)),
          vcvt_high_f64_f32(b)};
}
FALLLINE_INLINE void add_to(double* p, vec<float> x) {
  add_to(p, widened(x.q0, x.q1));
  add_to(p + 8, widened(x.q2, x.q3));
}

// Conversions: convert-inl.hpp says which.
FALLLINE_INLINE vec<float> floats(uint16x8_t low, uint16x8_t high) {
  return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_high_u16(low)),
          vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_high_u16(high))};
}
FALLLINE_INLINE vec<float> floats(int16x8_t low, int16x8_t high) {
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
          vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))};
}
FALLLINE_INLINE vec<float> convert(const std::uint8_t* p, float) {
  const uint8x16_t x = vld1q_u8(p);
  return floats(vmovl_u8(vget_low_u8(x)), vmovl_high_u8(x));
}
FALLLINE_INLINE vec<float> convert(const std::int8_t* p, float) {
  const int8x16_t x = vld1q_s8(p);
  return floats(vmovl_s8(vget_low_s8(x)), vmovl_high_s8(x));
}
FALLLINE_INLINE vec<float> convert(const std::uint16_t* p, float) {
  return floats(vld1q_u16(p), vld1q_u16(p + 8));
}
FALLLINE_INLINE vec<float> convert(const std::int16_t* p, float) {
  return floats(vld1q_s16(p), vld1q_s16(p + 8));
}
FALLLINE_INLINE float32x4_t quarter_convert(const Float16* p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(&p->bits)));
}
FALLLINE_INLINE float32x4_t quarter_convert(const BFloat16* p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(&p->bits), 16));
}
FALLLINE_INLINE vec<float> convert(const Float16* p, float) {
  return {quarter_convert(p), quarter_convert(p + 4), quarter_convert(p + 8),
          quarter_convert(p + 12)};
}
FALLLINE_INLINE vec<float> convert(const BFloat16* p, float) {
  return {quarter_convert(p), quarter_convert(p + 4), quarter_convert(p + 8),
          quarter_convert(p + 12)};
}
FALLLINE_INLINE vec<double> convert(const float* p, double) {
  const float32x4_t low = vld1q_f32(p), high = vld1q_f32(p + 4);
  return {vcvt_f64_f32(vget_low_f32(low)), vcvt_high_f64_f32(low), vcvt_f64_f32(vget_low_f32(high)),
          vcvt_high_f64_f32(high)};
}

FALLLINE_INLINE vec<std::uint32_t> operator^(vec<std::uint32_t> a, vec<std::uint32_t> b) {
  return each<std::uint32_t, quarter_xor>(a, b);
}
template <int k> FALLLINE_INLINE vec<std::uint32_t> shift_right(vec<std::uint32_t> x) {
  return {vshrq_n_u32(x.q0, k), vshrq_n_u32(x.q1, k), vshrq_n_u32(x.q2, k), vshrq_n_u32(x.q3, k)};
}
// As in avx2-inl.hpp: a number above 15 stands for a zero.
FALLLINE_INLINE uint32x4_t quarter_bytes(uint32x4_t x, uint32x4_t from) {
  return vreinterpretq_u32_u8(vqtbl1q_u8(vreinterpretq_u8_u32(x), vreinterpretq_u8_u32(from)));
}
FALLLINE_INLINE vec<std::uint32_t> two_bytes(vec<std::uint32_t> x, int k) {
  const auto places = static_cast<std::uint32_t>(k | (k + 1) % 4 << 8) | 0x80800000;
  const uint32x4_t lanes = {0, 0x0404, 0x0808, 0x0C0C};
  const uint32x4_t from = vaddq_u32(lanes, vdupq_n_u32(places));
  return {quarter_bytes(x.q0, from), quarter_bytes(x.q1, from), quarter_bytes(x.q2, from),
          quarter_bytes(x.q3, from)};
}
FALLLINE_INLINE uint16x4_t quarter_upper(float32x4_t v, uint32x4_t x) {
  const uint32x4_t sum = vaddq_u32(vreinterpretq_u32_f32(v), x);
  return vshrn_n_u32(vbslq_u32(vceqq_f32(v, v), sum, vdupq_n_u32(0x7FC00000)), 16);
}
FALLLINE_INLINE void store_upper(BFloat16* p, vec<float> v, vec<std::uint32_t> x) {
  vst1_u16(&p->bits, quarter_upper(v.q0, x.q0));
  vst1_u16(&p[4].bits, quarter_upper(v.q1, x.q1));
  vst1_u16(&p[8].bits, quarter_upper(v.q2, x.q2));
  vst1_u16(&p[12].bits, quarter_upper(v.q3, x.q3));
}

// A square of quarters, and the square of all such squares.
FALLLINE_INLINE void quarter_transpose(float32x4_t* x) {
  const float32x4_t a = vtrn1q_f32(x[0], x[1]), b = vtrn2q_f32(x[0], x[1]);
  const float32x4_t c = vtrn1q_f32(x[2], x[3]), e = vtrn2q_f32(x[2], x[3]);
  x[0] = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
  x[1] = vcombine_f32(vget_low_f32(b), vget_low_f32(e));
  x[2] = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
  x[3] = vcombine_f32(vget_high_f32(b), vget_high_f32(e));
}
FALLLINE_INLINE void quarter_transpose(float64x2_t* x) {
  const float64x2_t a = vzip1q_f64(x[0], x[1]);
  x[1] = vzip2q_f64(x[0], x[1]);
  x[0] = a;
}
template <class T> FALLLINE_INLINE void transpose(vec<T>* x) {
  constexpr std::ptrdiff_t quarter = vec<T>::size / 4;
  Quarter<T> squares[4][vec<T>::size];  // [j][i]: quarter j of vector i
  for (std::ptrdiff_t i = 0; i < vec<T>::size; ++i) {
    squares[0][i] = x[i].q0;
    squares[1][i] = x[i].q1;
    squares[2][i] = x[i].q2;
    squares[3][i] = x[i].q3;
  }
  for (std::ptrdiff_t j = 0; j < 4; ++j) {
    for (std::ptrdiff_t i = 0; i < 4; ++i) quarter_transpose(squares[j] + i * quarter);
    for (std::ptrdiff_t k = 0; k < quarter; ++k) {
      const Quarter<T>* row = squares[j] + k;
      x[j * quarter + k] = {row[0], row[quarter], row[2 * quarter], row[3 * quarter]};
    }
  }
}
