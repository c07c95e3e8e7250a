#include "convert/tensor_bundle.h"

#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "base/file.h"
#include "base/mapped_file.h"
#include "base/quote.h"
#include "base/stand_in.h"
#include "convert/byte_reader.h"
#include "convert/crc.h"
#include "convert/table_file.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

// Messages of tensorflow/core/protobuf/tensor_bundle.proto and of the files that it includes.
enum HeaderField : std::uint32_t { kNumShards = 1, kEndianness = 2, kVersion = 3 };
enum EntryField : std::uint32_t {
  kDtype = 1,
  kShape = 2,
  kShardId = 3,
  kOffset = 4,
  kSize = 5,
  kCrc32c = 6,
  kSlices = 7
};
constexpr std::uint32_t kMinConsumer = 2;  // of VersionDef
constexpr std::uint64_t kOurVersion = 1;   // kTensorBundleVersion
constexpr std::uint32_t kShapeDim = 2;
constexpr std::uint32_t kDimSize = 1;
// Written for tf.train.Checkpoint and Keras, whose names are places in a graph of objects.
constexpr std::string_view kObjectGraph = "_CHECKPOINTABLE_OBJECT_GRAPH";
constexpr std::uint64_t kMaxShards = 99999;  // what the file names have room for

// One field of a message. `number` holds the value of every type but the length-delimited one.
struct Field {
  std::uint32_t id = 0;
  std::uint64_t number = 0;
  std::span<const std::byte> bytes;
};

Field read_field(ByteReader& reader) {
  const std::uint64_t tag = reader.varint();
  Field field;
  field.id = static_cast<std::uint32_t>(tag >> 3);
  switch (tag & 7U) {
    case 0:
      field.number = reader.varint();
      break;
    case 1:
      field.number = reader.fixed<std::uint64_t>();
      break;
    case 2:
      field.bytes = reader.take(reader.varint());
      break;
    case 5:
      field.number = reader.fixed<std::uint32_t>();
      break;
    default:
      reader.fail("a field of a known wire type", std::to_string(tag & 7U));
  }
  return field;
}

struct NumberType {
  std::uint64_t code;  // of tensorflow/core/framework/types.proto
  std::string_view name;
  std::optional<Dtype> dtype;
};
constexpr std::array<NumberType, 14> kNumberTypes{{{1, "float", Dtype::kF32},
                                                   {2, "double", Dtype::kF64},
                                                   {3, "int32", Dtype::kI32},
                                                   {4, "uint8", Dtype::kU8},
                                                   {5, "int16", Dtype::kI16},
                                                   {6, "int8", Dtype::kI8},
                                                   {7, "string", std::nullopt},
                                                   {8, "complex64", std::nullopt},
                                                   {9, "int64", Dtype::kI64},
                                                   {10, "bool", Dtype::kBool},
                                                   {14, "bfloat16", Dtype::kBf16},
                                                   {19, "half", Dtype::kF16},
                                                   {22, "uint32", std::nullopt},
                                                   {23, "uint64", std::nullopt}}};

NumberType number_type(std::uint64_t code) {
  for (const NumberType& known : kNumberTypes) {
    if (known.code == code) return known;
  }
  return {code, "", std::nullopt};
}

void check_version(std::span<const std::byte> bytes, const std::string& where) {
  ByteReader reader(bytes, where + ": header");
  while (reader.remaining() > 0) {
    const Field part = read_field(reader);
    if (part.id != kMinConsumer || part.number <= kOurVersion) continue;
    throw Error(ErrorCode::kUnsupported,
                where + ": expected a checkpoint for readers of version 1, found version " +
                    std::to_string(part.number));
  }
}

std::uint64_t read_header(std::span<const std::byte> bytes, const std::string& where) {
  ByteReader reader(bytes, where + ": header");
  std::uint64_t shards = 0;
  while (reader.remaining() > 0) {
    const Field field = read_field(reader);
    if (field.id == kNumShards) shards = field.number;
    if (field.id == kEndianness && field.number != 0) {
      throw Error(ErrorCode::kUnsupported,
                  where + ": expected little-endian tensors, found big-endian ones");
    }
    if (field.id == kVersion) check_version(field.bytes, where);
  }
  if (shards < 1 || shards > kMaxShards) {
    reader.fail("1 to 99999 shards", std::to_string(shards));
  }
  return shards;
}

Shape read_shape(std::span<const std::byte> bytes, const std::string& where) {
  ByteReader reader(bytes, where);
  Shape shape;
  while (reader.remaining() > 0) {
    const Field dimension = read_field(reader);
    if (dimension.id != kShapeDim) continue;
    ByteReader parts(dimension.bytes, where);
    shape.push_back(0);
    while (parts.remaining() > 0) {
      const Field part = read_field(parts);
      if (part.id == kDimSize) shape.back() = static_cast<std::int64_t>(part.number);
    }
  }
  return shape;
}

struct Entry {
  std::uint64_t dtype = 0;
  Shape shape;
  std::uint64_t shard = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;  // masked
};

