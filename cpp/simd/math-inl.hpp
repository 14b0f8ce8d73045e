// exp, log1p, log and their like without tables or branches. Polynomials: interpolation at
// Chebyshev nodes of the functions named below, computed with 60 digits.
#pragma once

template <class T> struct ExpConstants;
template <> struct ExpConstants<float> {
  static constexpr float lowest = -104, highest = 89, shifter = 0x1.8p23F;
  static constexpr float lowest_normal = -87;
  static constexpr float ln2_high = 0.693145751953125F, ln2_low = 1.42860682e-6F;
  // (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2
  static constexpr float q[] = {0.00139261836F, 0.00836317905F, 0.0416665546F, 0.16666577F, 0.5F};
};
template <> struct ExpConstants<double> {
  static constexpr double lowest = -746, highest = 710, shifter = 0x1.8p52;
  static constexpr double lowest_normal = -708;
  static constexpr double ln2_high = 0.69314718055966295651, ln2_low = 2.8235290563031577123e-13;
  static constexpr double q[] = {
      2.5100385495510319e-8, 2.7620088445409748e-7, 2.7557268459997065e-6, 2.4801521295954375e-5,
      1.9841269863053617e-4, 1.3888888917213717e-3, 8.3333333333300618e-3, 4.1666666666624128e-2,
      1.6666666666666667e-1, 5.0000000000000001e-1};
};

template <class T> struct Log1pConstants;
template <> struct Log1pConstants<float> {
  // (atanh(s)/s - 1) / s^2 as a polynomial in s^2, for 0 <= s <= 1/3
  static constexpr float p[] = {0.13425749F, 0.141183099F, 0.200037803F, 0.333333202F};
};
template <> struct Log1pConstants<double> {
  static constexpr double p[] = {0.080820228059717661, 0.044003692430723369, 0.060005364047953563,
                                 0.066570721048274681, 0.076927850324793116, 0.090908947180664291,
                                 0.11111111358713931,  0.14285714283554379,  0.20000000000007291,
                                 0.33333333333333329};
};

// Highest coefficient first.
template <class T, std::size_t n>
FALLLINE_INLINE vec<T> polynomial(const T (&coefficients)[n], vec<T> x) {
  vec<T> y = set(coefficients[0]);
  for (std::size_t k = 1; k < n; ++k) y = fma(y, x, set(coefficients[k]));
  return y;
}

// exp(x) for every x: overflow to infinity, gradual underflow, NaN stays NaN. At most 1.1 ulp in
// float32 and 1.2 in float64 (baseline 2). The power of two is applied in halves, which neither
// overflows nor underflows on the way.
template <class T> FALLLINE_INLINE vec<T> exp(vec<T> x) {
  using C = ExpConstants<T>;
  x = min(set(C::highest), max(set(C::lowest), x));
  const vec<T> shifter = set(C::shifter);
  const vec<T> n = fma(x, set(T(1.4426950408889634074)), shifter) - shifter;
  const vec<T> r = fnma(n, set(C::ln2_low), fnma(n, set(C::ln2_high), x));
  const vec<T> y = set(T(1)) + fma(r * r, polynomial(C::q, r), r);
  const vec<T> half = fma(n, set(T(0.5)), shifter) - shifter;
  return y * pow2(half) * pow2(n - half);
}

// The same for x <= 0, but 0 where it would be subnormal or nearly so, as computing with such
// numbers is slow; and without them one power of two will do. Softmax of 10 classes at d = 10 took
// 9.8 instead of 10.6 ns per row, of margins that are no farther apart (benchmarks/bench_heads.py).
template <class T> FALLLINE_INLINE vec<T> exp_or_zero(vec<T> x) {
  using C = ExpConstants<T>;
  const vec<T> above = x - set(C::lowest_normal);
  x = max(set(C::lowest_normal), x);
  const vec<T> shifter = set(C::shifter);
  const vec<T> n = fma(x, set(T(1.4426950408889634074)), shifter) - shifter;
  const vec<T> r = fnma(n, set(C::ln2_low), fnma(n, set(C::ln2_high), x));
  const vec<T> y = set(T(1)) + fma(r * r, polynomial(C::q, r), r);
  return y * select_negative(above, set(T(0)), pow2(n));
}

