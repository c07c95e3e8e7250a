#include "train/run_file.h"

#include "deformer/error.h"

namespace deformer {
namespace {

constexpr const char* kFormatKey = "format";
constexpr const char* kVersionKey = "version";

}  // namespace

RunFile::RunFile(const std::filesystem::path& path, const RunFileKind& kind)
    : where_(path.string()), kind_(kind), file_(SafetensorsFile::open(path)) {
  if (value(kFormatKey) == kind.format && value(kVersionKey) == kind.version) return;
  throw Error(ErrorCode::kIncompatible, where_ + ": expected " + kind.name + " of version " +
                                            kind.version + ", found another format or version");
}

const std::string& RunFile::value(const char* key) const {
  const auto found = file_.metadata().find(key);
  if (found != file_.metadata().end()) return found->second;
  throw Error(ErrorCode::kIncompatible,
              where_ + ": expected " + kind_.name + ", found a file without \"" + key + "\"");
}

Metadata metadata_of(const RunFileKind& kind) {
  return {{kFormatKey, kind.format}, {kVersionKey, kind.version}};
}

}  // namespace deformer
