#include "format/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "base/quote.h"
#include "base/stand_in.h"
#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

struct DtypeTraits {
  Dtype dtype;
  std::string_view name;
  std::size_t bits;  // 0: not known
};
constexpr std::array<DtypeTraits, 21> kDtypes{{{Dtype::kBool, "BOOL", 8},
                                               {Dtype::kF4, "F4", 4},
                                               {Dtype::kF6E2M3, "F6_E2M3", 6},
                                               {Dtype::kF6E3M2, "F6_E3M2", 6},
                                               {Dtype::kU8, "U8", 8},
                                               {Dtype::kI8, "I8", 8},
                                               {Dtype::kF8E5M2, "F8_E5M2", 8},
                                               {Dtype::kF8E4M3, "F8_E4M3", 8},
                                               {Dtype::kF8E8M0, "F8_E8M0", 8},
                                               {Dtype::kI16, "I16", 16},
                                               {Dtype::kU16, "U16", 16},
                                               {Dtype::kF16, "F16", 16},
                                               {Dtype::kBf16, "BF16", 16},
                                               {Dtype::kI32, "I32", 32},
                                               {Dtype::kU32, "U32", 32},
                                               {Dtype::kF32, "F32", 32},
                                               {Dtype::kC64, "C64", 64},
                                               {Dtype::kF64, "F64", 64},
                                               {Dtype::kI64, "I64", 64},
                                               {Dtype::kU64, "U64", 64},
                                               {Dtype::kUnknown, "an unknown type", 0}}};

const DtypeTraits& traits(Dtype dtype) noexcept {
  return kDtypes[static_cast<std::size_t>(dtype)];
}

[[noreturn]] void corrupt(const std::string& where, const std::string& expected,
                          const std::string& found) {
  throw Error(ErrorCode::kCorrupt, where + ": expected " + expected + ", found " + found);
}

std::string_view read_header(std::span<const std::byte> bytes, const std::string& where) {
  if (bytes.size() < kLengthBytes) {
    corrupt(where, "at least 8 bytes", std::to_string(bytes.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > SafetensorsFile::kMaxHeaderBytes) {
    corrupt(where,
            "a header of at most " + std::to_string(SafetensorsFile::kMaxHeaderBytes) + " bytes",
            std::to_string(length));
  }
  if (length > bytes.size() - kLengthBytes) {
    corrupt(where, "a header of " + std::to_string(length) + " bytes",
            std::to_string(bytes.size() - kLengthBytes) + " bytes after its length");
  }
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length};
}

// Refuses what the grammar of JSON allows but the format does not, while the text is being parsed:
// keys that occur twice (nlohmann keeps the last one) and nesting that only costs memory.
class HeaderGuard {
 public:
  explicit HeaderGuard(const std::string& where) : where_(&where) {}

  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth > kMaxDepth) corrupt(*where_, "at most 3 levels of JSON", "more");
    if (event == Event::object_start) keys_[depth].clear();
    if (event == Event::key &&
        !keys_[depth - 1].insert(parsed.get_ref<const std::string&>()).second) {
      corrupt(*where_, "names that occur once",
              in_quotes(parsed.get_ref<const std::string&>()) + " twice");
    }
    return true;
  }

 private:
  static constexpr int kMaxDepth = 2;  // {"name": {"shape": [
  const std::string* where_;
  std::array<std::set<std::string>, kMaxDepth + 1> keys_;
};

nlohmann::json parse_header(std::string_view text, const std::string& where) {
  if (!text.starts_with('{')) corrupt(where, "a header that begins with {", "another byte");
  HeaderGuard guard(where);
  try {
    return nlohmann::json::parse(
        text.begin(), text.end(),
        [&guard](int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
          return guard(depth, event, parsed);
        });
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(ErrorCode::kCorrupt,
                where + ": broken JSON at byte " + std::to_string(error.byte) + " of the header");
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kCorrupt, where + ": a number in the header is out of range");
  }
}

Metadata read_metadata(const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return {};
  const JsonPlace place(value, where + ": " + std::string(kMetadataKey));
  place.require_object();
  Metadata metadata;
  for (const auto& [key, text] : value.items()) {
    metadata.emplace(key, JsonPlace(text, place.where() + ": " + in_quotes(key)).as_string());
  }
  return metadata;
}

Dtype read_dtype(const JsonPlace& place) {
  const std::string& name = place.as_string();
  const auto known = std::find_if(kDtypes.begin(), kDtypes.end() - 1,
                                  [&](const DtypeTraits& each) { return each.name == name; });
  return known->dtype;
}

