#include "fuzz/input_files.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace deformer::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCut = "\n--8<--\n";

class Folder {
 public:
  Folder() {
    const fs::path memory = "/dev/shm";
    std::error_code ignored;
    std::string name =
        (fs::exists(memory, ignored) ? memory : fs::temp_directory_path()) / "deformer-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error(name + ": cannot create");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

std::vector<Input> parts(Input input) {
  std::vector<Input> found;
  std::string_view rest = as_text(input);
  for (std::size_t cut = rest.find(kCut); cut != std::string_view::npos; cut = rest.find(kCut)) {
    found.push_back(input.first(cut));
    input = input.subspan(cut + kCut.size());
    rest = as_text(input);
  }
  found.push_back(input);
  return found;
}

Input part(const std::vector<Input>& parts, std::size_t index) {
  return index < parts.size() ? parts[index] : Input();
}

std::string_view as_text(Input input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

const fs::path& folder() {
  static const Folder only;
  return only.path();
}

fs::path write_file(std::string_view name, Input bytes) {
  fs::path path = folder() / name;
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) throw std::runtime_error(path.string() + ": cannot open");
  const std::size_t written = std::fwrite(bytes.data(), 1, bytes.size(), file);
  if (std::fclose(file) != 0 || written != bytes.size()) {
    throw std::runtime_error(path.string() + ": cannot write");
  }
  return path;
}

const fs::path& write_files(Input input, std::initializer_list<std::string_view> names) {
  for (const auto& entry : fs::directory_iterator(folder())) fs::remove_all(entry.path());
  const std::vector<Input> bytes = parts(input);
  std::size_t i = 0;
  for (const std::string_view name : names) {
    if (i == bytes.size()) break;
    write_file(name, bytes[i++]);
  }
  return folder();
}

}  // namespace deformer::fuzz
