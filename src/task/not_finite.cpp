#include "task/not_finite.h"

#include "deformer/error.h"
#include "deformer/model.h"
#include "model/model_access.h"

namespace deformer {

void refuse_not_finite(const Model& model, const std::string& passage_id) {
  if (const auto& place = ModelAccess::find_non_finite_weight(model)) {
    throw Error(ErrorCode::kCorrupt, *place);
  }
  const bool narrow = model.runtime().precision == Precision::kFp16;
  throw Error(ErrorCode::kCorrupt, "passage \"" + passage_id +
                                       "\": logits are not finite: the stored states hold values "
                                       "that are not numbers" +
                                       (narrow ? ", or fp16 is too narrow for this model" : ""));
}

}  // namespace deformer
