#include "task/not_finite.h"

#include "deformer/error.h"
#include "deformer/model.h"
#include "model/model_access.h"

namespace deformer {

void refuse_not_finite(const Model& model, const std::string& passage_id) {
  if (const auto place = ModelAccess::find_non_finite_weight(model)) {
    throw Error(ErrorCode::kCorrupt, *place);
  }
  throw Error(ErrorCode::kCorrupt, "passage \"" + passage_id +
                                       "\": logits are not finite: the weights or the stored "
                                       "states hold values that are not numbers");
}

}  // namespace deformer
