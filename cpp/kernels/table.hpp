// What a target offers: the addresses of its kernels, once per dtype. Everything above the kernels
// reaches them through this table and never learns which instructions run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/csr.hpp"
#include "core/gram.hpp"
#include "core/heads.hpp"
#include "core/types.hpp"

namespace fallline {

constexpr int max_slots = 4;
constexpr int max_sums = 2;

// Losses of n margins, the rows of a block: writes the residuals sample_weight * derivative and
// returns the sums of sample_weight * value and of the residuals. sample_weight may be null.
// parameters, here and below: of the loss, in the order its file says.
struct LossSums {
  double loss;
  double residual;
};
template <class T> using Residuals = LossSums (*)(const T* margins, const T* targets,
                                                  const T* sample_weight, T* residuals,
                                                  std::ptrdiff_t n, const double* parameters);

// y[i] = f(x[i]); for losses x is the margin and the second array the targets.
template <class T> using Unary = void (*)(const T* x, T* y, std::ptrdiff_t n);
template <class T> using Binary = void (*)(const T* margins, const T* targets, T* y,
                                           std::ptrdiff_t n, const double* parameters);

// A step of plain gradient descent that has been taken: weights w become
// w - factor * derivative * row - decay * w, an intercept loses factor * derivative.
template <class T> struct DescentStep {
  const T* row = nullptr;  // null: no step
  T derivative = 0;        // of the loss
  double factor = 0;       // learning rate, scale of the gradient and sample weight
  double decay = 0;
};

// Plain gradient descent, one dense row a step. w, padded with zeros to whole vectors, and the
// intercept lack the `last` step, from call to call: so the margin of the next row need not wait
// for it. settles: they are to lack nothing in the end, with the bits of having it made later.
template <class T> struct Descent {
  Samples<T> samples;
  Rows rows;
  const double* learning_rates;
  double gradient_scale;
  double decay;  // of the weights, per unit of the learning rate
  const double* loss_parameters;
  bool fit_intercept;
  bool settles;
  T* w;
  double* intercept;
  DescentStep<T>* last;
};

// Returns the steps done: fewer than rows where a loss was not finite, which is in the sums.
template <class T> using Descend = std::ptrdiff_t (*)(const Descent<T>&, Sums&);

// Plain gradient descent, one sparse row a step. The weights are scale * w, and each step also
// multiplies them by 1 - learning_rate * decay, which must leave the scale in a safe range.
template <class T, class I> struct CsrDescent {
  const CsrRow<T, I>* rows;
  const CsrRow<T, I>* ahead;  // to be brought into the cache
  std::ptrdiff_t n_rows;
  const T* targets;
  const T* sample_weight;
  const double* learning_rates;
  double gradient_scale;
  double decay;
  const double* loss_parameters;
  bool fit_intercept;
  T* w;
  double* scale;
  double* intercept;
};

// Returns the steps done: fewer than rows where a loss was not finite, which is in the sums.
template <class T, class I> using CsrDescend = std::ptrdiff_t (*)(const CsrDescent<T, I>&, Sums&);

template <class T> struct LossEntry {
  const char* name;
  int n_parameters;
  Residuals<T> residuals;
  Binary<T> values;
  Binary<T> derivatives;
  Binary<T> curvatures;  // second derivatives in the margin
  Binary<T> conjugates;  // sup over z of dual * z - value(z, target) for duals; null if unknown
  double (*smoothness)(const double* parameters);  // bound of the curvature; infinity if none
  Descend<T> descend;
  CsrDescend<T, std::int32_t> csr_descend32;
  CsrDescend<T, std::int64_t> csr_descend64;
};

// A loss and the parameters it is called with, which belong to whoever made it.
template <class T> struct BoundLoss {
  const LossEntry<T>* entry;
  const double* parameters;
};

template <class T> struct FunctionEntry {
  const char* name;
  Unary<T> apply;
};

// What one step of an update rule depends on besides the arrays.
struct StepNumbers {
  std::int64_t step;  // counts from 1
  double learning_rate;
  double gradient_scale;     // multiplies the gradient before anything else
  double l2;                 // adds l2 * w to the gradient
  double l1;                 // soft threshold learning_rate * l1 after the rule
  double weight_decay;       // decoupled: w is first multiplied by 1 - learning_rate * weight_decay
  const double* parameters;  // of the rule, in the order its file says
  double fading = 0;         // share of the average of the weights that is kept
  double* memory = nullptr;  // numbers that the rule keeps from step to step
};

template <class T> struct StepArrays {
  T* w;
  const T* gradient;
  T* slots[max_slots];
  std::ptrdiff_t n;
  T* average = nullptr;  // of the weights, exponentially fading; null: not wanted
  T* cleared = nullptr;  // the gradient once more, where it is to become zero
};

// A step of one line of heads; what differs between them is an array over its lanes.
template <class T> struct HeadStepTask {
  std::int64_t step;
  const double* learning_rate;
  const double* gradient_scale;
  const double* l2;
  const double* l1;
  const double* weight_decay;
  const T* stays;            // negative for a head that is not to change
  const double* parameters;  // of the rule, the same for all heads
  T* w;                      // [feature][lane], like the gradient and the slots
  const T* gradient;
  T* slots[max_slots];
  std::ptrdiff_t n;  // features
};

// The same of float32 weights with slots of bfloat16, which are rounded up or down by chance: the
// numbers drawn are those of key and first on. Without l1.
struct BrainArrays {
  float* w;
  const float* gradient;
  BFloat16* slots[max_slots];
  std::ptrdiff_t n;
  float* average;
  std::uint32_t key, first;
};

template <class T> struct RuleEntry {
  const char* name;
  int n_slots;
  int n_parameters;
  int n_penalties;  // the last of the parameters, which the intercept has at 0
  int n_memory;
  int n_sums;
  void (*step)(const StepNumbers&, const StepArrays<T>*, std::ptrdiff_t count);
  void (*head_step)(const HeadStepTask<T>&);  // null for a rule of arrays alone
  void (*brain_step)(const StepNumbers&, const BrainArrays&);
  // What a rule needs to know of all its arrays before a step: adds to the sums.
  void (*reduce)(const StepNumbers&, const StepArrays<T>&, double* sums);
  // Renews the memory, and the learning rate where the rule finds it; null for a rule without.
  void (*prepare)(StepNumbers&, const double* sums);
};

// A kind of elements, by NumPy's name for it, that is read as T.
template <class T> struct SourceEntry {
  const char* name;
  std::ptrdiff_t item_size;
  Unpack<T> unpack;
};

// Margins, residuals and gradient of some rows. w and gradient are padded with zeros to whole
// vectors (padded_size); the gradient is added to, and skipped when null.
template <class T> struct TileTask {
  Samples<T> samples;
  Rows rows;
  const T* w;
  T intercept;
  BoundLoss<T> loss;
  T* gradient;
};

// Kernels over rows of a sparse matrix whose columns are numbered by an I.
template <class T, class I> struct CsrKernels {
  // out[i] = scale (row i . w) + intercept, while row ahead[i] is brought into the cache
  void (*margins)(const CsrRow<T, I>* rows, const CsrRow<T, I>* ahead, std::ptrdiff_t n_rows,
                  const T* w, T scale, T intercept, T* out);
  // to += sum_i factors[i] row i
  void (*add)(const CsrRow<T, I>* rows, std::ptrdiff_t n_rows, const T* factors, T* to);
  void (*add_wide)(const CsrRow<T, I>* rows, std::ptrdiff_t n_rows, const T* factors, double* to);
  // soft thresholding of the weights in the rows, by due - paid[j], which is then paid
  void (*threshold)(const CsrRow<T, I>* rows, std::ptrdiff_t n_rows, double due, double* paid,
                    T* w);
};

// Rows of one block as the loss of heads sees them.
template <class T> struct HeadBlock {
  const HeadSamples<T>& samples;
  const std::ptrdiff_t* rows;
  std::ptrdiff_t n_rows;
  T* margins;  // [line][row][lane] with head_block_rows rows to a line; become the residuals
};

constexpr std::ptrdiff_t head_block_rows = 16;

template <class T> struct HeadLossEntry {
  const char* name;
  int n_parameters;
  bool coupled;  // the heads are classes of one model; their margins go in together
  void (*residuals)(const HeadBlock<T>&, const HeadSums&, const double* parameters);
};

// As TileTask, for heads. The gradient is added to, and skipped when null.
template <class T> struct HeadTileTask {
  HeadSamples<T> samples;
  Rows rows;
  const T* w;
  const T* intercepts;
  const HeadLossEntry<T>* loss;
  const double* loss_parameters;
  T* block;     // scratch for the margins of a HeadBlock
  T* unpacked;  // and for its rows, padded, where X is not read in place
  T* gradient;
};

constexpr std::ptrdiff_t strip_lanes = 8;  // float64 numbers in a vector

// Columns of a symmetric matrix, row-major, that become those of its Cholesky factor. Their rows
// also lie transposed in strips of eight, [strip][column][row], columns padded to whole blocks.
struct CholeskyPanel {
  double* L;  // at the first of the columns and the row of that number
  std::ptrdiff_t stride;
  std::ptrdiff_t rows;     // from there to the last
  std::ptrdiff_t columns;  // whole strips, unless they are the last
  double* strips;
};

// Equations with a lower triangle: L x = b or L' x = b. Strips of b, [strip][row][lane], become x.
struct TriangleTask {
  const double* L;
  std::ptrdiff_t stride;
  std::ptrdiff_t n;
  double* strips;
  std::ptrdiff_t n_strips;
  bool transposed;
};

// Householder reflections [first, last) that triangulate columns. Reflection j is made of the top
// of column j and the n numbers below, which become its vector. Tops: [reflection][column].
struct ReflectorPanel {
  double* columns;  // below their tops, each one contiguous
  std::ptrdiff_t stride;
  std::ptrdiff_t n;
  double* tops;
  std::ptrdiff_t top_row, top_column;
  std::ptrdiff_t first, last;
  double* tau;  // of first, first + 1 …
};

// Dense factorisations, in float64 whatever the dtype of the table.
struct FactorKernels {
  std::ptrdiff_t (*factor_diagonal)(const CholeskyPanel&);  // a bad pivot, or -1
  void (*solve_rows)(const CholeskyPanel&, std::ptrdiff_t begin, std::ptrdiff_t end);
  void (*update_columns)(const CholeskyPanel&, std::ptrdiff_t begin, std::ptrdiff_t end);
  void (*solve_triangle)(const TriangleTask&);
  void (*unpack_columns)(const double* X, std::ptrdiff_t stride, std::ptrdiff_t rows,
                         std::ptrdiff_t columns, double* out, std::ptrdiff_t out_stride);
  void (*column_squares)(const double* columns, std::ptrdiff_t stride, std::ptrdiff_t n_columns,
                         std::ptrdiff_t n, double* out);
  void (*make_reflections)(const ReflectorPanel&);
  void (*reflect_columns)(const ReflectorPanel&, std::ptrdiff_t begin, std::ptrdiff_t end);
};

// Between floats of 16 bits and float32.
struct NarrowKernels {
  void (*widen_half)(const Float16* x, float* out, std::ptrdiff_t n);
  void (*widen_brain)(const BFloat16* x, float* out, std::ptrdiff_t n);
  void (*narrow_half)(const float* x, Float16* out, std::ptrdiff_t n);  // to nearest
  void (*narrow_brain)(const float* x, BFloat16* out, std::ptrdiff_t n);
};

template <class E> struct Entries {
  const E* first;
  std::size_t count;
  const E* begin() const { return first; }
  const E* end() const { return first + count; }
};

template <class T> struct KernelTable {
  const char* target;
  Entries<LossEntry<T>> losses;
  Entries<RuleEntry<T>> rules;
  Entries<RuleEntry<T>> array_rules;  // for anybody's arrays, but not for models of rows
  Entries<FunctionEntry<T>> functions;
  Entries<HeadLossEntry<T>> head_losses;
  Entries<SourceEntry<T>> sources;
  void (*tile)(const TileTask<T>&, Sums&);
  std::ptrdiff_t (*block_rows)(
      std::ptrdiff_t columns);  // tiles of whole blocks add up to the same bits
  void (*margins)(const MatrixView<T>& X, const T* w, T intercept, T* out);
  void (*head_tile)(const HeadTileTask<T>&, const HeadSums&);     // lanes are heads
  void (*feature_tile)(const HeadTileTask<T>&, const HeadSums&);  // lanes are features
  void (*head_margins)(const MatrixView<T>& X, const T* w, const T* intercepts,
                       std::ptrdiff_t n_heads, T* out);  // row-major
  double (*read_sum)(const T* x, std::ptrdiff_t n);
  double (*sum_of_squares)(const T* x, std::ptrdiff_t n);
  bool (*all_finite)(const T* x, std::ptrdiff_t n);
  void (*in_place)(T* w, T* a, T* b, const T* g, std::ptrdiff_t n);  // each of the three += g
  // out[j] = scale * (w[j], after soft thresholding by due - paid[j] unless paid is null)
  void (*scaled_weights)(const T* w, std::ptrdiff_t n, double scale, double due, const double* paid,
                         T* out);
  CsrKernels<T, std::int32_t> csr32;
  CsrKernels<T, std::int64_t> csr64;
  T (*fma_chains)(T x, T y, std::ptrdiff_t n);
  void (*centered_sums)(const MatrixView<T>& X, const T* sample_weight, const double* center,
                        double* sums, double* squares);
  T (*fold)(const T* w, const T* mean, const T* inverse_scale, T* v, std::ptrdiff_t n);
  void (*unfold)(const T* mean, const T* inverse_scale, T intercept_gradient, T* gradient,
                 std::ptrdiff_t n);
  // A tile of standardised rows, which X has in place.
  void (*standardize)(const MatrixView<T>& X, const Rows& rows, const StandardColumns& columns,
                      double* tile);
  NarrowKernels narrow;  // these three are the same for every T
  GramKernels gram;
  FactorKernels factor;
};

template <class I, class T> CsrDescend<T, I> csr_descend(const LossEntry<T>& loss) {
  if constexpr (sizeof(I) == 4) {
    return loss.csr_descend32;
  } else {
    return loss.csr_descend64;
  }
}

template <class I, class T> const CsrKernels<T, I>& csr_kernels(const KernelTable<T>& table) {
  if constexpr (sizeof(I) == 4) {
    return table.csr32;
  } else {
    return table.csr64;
  }
}

// Elements of a weight array, rounded up to whole 64-byte vectors.
template <class T> constexpr std::ptrdiff_t padded_size(std::ptrdiff_t n) {
  constexpr std::ptrdiff_t size = 64 / sizeof(T);
  return (n + size - 1) / size * size;
}

// The tables of the target in force. Targets: dispatch.cpp.
template <class T> const KernelTable<T>& kernels();
std::vector<std::string> runnable_targets();  // best first
std::string current_target();
void set_target(const std::string& name);  // std::invalid_argument if it cannot run here

}  // namespace fallline
