#include "nn/guard.h"

#include <c10/util/Logging.h>

#include <string_view>
#include <typeinfo>

namespace deformer::nn {
namespace {

// dnnl::error, as the Itanium ABI spells it.
constexpr std::string_view kOnednnError = "N4dnnl5errorE";

// "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: ..." without what comes
// before the allocator's own words.
std::string without_place(const std::string& message) {
  const std::size_t words = message.find("DefaultCPUAllocator");
  return words == std::string::npos ? message : message.substr(words);
}

}  // namespace

void have_allocator_throw() {
  static const bool done = [] {
    FLAGS_caffe2_use_fatal_for_enforce = false;
    return true;
  }();
  static_cast<void>(done);
}

Error to_error(const c10::Error& error) {
  const std::string text = without_place(first_line(error.what_without_backtrace()));
  // The CPU's allocator reports a failed allocation as a plain c10::Error.
  const bool memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                      text.find("not enough memory") != std::string::npos ||
                      text.find("can't allocate memory") != std::string::npos;
  if (memory) return {ErrorCode::kResourceExhausted, "out of memory: " + text};
  return {ErrorCode::kInternal, "LibTorch: " + text};
}

std::optional<Error> onednn_error(const std::exception& error) {
  if (typeid(error).name() != kOnednnError) return std::nullopt;
  return Error(ErrorCode::kInternal, "oneDNN: " + first_line(error.what()));
}

}  // namespace deformer::nn