Entry read_entry(const TableEntry& stored, const std::string& where) {
  ByteReader reader(stored.value, where);
  Entry entry;
  while (reader.remaining() > 0) {
    const Field field = read_field(reader);
    switch (field.id) {
      case kDtype:
        entry.dtype = field.number;
        break;
      case kShape:
        entry.shape = read_shape(field.bytes, where);
        break;
      case kShardId:
        entry.shard = field.number;
        break;
      case kOffset:
        entry.offset = field.number;
        break;
      case kSize:
        entry.size = field.number;
        break;
      case kCrc32c:
        entry.crc32c = static_cast<std::uint32_t>(field.number);
        break;
      case kSlices:
        throw Error(ErrorCode::kUnsupported,
                    where + ": expected a variable in one piece, found a partitioned one");
      default:
        break;
    }
  }
  return entry;
}

// Undoes masked_crc().
std::uint32_t unmasked(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xa282ead8U;
  return (rotated >> 17) | (rotated << 15);
}

class Shards {
 public:
  Shards(fs::path prefix, std::uint64_t count) : prefix_(std::move(prefix)), count_(count) {}

  // Mapped when a tensor asks for it.
  const std::shared_ptr<const MappedFile>& at(std::uint64_t index, const std::string& where) {
    if (index >= count_) {
      throw Error(ErrorCode::kCorrupt, where + ": expected a shard below " +
                                           std::to_string(count_) + ", found " +
                                           std::to_string(index));
    }
    auto& shard = open_[index];
    if (!shard) shard = open(path(index), where);
    return shard;
  }

  [[nodiscard]] fs::path path(std::uint64_t index) const {
    std::array<char, 64> suffix{};
    std::snprintf(suffix.data(), suffix.size(), ".data-%05llu-of-%05llu",
                  static_cast<unsigned long long>(index), static_cast<unsigned long long>(count_));
    return prefix_.string() + suffix.data();
  }

 private:
  static std::shared_ptr<const MappedFile> open(const fs::path& path, const std::string& where) {
    if (is_there(path)) {
      auto shard = MappedFile::open(path);
      refuse_stand_in(shard->bytes(), path.string());
      return shard;
    }
    throw Error(ErrorCode::kNotFound,
                where + ": expected its shard " + path.string() + ", found no such file");
  }

  fs::path prefix_;
  std::uint64_t count_;
  std::map<std::uint64_t, std::shared_ptr<const MappedFile>> open_;
};

SourceTensor make_tensor(const std::string& name, const Entry& entry, Dtype dtype,
                         const std::shared_ptr<const MappedFile>& shard, const std::string& where) {
  const Shape strides = row_major_strides(entry.shape);
  const auto extent = extent_of(dtype, entry.shape, strides);
  if (!extent || extent->bytes != entry.size) {
    throw Error(ErrorCode::kCorrupt, where + ": expected the bytes of " + to_string(dtype) + " " +
                                         shape_text(entry.shape) + ", found " +
                                         std::to_string(entry.size));
  }
  const std::span<const std::byte> bytes = shard->bytes();
  if (entry.offset > bytes.size() || entry.size > bytes.size() - entry.offset) {
    throw Error(ErrorCode::kCorrupt, where + ": expected bytes within a shard of " +
                                         std::to_string(bytes.size()) + ", found " +
                                         std::to_string(entry.size) + " at " +
                                         std::to_string(entry.offset));
  }
  return {
      name,
      dtype,
      entry.shape,
      strides,
      bytes.subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.size)),
      shard,
      unmasked(entry.crc32c)};
}

}  // namespace

TensorBundle open_tensor_bundle(const fs::path& prefix) {
  const std::string where = prefix.string() + ".index";
  const auto index = MappedFile::open(where);
  refuse_stand_in(index->bytes(), where);
  const std::vector<TableEntry> entries = read_table(index->bytes(), where);
  if (entries.empty() || !entries.front().key.empty()) {
    throw Error(ErrorCode::kCorrupt,
                where + ": expected the header of a checkpoint under the empty key, found none");
  }
  Shards shards(prefix, read_header(entries.front().value, where));
  TensorBundle bundle;
  for (const TableEntry& stored : std::span(entries).subspan(1)) {
    if (stored.key == kObjectGraph) {
      throw Error(ErrorCode::kUnsupported,
                  where +
                      ": expected variables by name (TensorFlow 1), found the object graph of " +
                      "TensorFlow 2");
    }
    const std::string at = where + ": tensor " + in_quotes(stored.key);
    const Entry entry = read_entry(stored, at);
    const NumberType type = number_type(entry.dtype);
    if (!type.dtype) {
      bundle.others.push_back(
          {stored.key, type.name.empty() ? std::to_string(entry.dtype) : std::string(type.name)});
      continue;
    }
    bundle.tensors.push_back(
        make_tensor(stored.key, entry, *type.dtype, shards.at(entry.shard, at), at));
  }
  return bundle;
}

}  // namespace deformer
