#include "deformer/passage_store.h"

#include "base/hash.h"

namespace deformer {

std::string content_id(std::string_view text) {
  const Hash128 digest = Hasher().add(text).digest128();
  return to_string(Fingerprint{digest.high, digest.low});
}

}  // namespace deformer
