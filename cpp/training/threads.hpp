// How many threads a pass may use.
#pragma once

#include <cstddef>

namespace fallline {

bool has_openmp();
int num_threads();
void set_num_threads(int n);

// A child made by fork() has none of this process's waiting threads and would wait for them for
// ever. This lets them go before each fork; the next pass starts new ones.
void survive_forks();

// Which of the threads of a parallel region this is; 0 is the one that opened it.
int thread_number();

// Threads for work on so many bytes in so many independent parts: one below 100 KB, where meeting
// costs more than it saves. The number never changes a result.
int threads_for(std::ptrdiff_t bytes, std::ptrdiff_t parts);

}  // namespace fallline
