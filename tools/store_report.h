// Passage stores and encode runs described for people and for programs.
#pragma once

#include <cstddef>
#include <string>

#include "deformer/passage_store.h"
#include "tools/talk.h"

namespace deformer::tools {

/// What one `deformer encode` did.
struct EncodeRun {
  std::size_t passages = 0;
  std::size_t encoded = 0;
  std::size_t reused = 0;
  std::size_t tokens = 0;
  double seconds = 0;
};
[[nodiscard]] std::string to_text(const EncodeRun& run);  ///< one line, without a line feed
[[nodiscard]] std::string to_json(const EncodeRun& run);

/// Leaves a note in a store without passages that says how it is created; says so when a store
/// that holds passages was created with another codec.
void note_codec(PassageStore& store, const std::string& codec, const std::string& precision,
                const Talk& talk);

struct StoreReport {
  StoreInfo info;
  StoreScan scan;
  bool complete = false;  ///< the scan read every passage
};
[[nodiscard]] std::string to_text(const StoreReport& report);
[[nodiscard]] std::string to_json(const StoreReport& report);

}  // namespace deformer::tools