Shape read_shape(const JsonPlace& place) {
  Shape shape(place.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    shape[i] = place.at(i).as_integer();
    if (shape[i] < 0) {
      corrupt(place.at(i).where(), "a size of at least 0", std::to_string(shape[i]));
    }
  }
  return shape;
}

TensorView read_tensor(const std::string& name, const JsonPlace& place,
                       std::span<const std::byte> buffer) {
  TensorView tensor{name, read_dtype(place.at("dtype")), read_shape(place.at("shape")), {}};
  const JsonPlace offsets = place.at("data_offsets");
  if (offsets.size() != 2) {
    corrupt(offsets.where(), "2 offsets", std::to_string(offsets.size()));
  }
  const std::int64_t begin = offsets.at(std::size_t{0}).as_integer();
  const std::int64_t end = offsets.at(std::size_t{1}).as_integer();
  if (begin < 0 || end < begin || static_cast<std::uint64_t>(end) > buffer.size()) {
    corrupt(offsets.where(),
            "a range within the " + std::to_string(buffer.size()) + " bytes of the buffer",
            shape_text(std::array{begin, end}));
  }
  const auto size = static_cast<std::size_t>(end - begin);
  const auto needed = tensor_bytes(tensor.dtype, tensor.shape);
  const bool checked = tensor.dtype != Dtype::kUnknown;
  const bool too_large = traits(tensor.dtype).bits % 8 == 0 || !element_count(tensor.shape);
  if (!needed || (checked && *needed != size)) {
    corrupt(offsets.where(),
            (needed      ? std::to_string(*needed)
             : too_large ? "more than 2^64"
                         : "whole") +
                " bytes for " + to_string(tensor.dtype) + " " + shape_text(tensor.shape),
            std::to_string(size));
  }
  tensor.bytes = buffer.subspan(static_cast<std::size_t>(begin), size);
  return tensor;
}

// Gaps could hide data, overlaps could make one tensor's bytes another's.
void check_coverage(const std::vector<TensorView>& tensors, std::span<const std::byte> buffer,
                    const std::string& where) {
  std::vector<const TensorView*> order;
  order.reserve(tensors.size());
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
    return std::pair(a->bytes.data(), a->bytes.size()) <
           std::pair(b->bytes.data(), b->bytes.size());
  });
  const std::byte* position = buffer.data();
  for (const TensorView* tensor : order) {
    if (tensor->bytes.data() != position) {
      corrupt(where + ": tensor " + in_quotes(tensor->name),
              "bytes from offset " + std::to_string(position - buffer.data()),
              std::to_string(tensor->bytes.data() - buffer.data()));
    }
    position += tensor->bytes.size();
  }
  const auto covered = static_cast<std::size_t>(position - buffer.data());
  if (covered != buffer.size()) {
    corrupt(where, "a buffer of " + std::to_string(covered) + " bytes",
            std::to_string(buffer.size()));
  }
}

[[noreturn]] void refuse(const std::string& where, const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, where + ": " + message);
}

std::string json_string(const std::string& text, const std::string& where) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    refuse(where, "expected names and metadata in UTF-8");
  }
}

std::string metadata_entry(const Metadata& metadata, const std::string& where) {
  std::string text = json_string(std::string(kMetadataKey), where) + ":{";
  for (const auto& [key, value] : metadata) {
    if (!text.ends_with('{')) text += ',';
    text += json_string(key, where) + ':' + json_string(value, where);
  }
  return text + '}';
}

