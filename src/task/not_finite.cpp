#include "task/not_finite.h"

#include "base/quote.h"
#include "deformer/error.h"
#include "deformer/model.h"
#include "model/model_access.h"

namespace deformer {

void refuse_not_finite(const Model& model, const std::string& passage_id, StatesOrigin origin) {
  if (const auto& place = ModelAccess::find_non_finite_weight(model)) {
    throw Error(ErrorCode::kCorrupt, *place);
  }
  const bool stored = origin == StatesOrigin::kStored;
  throw Error(ErrorCode::kCorrupt, "passage " + in_quotes(passage_id) +
                                       ": expected finite numbers from the layers, found others: " +
                                       (stored ? "its stored states are not numbers, or " : "") +
                                       "the weights are too large for the arithmetic (" +
                                       to_string(model.runtime().precision) + ")");
}

}  // namespace deformer
