#include "training/threads.hpp"

#include <algorithm>
#include <atomic>

#if defined(_OPENMP)
#include <omp.h>
#include <pthread.h>
#endif

namespace fallline {
namespace {
std::atomic<int> chosen{0};  // 0: as many as OpenMP would take
}

#if defined(_OPENMP)
bool has_openmp() { return true; }
int num_threads() {
  const int n = chosen.load();
  return n > 0 ? n : omp_get_max_threads();
}
int thread_number() { return omp_get_thread_num(); }
void survive_forks() {
  pthread_atfork([] { omp_pause_resource_all(omp_pause_soft); }, nullptr, nullptr);
}
#else
bool has_openmp() { return false; }
int num_threads() { return 1; }
int thread_number() { return 0; }
void survive_forks() {}
#endif

void set_num_threads(int n) { chosen = n; }

int threads_for(std::ptrdiff_t bytes, std::ptrdiff_t parts) {
  if (bytes < 100 * 1024) return 1;
  return static_cast<int>(std::min<std::ptrdiff_t>(num_threads(), parts));
}

}  // namespace fallline
