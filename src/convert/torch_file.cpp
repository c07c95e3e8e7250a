#include "convert/torch_file.h"

#include <array>
#include <cstring>
#include <set>
#include <string_view>

#include "base/mapped_file.h"
#include "base/quote.h"
#include "base/stand_in.h"
#include "convert/pickle.h"
#include "convert/zip_archive.h"
#include "deformer/error.h"

namespace deformer {
namespace {

constexpr std::string_view kPickle = "/data.pkl";
// A large model's has 200 KB.
constexpr std::size_t kMaxPickleBytes = std::size_t{64} << 20;

// All records lie in one folder of the archive, whose name is that of the file as it was saved.
std::string folder_of(const ZipArchive& archive, const std::string& where) {
  std::string folder;
  for (const auto& [name, record] : archive.records()) {
    const bool inner = name.find('/') != name.rfind('/');
    if (!name.ends_with(kPickle) || inner) continue;
    if (!folder.empty()) {
      throw Error(ErrorCode::kCorrupt, where + ": expected one data.pkl, found " +
                                           in_quotes(folder + std::string(kPickle)) + " and " +
                                           in_quotes(name));
    }
    folder = name.substr(0, name.size() - kPickle.size());
  }
  if (folder.empty()) {
    throw Error(ErrorCode::kUnsupported,
                where + ": expected an archive of torch.save with a data.pkl, found none");
  }
  if (archive.records().contains(folder + "/constants.pkl")) {
    throw Error(ErrorCode::kUnsupported,
                where + ": expected a dictionary of tensors, found a TorchScript program");
  }
  return folder;
}

void require_little_endian(const ZipArchive& archive, const std::string& folder,
                           const std::string& where) {
  const auto record = archive.records().find(folder + "/byteorder");
  if (record == archive.records().end()) return;  // before PyTorch 2.1
  const auto bytes = record->second.bytes;
  const std::string_view order(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (order == "little") return;
  throw Error(ErrorCode::kUnsupported,
              where + ": expected byte order \"little\", found " + in_quotes(order));
}

class Storages {
 public:
  Storages(const ZipArchive& archive, std::string folder, const std::string& where)
      : archive_(archive), folder_(std::move(folder)), where_(where) {}

  SourceTensor view(const PickledTensor& tensor) {
    const std::string at = where_ + ": tensor " + in_quotes(tensor.name);
    const std::span<const std::byte> storage = bytes_of(tensor, at);
    const auto extent = extent_of(tensor.dtype, tensor.shape, tensor.strides);
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    const bool fits =
        extent && tensor.offset >= 0 &&
        !__builtin_mul_overflow(static_cast<std::uint64_t>(tensor.offset),
                                static_cast<std::uint64_t>(value_bytes(tensor.dtype)), &begin) &&
        !__builtin_add_overflow(begin, extent->bytes, &end) && end <= storage.size();
    if (!fits) {
      throw Error(ErrorCode::kCorrupt,
                  at + ": expected a view within its storage of " + std::to_string(storage.size()) +
                      " bytes, found " + to_string(tensor.dtype) + " " + shape_text(tensor.shape) +
                      " with strides " + shape_text(tensor.strides) + " at " +
                      std::to_string(tensor.offset));
    }
    const auto bytes =
        storage.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(extent->bytes));
    return {tensor.name, tensor.dtype, tensor.shape, tensor.strides, bytes, archive_.mapping(), {}};
  }

 private:
  std::span<const std::byte> bytes_of(const PickledTensor& tensor, const std::string& at) {
    const std::string name = folder_ + "/data/" + tensor.storage;
    const auto record = archive_.records().find(name);
    if (record == archive_.records().end()) {
      throw Error(ErrorCode::kCorrupt,
                  at + ": expected its storage in the record " + in_quotes(name) + ", found none");
    }
    const std::span<const std::byte> bytes = record->second.bytes;
    if (bytes.size() != static_cast<std::uint64_t>(tensor.storage_bytes)) {
      throw Error(ErrorCode::kCorrupt, at + ": expected a storage of " +
                                           std::to_string(tensor.storage_bytes) + " bytes, found " +
                                           std::to_string(bytes.size()));
    }
    if (checked_.insert(name).second) check_record(name, record->second, where_);
    return bytes;
  }

  const ZipArchive& archive_;
  std::string folder_;
  const std::string& where_;
  std::set<std::string> checked_;
};

}  // namespace

bool is_legacy_torch_file(std::span<const std::byte> file) noexcept {
  // A pickle of protocol 2 that holds torch.serialization's magic number.
  constexpr std::array<unsigned char, 14> kBegin{0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c,
                                                 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  return file.size() >= kBegin.size() &&
         std::memcmp(file.data(), kBegin.data(), kBegin.size()) == 0;
}

std::vector<SourceTensor> open_torch_file(const std::filesystem::path& path) {
  const std::string where = path.string();
  const auto file = MappedFile::open(path);
  refuse_stand_in(file->bytes(), where);
  if (is_legacy_torch_file(file->bytes())) {
    throw Error(ErrorCode::kUnsupported,
                where + ": expected an archive (torch.save since PyTorch 1.6), found the older " +
                    "form: load it with PyTorch and save it again, best as safetensors");
  }
  const ZipArchive archive = ZipArchive::open(path);
  const std::string folder = folder_of(archive, where);
  require_little_endian(archive, folder, where);
  const std::string name = folder + std::string(kPickle);
  const ZipArchive::Record& pickle = archive.records().at(name);
  if (pickle.bytes.size() > kMaxPickleBytes) {
    throw Error(ErrorCode::kUnsupported, where + ": expected a pickle of at most " +
                                             std::to_string(kMaxPickleBytes) + " bytes, found " +
                                             std::to_string(pickle.bytes.size()));
  }
  check_record(name, pickle, where);
  Storages storages(archive, folder, where);
  std::vector<SourceTensor> tensors;
  for (const PickledTensor& tensor : read_state_dict(pickle.bytes, where)) {
    tensors.push_back(storages.view(tensor));
  }
  return tensors;
}

}  // namespace deformer
