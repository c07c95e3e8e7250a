#include "convert/weight_writer.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "base/file.h"
#include "base/quote.h"
#include "convert/source_tensor.h"
#include "deformer/error.h"
#include "format/int8_tensor.h"
#include "format/safetensors.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// Written at once: large enough for the disk, small beside any model.
constexpr std::int64_t kBlockValues = std::int64_t{1} << 20;

void write_tensor(SafetensorsWriter& writer, const SourceTensor& tensor, Dtype dtype) {
  const std::int64_t rows = tensor.shape.empty() ? 1 : tensor.shape.front();
  std::int64_t row_values = 1;
  for (std::size_t i = 1; i < tensor.shape.size(); ++i) row_values *= tensor.shape[i];
  const std::int64_t step =
      std::max<std::int64_t>(1, kBlockValues / std::max<std::int64_t>(1, row_values));
  for (std::int64_t first = 0; first < rows; first += step) {
    writer.append(read_rows(tensor, first, std::min(step, rows - first), dtype));
  }
}

// A matrix in 8 bits: its values, or the scales of its rows. What is in 8 bits is copied: scaled
// anew, a row without a value of 127 would change.
void write_int8(SafetensorsWriter& writer, const SourceTensor& tensor, bool scales) {
  if (!tensor.scales.empty()) {
    return scales ? writer.append(tensor.scales) : write_tensor(writer, tensor, Dtype::kI8);
  }
  const std::string where = "tensor " + in_quotes(tensor.name);
  std::vector<float> row(static_cast<std::size_t>(tensor.shape[1]));
  std::vector<std::int8_t> values(row.size());
  for (std::int64_t i = 0; i < tensor.shape.front(); ++i) {
    const std::vector<std::byte> bytes = read_rows(tensor, i, 1, Dtype::kF32);
    std::memcpy(row.data(), bytes.data(), bytes.size());
    if (scales) {
      const float scale = int8_scale(row, where);
      writer.append(std::as_bytes(std::span(&scale, 1)));
    } else {
      quantize_row(row, where, values);
      writer.append(std::as_bytes(std::span(values)));
    }
  }
}

void write_part(SafetensorsWriter& writer, const SourceTensor& tensor, const SavedTensor& part) {
  if (part.is_scale || part.spec.dtype == Dtype::kI8) {
    write_int8(writer, tensor, part.is_scale);
  } else {
    write_tensor(writer, tensor, part.spec.dtype);
  }
}

// Whole bytes: of the types that are written.
std::int64_t bytes_of(const TensorSpec& spec) {
  return static_cast<std::int64_t>(tensor_bytes(spec.dtype, spec.shape).value());
}

using Shard = std::span<const SavedTensor>;

// In order, each as full as it gets.
std::vector<Shard> cut_into_shards(const std::vector<SavedTensor>& saved, std::int64_t most) {
  if (most == 0) return {saved};
  std::vector<Shard> shards;
  std::size_t begin = 0;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < saved.size(); ++i) {
    const std::int64_t size = bytes_of(saved[i].spec);
    if (i > begin && bytes + size > most) {
      shards.push_back(Shard(saved).subspan(begin, i - begin));
      begin = i;
      bytes = 0;
    }
    bytes += size;
  }
  shards.push_back(Shard(saved).subspan(begin));
  return shards;
}

void write_shard(const fs::path& path, Shard shard, const WeightsToWrite& what) {
  std::vector<TensorSpec> specs;
  specs.reserve(shard.size());
  for (const SavedTensor& part : shard) specs.push_back(part.spec);
  SafetensorsWriter writer(path, specs, {{"format", "pt"}});
  for (const SavedTensor& part : shard) {
    try {
      write_part(writer, what.weights[part.weight].tensor, part);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInvalidArgument) throw;
      throw Error(error.code(), what.source.path.string() + ": " + error.what());
    }
  }
  writer.commit();
}

// As Hugging Face names them: model-00001-of-00002.safetensors.
std::string shard_name(std::size_t number, std::size_t count) {
  const auto digits = [](std::size_t value) {
    std::string text = std::to_string(value);
    return std::string(5 - std::min<std::size_t>(5, text.size()), '0') + text;
  };
  return "model-" + digits(number) + "-of-" + digits(count) + ".safetensors";
}

}  // namespace

void write_weights(const fs::path& directory, const WeightsToWrite& what) {
  std::vector<TensorSpec> named;
  named.reserve(what.weights.size());
  for (const NamedWeight& weight : what.weights) {
    named.push_back({weight.name, what.dtype, weight.tensor.shape});
  }
  const std::vector<SavedTensor> saved = tensors_to_save(named, what.dtype);
  const std::vector<Shard> shards = cut_into_shards(saved, what.max_shard_bytes);
  if (shards.size() == 1) {
    write_shard(directory / "model.safetensors", shards.front(), what);
    return;
  }
  nlohmann::json weight_map = nlohmann::json::object();
  std::int64_t total = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i + 1, shards.size());
    write_shard(directory / name, shards[i], what);
    for (const SavedTensor& part : shards[i]) {
      weight_map[part.spec.name] = name;
      total += bytes_of(part.spec);
    }
  }
  const nlohmann::json index{{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  write_file(directory / "model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace deformer
