#include "tools/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/byte_order_mark.h"
#include "base/stand_in.h"
#include "base/system_error.h"
#include "tools/failure.h"

namespace deformer::tools {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 16;

// Its bytes are never UTF-8, but would be read as a text of some other letters.
void refuse_utf16(const std::string& text, const std::string& where) {
  if (!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF")) return;
  throw Error(ErrorCode::kCorrupt, where + ": expected UTF-8, found UTF-16");
}

void refuse_binary(const std::string& text, const std::string& where) {
  const std::size_t zero = text.find('\0');
  if (zero == std::string::npos) return;
  throw Error(ErrorCode::kCorrupt, where + ": expected plain text, found a byte 0 behind " +
                                       std::to_string(zero) + " others");
}

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
  refuse_lfs_pointer(text, input.name());
  refuse_utf16(text, input.name());
  refuse_binary(text, input.name());
  return text;
}

std::vector<LineReader::Line> LineReader::next_batch(std::size_t max_lines) {
  std::vector<Line> batch;
  std::size_t bytes = 0;
  while (batch.size() < max_lines && bytes < kMaxBatchBytes) {
    if (std::optional<Line> line = next_complete_line()) {
      bytes += line->text.size();
      batch.push_back(*std::move(line));
    } else if (ended_ || (!batch.empty() && !input_.ready())) {
      break;
    } else {
      const bool at_start = lines_ == 0 && buffer_.empty();
      ended_ = !input_.read_some(buffer_);
      if (at_start) refuse_stand_in(buffer_, input_.name());
    }
  }
  return batch;
}

std::optional<LineReader::Line> LineReader::next_complete_line() {
  std::size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    if (!ended_ || begin_ == buffer_.size()) {
      keep_unfinished();
      return std::nullopt;
    }
    end = buffer_.size();
  }
  Line line{.number = ++lines_, .text = {}, .too_long = too_long_ || end - begin_ > kMaxLineBytes};
  if (!line.too_long) line.text = buffer_.substr(begin_, end - begin_);
  if (line.number == 1) {
    refuse_utf16(line.text, input_.name());
    if (line.text.starts_with(kByteOrderMark)) line.text.erase(0, kByteOrderMark.size());
  }
  too_long_ = false;
  begin_ = scanned_ = std::min(end + 1, buffer_.size());
  return line;
}

// Moves the line that has begun to the front of the buffer; of one that is too long already nothing
// but that is kept.
void LineReader::keep_unfinished() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  if (buffer_.size() > kMaxLineBytes) {
    too_long_ = true;
    buffer_.resize(1);
  }
  scanned_ = buffer_.size();
}

void require_whole(const LineReader::Line& line, const std::string& where) {
  if (!line.too_long) return;
  throw invalid(where + ": expected at most " + std::to_string(LineReader::kMaxLineBytes) +
                " bytes, found more");
}

}  // namespace deformer::tools