// log(1 + x) for 0 <= x <= 1, by 2 atanh(x / (2 + x)). At most 3 ulp.
template <class T> FALLLINE_INLINE vec<T> log1p(vec<T> x) {
  const vec<T> s = x / (set(T(2)) + x);
  const vec<T> t = s * s;
  const vec<T> two_s = s + s;
  return fma(two_s, t * polynomial(Log1pConstants<T>::p, t), two_s);
}

// The same for 0 <= x < infinity, by 1 + x = 2^k (1 + f). Below 1, where k is 0, f is x itself: the
// sum has lost its last digits. At most 3 ulp.
template <class T> FALLLINE_INLINE vec<T> log1p_far(vec<T> x) {
  const vec<T> below = x - set(T(1));
  const vec<T> sum = set(T(1)) + x;
  const vec<T> k = select_negative(below, set(T(0)), exponent(sum));
  const vec<T> f = select_negative(below, x, mantissa(sum) - set(T(1)));
  const vec<T> rest = fma(k, set(ExpConstants<T>::ln2_low), log1p(f));
  return fma(k, set(ExpConstants<T>::ln2_high), fma(x, set(T(0)), rest));
}

template <class T> struct LogConstants;
template <> struct LogConstants<float> {
  static constexpr float smallest_normal = 0x1p-126F;
  static constexpr int subnormal_shift = 24;
};
template <> struct LogConstants<double> {
  static constexpr double smallest_normal = 0x1p-1022;
  static constexpr int subnormal_shift = 54;
};

// log(x) for 0 < x < infinity, subnormals included. At most 1.5 ulp. Of 0 it is -104 in float32 and
// -746 in float64: finite, so that 0 log 0 is 0. NaN for NaN and infinity. As for log1p, but of
// f = 2 s / (1 - s) = m - 1, which is exact: x = 2^k m, m from sqrt(1/2) to sqrt(2).
template <class T> FALLLINE_INLINE vec<T> log(vec<T> x) {
  using C = LogConstants<T>;
  constexpr T up = static_cast<T>(1LL << C::subnormal_shift);
  const vec<T> below = x - set(C::smallest_normal);
  const vec<T> normal = max(set(C::smallest_normal), select_negative(below, set(up) * x, x));
  const vec<T> shift = select_negative(below, set(T(C::subnormal_shift)), set(T(0)));
  const vec<T> upper = set(T(1.4142135623730950488)) - mantissa(normal);
  const vec<T> m = select_negative(upper, set(T(0.5)) * mantissa(normal), mantissa(normal));
  const vec<T> k = exponent(normal) - shift + select_negative(upper, set(T(1)), set(T(0)));
  const vec<T> f = m - set(T(1));
  const vec<T> s = f / (set(T(2)) + f);
  const vec<T> t = s * s;
  const vec<T> rest = fnma(t + t, polynomial(Log1pConstants<T>::p, t), f);
  const vec<T> log_m = fnma(s, rest, fma(k, set(ExpConstants<T>::ln2_low), f));
  return fma(k, set(ExpConstants<T>::ln2_high), fma(x, set(T(0)), log_m));
}

// exp(x) - 1 - x, never negative. At most 8 ulp. Near 0 from the polynomial of exp at h = x / 2
// and exp(2 h) - 1 - 2 h = (exp(h) - 1)^2 + 2 (exp(h) - 1 - h), a sum without cancellation.
template <class T> FALLLINE_INLINE vec<T> exp_excess(vec<T> x) {
  constexpr T ln2 = T(0.69314718055994530942);
  const vec<T> h = set(T(0.5)) * x;
  const vec<T> excess = (h * h) * polynomial(ExpConstants<T>::q, h);
  const vec<T> near = fma(h + excess, h + excess, excess + excess);
  // The exponential is infinite long before 1024; infinity less infinity would be NaN.
  const vec<T> far = exp(x) - min(set(T(1024)), set(T(1)) + x);
  return select_negative(abs(x) - set(ln2), near, far);
}

// 1 / (1 + exp(-x)) from exp(-|x|), which never overflows. At most 3 ulp.
template <class T> FALLLINE_INLINE vec<T> sigmoid(vec<T> x) {
  const vec<T> e = exp(-abs(x));
  return select_negative(x, e, set(T(1))) / (set(T(1)) + e);
}
