// Which target this machine gets: the best it can run, or the one that was asked for.
#include <atomic>
#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels/table.hpp"
#include "kernels/targets/targets.hpp"

namespace fallline {
namespace {

#if defined(__x86_64__)
// Both x86 targets convert halves with it; clang 14 has no __builtin_cpu_supports("f16c").
bool has_f16c() {
  unsigned a, b, c = 0, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

std::vector<Target> runnable() {
  std::vector<Target> targets;
#if defined(__x86_64__)
  for (const Target& target : {avx512_target(), avx2_target()}) {
    if (target.runs_here() && has_f16c()) targets.push_back(target);
  }
#elif defined(__aarch64__)
  targets.push_back(neon_target());
#endif
  targets.push_back(baseline_target());
  return targets;
}

const std::vector<Target>& targets() {
  static const std::vector<Target> found = runnable();
  return found;
}

const Target* find(const std::string& name, const std::string& argument = "target") {
  std::string names;
  for (const Target& target : targets()) {
    if (name == target.name) return &target;
    names += (names.empty() ? "'" : ", '") + std::string(target.name) + "'";
  }
  throw std::invalid_argument(argument + " must be one that this machine can run (" + names +
                              "), got '" + name + "'");
}

std::atomic<const Target*>& current() {
  static std::atomic<const Target*> chosen = [] {
    const char* forced = std::getenv("FALLLINE_TARGET");
    return forced && *forced ? find(forced, "FALLLINE_TARGET") : &targets().front();
  }();
  return chosen;
}

}  // namespace

template <> const KernelTable<float>& kernels<float>() { return *current().load()->float32; }
template <> const KernelTable<double>& kernels<double>() { return *current().load()->float64; }

std::vector<std::string> runnable_targets() {
  std::vector<std::string> names;
  for (const Target& target : targets()) names.emplace_back(target.name);
  return names;
}

std::string current_target() { return current().load()->name; }

void set_target(const std::string& name) { current() = find(name); }

}  // namespace fallline
