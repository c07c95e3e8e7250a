#include "base/hash.h"

#include <xxhash.h>

#include <array>
#include <bit>

#include "base/check.h"

namespace deformer {

static_assert(std::endian::native == std::endian::little, "on-disk data is little-endian");

std::uint64_t hash64(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::uint64_t hash64(std::string_view text) noexcept {
  return XXH3_64bits(text.data(), text.size());
}

struct Hasher::State {
  XXH3_state_t* xxh = nullptr;
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  state_->xxh = XXH3_createState();
  DEFORMER_CHECK(state_->xxh != nullptr);
  XXH3_128bits_reset(state_->xxh);
}

Hasher::~Hasher() {
  XXH3_freeState(state_->xxh);
}

Hasher& Hasher::add(std::span<const std::byte> bytes) {
  const std::uint64_t size = bytes.size();
  XXH3_128bits_update(state_->xxh, &size, sizeof size);
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
  return *this;
}

Hasher& Hasher::add(std::string_view text) {
  return add(std::as_bytes(std::span(text)));
}

Hasher& Hasher::add(std::int64_t value) {
  const std::array<std::int64_t, 1> field{value};
  return add(std::as_bytes(std::span(field)));
}

Hash128 Hasher::digest128() const {
  const XXH128_hash_t digest = XXH3_128bits_digest(state_->xxh);
  return {digest.high64, digest.low64};
}

std::uint64_t Hasher::digest64() const {
  return digest128().low;
}

}  // namespace deformer