// The bytes before the buffer: the header's length and the header, padded with spaces so that the
// buffer begins at a multiple of 8. Adds the buffer's size to `buffer_bytes`.
std::string make_header(std::span<const TensorSpec> tensors, const Metadata& metadata,
                        const std::string& where, std::size_t& buffer_bytes) {
  std::set<std::string_view> names{kMetadataKey};
  std::string text = "{";
  if (!metadata.empty()) text += metadata_entry(metadata, where);
  for (const TensorSpec& tensor : tensors) {
    const std::string at = where + ": tensor " + in_quotes(tensor.name);
    if (!names.insert(tensor.name).second) refuse(at, "expected a new name, found a used one");
    const auto bytes = tensor_bytes(tensor.dtype, tensor.shape);
    const std::size_t begin = buffer_bytes;
    if (!bytes || __builtin_add_overflow(begin, *bytes, &buffer_bytes)) {
      refuse(at, "expected a size that a file can hold, found shape " + shape_text(tensor.shape));
    }
    if (text.size() > 1) text += ',';
    text += json_string(tensor.name, where) + R"(:{"dtype":")" + to_string(tensor.dtype) +
            R"(","shape":)" + nlohmann::json(tensor.shape).dump() + R"(,"data_offsets":[)" +
            std::to_string(begin) + ',' + std::to_string(buffer_bytes) + "]}";
  }
  text += '}';
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');
  if (text.size() > SafetensorsFile::kMaxHeaderBytes) {
    refuse(where, "expected a header of at most 100 MB, found " + std::to_string(text.size()));
  }
  const std::uint64_t length = text.size();
  std::string header(kLengthBytes, '\0');
  std::memcpy(header.data(), &length, kLengthBytes);
  return header + text;
}

}  // namespace

std::string to_string(Dtype dtype) {
  return std::string(traits(dtype).name);
}

Dtype dtype_of(SaveFormat format) noexcept {
  switch (format) {
    case SaveFormat::kFp32:
      return Dtype::kF32;
    case SaveFormat::kFp16:
      return Dtype::kF16;
    case SaveFormat::kBf16:
      return Dtype::kBf16;
    case SaveFormat::kInt8:
      return Dtype::kI8;
  }
  return Dtype::kF32;
}

std::optional<std::size_t> tensor_bytes(Dtype dtype, std::span<const std::int64_t> shape) {
  const auto elements = element_count(shape);
  std::size_t bits = 0;
  if (!elements ||
      __builtin_mul_overflow(traits(dtype).bits, static_cast<std::size_t>(*elements), &bits)) {
    return std::nullopt;
  }
  return bits % 8 == 0 ? std::optional(bits / 8) : std::nullopt;
}

std::size_t value_bytes(Dtype dtype) noexcept {
  return std::max<std::size_t>(traits(dtype).bits / 8, 1);
}

std::optional<std::int64_t> element_count(std::span<const std::int64_t> shape) {
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(elements, size, &elements)) return std::nullopt;
  }
  return elements;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + "]";
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  const std::string where = path.string();
  SafetensorsFile file;
  file.mapping_ = MappedFile::open(path);
  const std::span<const std::byte> bytes = file.mapping_->bytes();
  refuse_stand_in(bytes, where);
  const std::string_view text = read_header(bytes, where);
  const nlohmann::json header = parse_header(text, where);
  const std::span<const std::byte> buffer = bytes.subspan(kLengthBytes + text.size());
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadataKey) {
      file.metadata_ = read_metadata(entry, where);
    } else {
      const JsonPlace place(entry, where + ": tensor " + in_quotes(name));
      file.tensors_.push_back(read_tensor(name, place, buffer));
    }
  }
  check_coverage(file.tensors_, buffer, where);
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const noexcept {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorView& tensor, std::string_view key) { return tensor.name < key; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::span<const TensorSpec> tensors, const Metadata& metadata)
    : file_(path), where_(path.string()) {
  const std::string header = make_header(tensors, metadata, where_, expected_bytes_);
  file_.write(header);
}

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > expected_bytes_ - written_bytes_) {
    refuse(where_, "expected " + std::to_string(expected_bytes_) + " bytes of tensors, found more");
  }
  file_.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  written_bytes_ += bytes.size();
}

void SafetensorsWriter::commit() {
  if (written_bytes_ != expected_bytes_) {
    refuse(where_, "expected " + std::to_string(expected_bytes_) + " bytes of tensors, found " +
                       std::to_string(written_bytes_));
  }
  file_.commit();
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const Metadata& metadata) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(tensors[b].dtype, std::string_view(tensors[a].name)) <
           std::pair(tensors[a].dtype, std::string_view(tensors[b].name));
  });
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const std::size_t i : order) {
    const TensorView& tensor = tensors[i];
    if (tensor_bytes(tensor.dtype, tensor.shape) != tensor.bytes.size()) {
      refuse(path.string() + ": tensor " + in_quotes(tensor.name),
             "expected the bytes of " + to_string(tensor.dtype) + " " + shape_text(tensor.shape) +
                 ", found " + std::to_string(tensor.bytes.size()));
    }
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  SafetensorsWriter writer(path, specs, metadata);
  for (const std::size_t i : order) writer.append(tensors[i].bytes);
  writer.commit();
}

}  // namespace deformer
