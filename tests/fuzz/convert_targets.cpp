// Checkpoints of other programs.
#include <array>
#include <vector>

#include "convert/pickle.h"
#include "convert/source_tensor.h"
#include "convert/table_file.h"
#include "convert/tensor_bundle.h"
#include "convert/torch_file.h"
#include "deformer/convert.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/input_files.h"

namespace deformer::fuzz {
namespace {

// Rows of every tensor, as a conversion reads them.
void read_all(const std::vector<SourceTensor>& tensors) {
  for (const SourceTensor& tensor : tensors) {
    const bool is_float = tensor.dtype == Dtype::kF32 || tensor.dtype == Dtype::kF16;
    if (!is_float || tensor.shape.empty() || tensor.shape.front() == 0) continue;
    // A small tensor may be spread wide: its last row is what lies furthest.
    (void)read_rows(tensor, tensor.shape.front() - 1, 1, tensor.dtype);
  }
}

void read_pickle(Input input) {
  (void)read_state_dict(input, "input");
}

void read_torch_file(Input input) {
  read_all(open_torch_file(write_file("pytorch_model.bin", input)));
}

void read_table_file(Input input) {
  (void)read_table(input, "input");
}

void read_bundle(Input input) {
  write_files(input, {"model.index", "model.data-00000-of-00001"});
  read_all(open_tensor_bundle(folder() / "model").tensors);
}

void convert_hugging_face(Input input) {
  write_files(input, {"config.json", "vocab.txt", "model.safetensors"});
  (void)convert_model(folder(), folder() / "converted");
}

}  // namespace

std::span<const Target> convert_targets() {
  static constexpr std::array kTargets{
      Target{"pickle", read_pickle},           Target{"torch_file", read_torch_file},
      Target{"table_file", read_table_file},   Target{"tensor_bundle", read_bundle},
      Target{"convert", convert_hugging_face},
  };
  return kTargets;
}

}  // namespace deformer::fuzz
