#pragma once

// log(sum_k exp(z_k)) - z_c of the class c: the negative log-likelihood of one class among several.
// Its derivatives are the probabilities less 1 for c. The highest margin is taken off first, so
// that no exponential overflows.
struct Softmax {
  static constexpr const char* name = "softmax";
  static constexpr int n_parameters = 0;

  // The losses of as many rows as a vector has lanes. margins[k] is where those of class k are
  // stored; they become the weight times the derivative.
  template <class Margins, class V> FALLLINE_INLINE V rows(const Margins& margins,
                                                           std::ptrdiff_t n_classes, V target,
                                                           V weight) const {
    V highest = load(margins[0]), own = highest;
    for (std::ptrdiff_t k = 1; k < n_classes; ++k) {
      const V z = load(margins[k]);
      highest = max(z, highest);
      own = select_same(target, number<V>(k), z, own);
    }
    V total = constant<V>(0);
    for (std::ptrdiff_t k = 0; k < n_classes; ++k) {
      const V e = exp_or_zero(load(margins[k]) - highest);
      total = total + e;
      store(margins[k], e);
    }
    const V scale = weight / total;
    for (std::ptrdiff_t k = 0; k < n_classes; ++k) {
      const V less = select_same(target, number<V>(k), -weight, constant<V>(0));
      store(margins[k], fma(load(margins[k]), scale, less));
    }
    return log(total) + (highest - own);
  }

 private:
  template <class V> static FALLLINE_INLINE V number(std::ptrdiff_t k) {
    return set(static_cast<typename V::scalar>(k));
  }
};
