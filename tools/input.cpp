#include "tools/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tools/failure.h"

namespace deformer::tools {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 16;
constexpr std::size_t kMaxLineBytes = std::size_t{256} << 20;

}  // namespace

Input::Input(const std::string& path) : name_(path) {
  if (path == "-") {
    name_ = "standard input";
    descriptor_ = STDIN_FILENO;
    return;
  }
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw_system_error(name_, "open", errno);
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(descriptor_);
    throw Error(ErrorCode::kIo, name_ + ": expected a file, found a directory");
  }
}

Input::~Input() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

bool Input::read_some(std::string& buffer) {
  const std::size_t old_size = buffer.size();
  buffer.resize(old_size + kReadBytes);
  ssize_t count = 0;
  do {
    count = ::read(descriptor_, buffer.data() + old_size, kReadBytes);
  } while (count < 0 && errno == EINTR);
  if (count < 0) throw_system_error(name_, "read", errno);
  buffer.resize(old_size + static_cast<std::size_t>(count));
  return count > 0;
}

bool Input::ready() const {
  pollfd query{descriptor_, POLLIN, 0};
  return ::poll(&query, 1, 0) > 0;
}

bool Input::is_terminal() const {
  return ::isatty(descriptor_) == 1;
}

std::string read_text(const std::string& path) {
  Input input(path);
  std::string text;
  while (input.read_some(text)) {
  }
  return text;
}

std::vector<LineReader::Line> LineReader::next_batch(std::size_t max_lines) {
  std::vector<Line> batch;
  while (batch.size() < max_lines) {
    if (std::optional<Line> line = next_complete_line()) {
      batch.push_back(*std::move(line));
    } else if (ended_ || (!batch.empty() && !input_.ready())) {
      break;
    } else {
      ended_ = !input_.read_some(buffer_);
    }
  }
  return batch;
}

std::optional<LineReader::Line> LineReader::next_complete_line() {
  std::size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    if (scanned_ - begin_ > kMaxLineBytes) {
      throw Error(ErrorCode::kInvalidArgument,
                  input_.name() + ": line " + std::to_string(lines_ + 1) + ": expected at most " +
                      std::to_string(kMaxLineBytes) + " bytes");
    }
    if (ended_ && begin_ < buffer_.size()) {
      end = buffer_.size();
    } else {
      buffer_.erase(0, begin_);
      scanned_ -= begin_;
      begin_ = 0;
      return std::nullopt;
    }
  }
  Line line{++lines_, buffer_.substr(begin_, end - begin_)};
  begin_ = scanned_ = std::min(end + 1, buffer_.size());
  return line;
}

}  // namespace deformer::tools
