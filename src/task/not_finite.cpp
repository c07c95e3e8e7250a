#include "task/not_finite.h"

#include "deformer/error.h"
#include "deformer/model.h"

namespace deformer {

void refuse_not_finite(const Model& model, const std::string& passage_id) {
  if (const auto place = model.find_non_finite_weight()) {
    throw Error(ErrorCode::kCorrupt, *place);
  }
  throw Error(ErrorCode::kCorrupt, "passage \"" + passage_id +
                                       "\": logits are not finite: the weights or the stored "
                                       "states hold values that are not numbers");
}

}  // namespace deformer
