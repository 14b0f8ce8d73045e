// The mini-batch loop: batch, stochastic and mini-batch gradient descent are this one loop with
// different batch sizes. It knows epochs and the order of the rows; what is trained is the Model's:
//
//   std::ptrdiff_t n_samples(), n_features(), rates_per_step()
//   bool train(const Batches&, Chunk&, Interrupt&)   one step per mini-batch, added to the chunk;
//                                                    false to stop before a step that cannot be
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "training/order.hpp"

namespace fallline {

// Neighbouring mini-batches: `size` rows each, the last may have fewer.
struct Batches {
  Rows rows;
  std::ptrdiff_t size;
  const double* learning_rates;  // of each mini-batch as many as the Model takes
  std::int64_t step;             // number of the first one's step, from 1
};

struct Chunk {
  std::ptrdiff_t steps = 0;  // done; fewer than asked where a step's loss was not finite
  double loss = 0;           // sum over rows of the weighted loss before each step
  double weight = 0;         // sum of the sample weights of those rows
  bool interrupted = false;
};

template <class Model> class Loop {
 public:
  Loop(Model model, std::ptrdiff_t batch_size, Shuffle shuffle, std::uint64_t seed)
      : model_(std::move(model)),
        batch_size_(std::min(batch_size, model_.n_samples())),
        steps_per_epoch_((model_.n_samples() + batch_size_ - 1) / batch_size_),
        order_(shuffle, model_.n_samples(), model_.n_features(), seed) {}

  // `count` steps, each with its learning rates. Weights stay as after the last whole step.
  Chunk run(const double* learning_rates, std::ptrdiff_t count, Interrupt& interrupt) {
    Chunk chunk;
    while (chunk.steps < count) {
      const std::ptrdiff_t done = step_ % steps_per_epoch_;
      const std::ptrdiff_t n = model_.n_samples();
      const std::ptrdiff_t begin = done * batch_size_;
      const std::ptrdiff_t end = std::min(begin + batch_size_, n);
      const std::ptrdiff_t limit = std::min(begin + (count - chunk.steps) * batch_size_, n);
      Rows rows;
      if (!order_.take(step_ / steps_per_epoch_, begin, end, limit, rows, interrupt)) {
        chunk.interrupted = true;
        break;
      }
      if (rows.end - rows.begin < limit - begin) {  // whole mini-batches, unless it is the last
        rows.end -= (rows.end - rows.begin) % batch_size_;
      }
      const std::ptrdiff_t before = chunk.steps;
      const double* rates = learning_rates + before * model_.rates_per_step();
      const bool goes_on = model_.train({rows, batch_size_, rates, step_ + 1}, chunk, interrupt);
      step_ += chunk.steps - before;
      if (!goes_on) break;
    }
    return chunk;
  }

  std::ptrdiff_t steps_per_epoch() const { return steps_per_epoch_; }
  std::int64_t step() const { return step_; }
  Model& model() { return model_; }

 private:
  Model model_;
  std::ptrdiff_t batch_size_;
  std::ptrdiff_t steps_per_epoch_;
  Order order_;
  std::int64_t step_ = 0;
};

}  // namespace fallline
