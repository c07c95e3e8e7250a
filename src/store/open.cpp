#include <optional>

#include "base/guard.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "store/guarded_store.h"
#include "store/lmdb_store.h"
#include "store/memory_store.h"
#include "store/passage_check.h"
#include "store/redis_store.h"
#include "store/redis_url.h"

namespace deformer {
namespace {

constexpr const char* kForms = "memory:, lmdb:PATH or redis://host:port/prefix";

[[noreturn]] void fail_uri(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "store: " + message);
}

std::unique_ptr<PassageStore> open_memory(std::string_view rest,
                                          const std::optional<Fingerprint>& fingerprint) {
  if (!rest.empty()) fail_uri("expected nothing after memory:");
  if (!fingerprint) {
    throw Error(ErrorCode::kNotFound, "store: memory: is always new, there is none to open");
  }
  return std::make_unique<MemoryPassageStore>(*fingerprint);
}

std::unique_ptr<PassageStore> open_lmdb(std::string_view rest,
                                        const std::optional<Fingerprint>& fingerprint) {
  if (rest.empty() || rest.find('\0') != std::string_view::npos) {
    fail_uri("expected a directory after lmdb:");
  }
  // As in other URIs: it would be /PATH.
  if (rest.starts_with("//") && !rest.starts_with("///")) {
    fail_uri("expected lmdb:PATH, found lmdb:// and what would be a path from the root");
  }
  return std::make_unique<LmdbPassageStore>(std::filesystem::path(rest), fingerprint);
}

std::unique_ptr<PassageStore> open_by_scheme(std::string_view uri,
                                             const std::optional<Fingerprint>& fingerprint) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) {
    fail_uri(std::string("expected ") + kForms + ", found " + in_quotes(uri));
  }
  const std::string_view scheme = uri.substr(0, colon);
  const std::string_view rest = uri.substr(colon + 1);
  if (scheme == "memory") return open_memory(rest, fingerprint);
  if (scheme == "lmdb") return open_lmdb(rest, fingerprint);
  if (scheme == "redis") {
    return std::make_unique<RedisPassageStore>(parse_redis_url(rest), fingerprint);
  }
  if (scheme == "rediss") {
    throw Error(ErrorCode::kUnsupported,
                "store: rediss: (TLS) is not supported by this build's hiredis; use redis:// "
                "through a tunnel or a private network");
  }
  // Only the scheme is shown: what follows may hold a password.
  fail_uri(std::string("expected ") + kForms + ", found the scheme " + in_quotes(scheme));
}

std::shared_ptr<PassageStore> open(std::string_view uri,
                                   const std::optional<Fingerprint>& fingerprint) {
  return guard_entry("store", [&]() -> std::shared_ptr<PassageStore> {
    // The scheme only: what follows may hold a password.
    std::string name = "store " + std::string(uri.substr(0, uri.find(':')));
    return std::make_shared<GuardedPassageStore>(open_by_scheme(uri, fingerprint), std::move(name));
  });
}

}  // namespace

std::shared_ptr<PassageStore> open_passage_store(std::string_view uri,
                                                 const Fingerprint& fingerprint) {
  return open(uri, fingerprint);
}

std::shared_ptr<PassageStore> open_existing_passage_store(std::string_view uri) {
  return open(uri, std::nullopt);
}

}  // namespace deformer
