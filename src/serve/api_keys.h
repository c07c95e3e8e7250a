// Bearer keys: who may read, who may write.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace deformer::serve {

enum class Access : std::uint8_t { kNone, kRead, kWrite };  // kWrite may read too

/// Keys from a file: a line is "read KEY" or "write KEY"; empty lines and lines that begin with #
/// are skipped. Immutable.
class ApiKeys {
 public:
  /// Shorter ones could be guessed.
  static constexpr std::size_t kMinKeyBytes = 16;

  /// Throws kNotFound, kIo; kCorrupt naming the line, without the key.
  [[nodiscard]] static ApiKeys load(const std::filesystem::path& path);
  /// As load(); `where` names the text in errors.
  [[nodiscard]] static ApiKeys parse(std::string_view text, const std::string& where);

  /// What the value of an Authorization header allows. Takes as long for any key of the same
  /// length, whether it is known or not.
  [[nodiscard]] Access access_of(std::string_view authorization) const;

  [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Key {
    Digest digest;
    Access access;
  };
  std::vector<Key> keys_;
};

}  // namespace deformer::serve
