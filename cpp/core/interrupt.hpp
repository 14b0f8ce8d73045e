// How a long pass learns that the user wants it to stop, without knowing who asks.
#pragma once

#include <atomic>
#include <chrono>

namespace fallline {

class Interrupt {
 public:
  // check answers whether to stop. It is called on the thread that owns this object, and at most
  // every 50 ms: the clock decides when to ask, never what is computed.
  explicit Interrupt(bool (*check)()) : check_(check), last_(Clock::now()) {}

  void poll() {
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(50)) return;
    last_ = now;
    if (check_()) stopped_.store(true, std::memory_order_relaxed);
  }

  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  bool (*check_)();
  Clock::time_point last_;
  std::atomic<bool> stopped_{false};
};

}  // namespace fallline
