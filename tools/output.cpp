#include "tools/output.h"

#include <unistd.h>

#include <cerrno>

#include "base/system_error.h"
#include "tools/failure.h"

namespace deformer::tools {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

void write_standard_output(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EPIPE) throw ClosedPipe();
    if (count < 0) throw_system_error("standard output", "write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

Output::Output(const std::string& path) {
  if (path != "-") file_.emplace(path);
}

void Output::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
  if (file_) {
    file_->write(buffer_);
  } else {
    write_standard_output(buffer_);
  }
  buffer_.clear();
}

void Output::commit() {
  flush();
  if (file_) file_->commit();
}

}  // namespace deformer::tools
