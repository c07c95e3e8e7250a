#include "deformer/passage_store.h"

#include "base/hash.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "store/passage_check.h"

namespace deformer {

std::string to_string(HiddenCodec codec) {
  switch (codec) {
    case HiddenCodec::kFp32:
      return "fp32";
    case HiddenCodec::kFp16:
      return "fp16";
    case HiddenCodec::kInt8:
      return "int8";
  }
  return "unknown";
}

HiddenCodec parse_hidden_codec(std::string_view name) {
  if (name == "fp32") return HiddenCodec::kFp32;
  if (name == "fp16") return HiddenCodec::kFp16;
  if (name == "int8") return HiddenCodec::kInt8;
  throw Error(ErrorCode::kInvalidArgument,
              "codec: expected fp32, fp16 or int8, found " + in_quotes(name));
}

std::size_t value_bytes(HiddenCodec codec) noexcept {
  switch (codec) {
    case HiddenCodec::kFp32:
      return 4;
    case HiddenCodec::kFp16:
      return 2;
    case HiddenCodec::kInt8:
      break;
  }
  return 1;
}

std::vector<std::optional<PassageHashes>> PassageStore::hashes(
    std::span<const std::string> ids) const {
  std::vector<std::optional<PassageHashes>> hashes;
  hashes.reserve(ids.size());
  for (const std::string& id : ids) {
    // One by one: a batch of any size needs the memory of one passage.
    const auto found = get(std::span(&id, 1));
    check_found(std::span(&id, 1), found);
    auto& entry = hashes.emplace_back();
    if (found[0]) entry = {hash64(found[0]->text), found[0]->projection_hash};
  }
  return hashes;
}

std::vector<std::string> PassageStore::list_ids(std::string_view, std::size_t) const {
  throw Error(ErrorCode::kUnsupported, "this passage store cannot list its ids");
}

StoreInfo PassageStore::info() const {
  StoreInfo info;
  info.fingerprint = fingerprint();
  info.passages = size();
  return info;
}

void PassageStore::check() const {}

void PassageStore::set_note(std::string_view) {
  throw Error(ErrorCode::kUnsupported, "this passage store keeps no note");
}

}  // namespace deformer
