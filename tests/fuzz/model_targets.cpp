// Configurations and weights.
#include <array>
#include <vector>

#include "architecture/config.h"
#include "format/safetensors.h"
#include "format/shard_index.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/input_files.h"

namespace deformer::fuzz {
namespace {

void read_safetensors(Input input) {
  const SafetensorsFile file = SafetensorsFile::open(write_file("model.safetensors", input));
  // Every byte that a tensor claims is there.
  std::vector<std::byte> copy;
  for (const TensorView& tensor : file.tensors()) {
    copy.assign(tensor.bytes.begin(), tensor.bytes.end());
  }
}

void read_index(Input input) {
  const auto path = write_file("model.safetensors.index.json", input);
  const WeightMap map = read_shard_index(path);
  (void)shard_paths(path, map);
}

void read_config(Input input) {
  (void)read_model_config(write_files(input, {"config.json"}));
}

}  // namespace

std::span<const Target> model_targets() {
  static constexpr std::array kTargets{
      Target{"safetensors", read_safetensors},
      Target{"shard_index", read_index},
      Target{"config", read_config},
  };
  return kTargets;
}

}  // namespace deformer::fuzz
