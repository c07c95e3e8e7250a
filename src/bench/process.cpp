#include "bench/process.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cctype>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

#ifdef __GLIBC__
#include <malloc.h>
#include <unistd.h>
#endif

#include "bench/benchmark.h"

namespace deformer {
namespace {

// The field of a line "KEY : VALUE"; empty where the file has no such line.
std::string proc_field(const char* file, std::string_view key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

}  // namespace

std::string cpu_name() {
  const std::string name = proc_field("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

void reset_peak_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
  // proc(5): 5 resets the high-water mark. Where that is refused the mark only ever rises.
  std::ofstream("/proc/self/clear_refs") << "5\n";
}

std::uint64_t peak_memory_bytes() {
  constexpr std::uint64_t kKibibyte = 1024;
  const std::string value = proc_field("/proc/self/status", "VmHWM");
  if (value.empty() || std::isdigit(static_cast<unsigned char>(value.front())) == 0) return 0;
  return std::stoull(value) * kKibibyte;
}

double process_seconds() {
#ifdef __GLIBC__
  // proc(5): field 22 is the start in ticks since boot; the second field, in brackets, may hold
  // spaces.
  constexpr int kFieldsBeforeStart = 19;
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBeforeStart; ++i) fields >> skipped;
  double ticks = 0;
  timespec now{};
  if (!(fields >> ticks) || ::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  const double seconds = static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
  return seconds - ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
#else
  return 0;
#endif
}

BenchMachine describe_machine() {
  return {cpu_name(), std::thread::hardware_concurrency(), TORCH_VERSION, at::get_num_threads()};
}

ThreadsGuard::ThreadsGuard(int threads) : before_(at::get_num_threads()) {
  if (threads > 0 && threads != before_) at::set_num_threads(threads);
}

ThreadsGuard::~ThreadsGuard() {
  if (at::get_num_threads() != before_) at::set_num_threads(before_);
}

int ThreadsGuard::current() {
  return at::get_num_threads();
}

}  // namespace deformer
