#include "serve/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <sstream>

#include "base/file.h"
#include "deformer/error.h"
#include "serve/message.h"

namespace deformer::serve {
namespace {

constexpr std::string_view kScheme = "Bearer ";

std::array<unsigned char, 32> digest_of(std::string_view key) {
  std::array<unsigned char, 32> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

}  // namespace

ApiKeys ApiKeys::load(const std::filesystem::path& path) {
  return parse(read_file(path), path.string());
}

ApiKeys ApiKeys::parse(std::string_view text, const std::string& where) {
  ApiKeys keys;
  std::istringstream lines{std::string(text)};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::string place = where + ": line " + std::to_string(++number);
    std::istringstream words(line);
    std::string access;
    std::string key;
    std::string more;
    words >> access >> key >> more;
    if (access.empty() || access.front() == '#') continue;
    if ((access != "read" && access != "write") || key.empty() || !more.empty()) {
      throw Error(ErrorCode::kCorrupt,
                  place + R"(: expected "read KEY" or "write KEY", found something else)");
    }
    if (key.size() < kMinKeyBytes) {
      throw Error(ErrorCode::kCorrupt, place + ": expected a key of at least " +
                                           std::to_string(kMinKeyBytes) + " bytes, found " +
                                           std::to_string(key.size()));
    }
    keys.keys_.push_back({digest_of(key), access == "read" ? Access::kRead : Access::kWrite});
  }
  if (keys.keys_.empty()) {
    throw Error(ErrorCode::kCorrupt, where + ": expected at least one key, found none");
  }
  return keys;
}

Access ApiKeys::access_of(std::string_view authorization) const {
  if (!equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return Access::kNone;
  const Digest digest = digest_of(authorization.substr(kScheme.size()));
  Access access = Access::kNone;
  // All keys are looked at: where the search ends would tell which one it was.
  for (const Key& key : keys_) {
    const bool same = ::CRYPTO_memcmp(digest.data(), key.digest.data(), digest.size()) == 0;
    access = std::max(access, same ? key.access : Access::kNone);
  }
  return access;
}

}  // namespace deformer::serve
