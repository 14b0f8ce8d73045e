#pragma once

// l2/2 |w|^2 + l1 |w|_1. None, ridge and lasso are this penalty with zeros in it: with l2 = 0 the
// gradient, and with l1 = 0 the proximal step, give back their argument to the bit, but for the
// sign of a zero.
template <class V> struct ElasticNet {
  V l2, threshold;  // the latter is the learning rate times l1

  // The gradient of the smooth part, added to that of the loss.
  FALLLINE_INLINE V add_gradient(V w, V loss_gradient) const { return fma(l2, w, loss_gradient); }

  // argmin_u |u - w|^2 / 2 + threshold |u|: soft thresholding. In this order a NaN survives.
  FALLLINE_INLINE V proximal(V w) const { return w - min(threshold, max(-threshold, w)); }
};
