// Products of a matrix with vectors in float64, with the same bits at any number of threads.
#pragma once

#include "core/interrupt.hpp"
#include "training/row_losses.hpp"
#include "training/row_reader.hpp"

namespace fallline {

// X w, one number per row. False if the user interrupted.
bool row_products(const AnyReader& X, const double* w, double* out, Interrupt& interrupt);

enum class Power { one, two };

// X' r, one number per column; with Power::two of the squares of the stored elements. False if the
// user interrupted.
bool row_sums(const AnyReader& X, const double* r, Power power, double* out, Interrupt& interrupt);

// X' C X w, with c on the diagonal of C: one look at the rows. False if the user interrupted.
bool gram_products(const AnyReader& X, const double* c, const double* w, double* out,
                   Interrupt& interrupt);

// The sum of the gradients of the losses, and the derivative of each. False if the user
// interrupted.
bool loss_gradient(const AnyReader& X, const RowLosses& losses, const double* w, double intercept,
                   double* derivatives, double* out, Interrupt& interrupt);

// |x|^2 of each row, whose columns may occur more than once. False if the user interrupted.
bool squared_norms(const AnyReader& X, double* out, Interrupt& interrupt);

}  // namespace fallline
