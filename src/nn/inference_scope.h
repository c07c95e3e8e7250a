// Inference on the calling thread, whatever the caller's own settings of LibTorch are.
#pragma once

#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace deformer::nn {

/// Nothing is recorded for a backward pass, and every tensor keeps its type: without the second,
/// products of a caller within torch.autocast would come back in 16 bits.
class InferenceScope {
 private:
  c10::InferenceMode inference_;
  c10::impl::ExcludeDispatchKeyGuard autocast_{c10::autocast_dispatch_keyset};
};

}  // namespace deformer::nn
