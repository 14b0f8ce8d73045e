// Arrays whose surroundings give away a kernel that reads or writes outside.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

[[noreturn]] inline void fail(const std::string& what) {
  std::cerr << what << '\n';
  std::exit(1);
}

// n elements that end `offset` elements before memory nobody may touch: at offset 0 a read beyond
// the end kills the program. All around them lie bytes of ones, which are NaNs in either dtype.
template <class T> class Guarded {
 public:
  Guarded(std::ptrdiff_t n, std::ptrdiff_t offset) : size_(static_cast<std::size_t>(n)) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t wanted = (size_ + static_cast<std::size_t>(offset)) * sizeof(T) + margin;
    open_ = (wanted + page - 1) / page * page;
    mapped_ = open_ + page;
    void* memory =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("no memory");
    bytes_ = static_cast<unsigned char*>(memory);
    if (mprotect(bytes_ + open_, page, PROT_NONE) != 0) fail("no guard page");
    std::memset(bytes_, guard, open_);
    data_ = reinterpret_cast<T*>(bytes_ + open_) - offset - n;
  }
  ~Guarded() { munmap(bytes_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  T& operator[](std::ptrdiff_t i) { return data_[i]; }
  std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(size_); }

  bool is_intact() const {
    const auto* begin = reinterpret_cast<const unsigned char*>(data_);
    const auto* end = reinterpret_cast<const unsigned char*>(data_ + size_);
    for (const unsigned char* byte = bytes_; byte < bytes_ + open_; ++byte) {
      if ((byte < begin || byte >= end) && *byte != guard) return false;
    }
    return true;
  }

 private:
  static constexpr unsigned char guard = 0xFF;
  static constexpr std::size_t margin = 256;  // of guards before the array
  std::size_t size_, open_, mapped_;
  unsigned char* bytes_;
  T* data_;
};
