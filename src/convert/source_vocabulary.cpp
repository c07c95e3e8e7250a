#include "convert/source_vocabulary.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/stand_in.h"
#include "convert/checkpoint_source.h"
#include "deformer/error.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenizerConfig = "tokenizer_config.json";

std::vector<fs::path> directories(const CheckpointSource& source) {
  return {source.directory, (source.directory / "..").lexically_normal()};
}

// Absent where neither directory has the file.
std::optional<fs::path> find_beside(const CheckpointSource& source, const char* name) {
  for (const fs::path& directory : directories(source)) {
    if (is_there(directory / name)) return directory / name;
  }
  return std::nullopt;
}

SourceVocabulary make(const fs::path& file, const VocabularyFile& kind) {
  SourceVocabulary found{file, kind.name, {}, "", {}};
  if (kind.companion == nullptr) return found;
  found.companion = file.parent_path() / kind.companion;
  if (is_there(found.companion)) return found;
  throw Error(ErrorCode::kNotFound,
              file.string() + ": expected " + kind.companion + " beside it, found no such file");
}

// What a file that was given is, by the end of its name; the first kind where that tells nothing.
const VocabularyFile& kind_of(const fs::path& file, std::span<const VocabularyFile> known) {
  for (const VocabularyFile& kind : known) {
    if (file.filename() == kind.file) return kind;
  }
  for (const VocabularyFile& kind : known) {
    if (file.extension() == fs::path(kind.file).extension()) return kind;
  }
  return known.front();
}

SourceVocabulary find_file(const CheckpointSource& source, const Architecture& architecture,
                           const fs::path& given) {
  const std::span<const VocabularyFile> known = architecture.vocabularies;
  if (!given.empty()) {
    if (is_there(given)) return make(given, kind_of(given, known));
    throw Error(ErrorCode::kNotFound, given.string() + ": expected a vocabulary (" +
                                          known.front().name + "), found no such file");
  }
  std::string files;
  for (const VocabularyFile& kind : known) {
    if (const auto found = find_beside(source, kind.file)) return make(*found, kind);
    files += (files.empty() ? "" : " or ") + std::string(kind.file);
  }
  throw Error(ErrorCode::kNotFound,
              source.directory.string() + ": expected " + files +
                  " there or in the directory above (or --vocabulary FILE), found none");
}

// Published directories tell it by name: uncased_L-12_H-768_A-12, xlnet_cased_L-12_H-768_A-12.
std::optional<bool> lower_case_by_name(const CheckpointSource& source) {
  std::error_code error;
  const fs::path directory = fs::weakly_canonical(source.directory, error);
  if (error) return std::nullopt;
  for (const fs::path& path : {directory, directory.parent_path()}) {
    const std::string name = path.filename().string();
    if (name.find("uncased") != std::string::npos) return true;
    if (name.find("cased") != std::string::npos) return false;
  }
  return std::nullopt;
}

bool is_lower_case(const CheckpointSource& source, const SourceConfig& config,
                   const ConvertOptions& options) {
  if (options.lower_case) return *options.lower_case;
  if (config.lower_case) return *config.lower_case;
  if (const auto named = lower_case_by_name(source)) return *named;
  return architecture_of(config.config).lower_case;
}

// Options belong to a vocabulary: those beside one that was given come first, else those of the
// checkpoint. The checkpoint's place where neither is there.
fs::path find_options(const CheckpointSource& source, const fs::path& vocabulary, bool is_given) {
  const fs::path own = source.directory / kTokenizerConfig;
  const fs::path beside = vocabulary.parent_path() / kTokenizerConfig;
  const fs::path& first = is_given ? beside : own;
  const fs::path& second = is_given ? own : beside;
  if (is_there(first)) return first;
  return is_there(second) ? second : own;
}

}  // namespace

SourceVocabulary find_vocabulary(const CheckpointSource& source, const SourceConfig& config,
                                 const ConvertOptions& options) {
  SourceVocabulary found = find_file(source, architecture_of(config.config), options.vocabulary);
  const fs::path kept = find_options(source, found.file, !options.vocabulary.empty());
  found.tokenizer_config_file = kept;
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (is_there(kept)) {
    found.tokenizer_config = read_file(kept, kMaxConfigBytes);
    refuse_stand_in(found.tokenizer_config, kept.string());
    const nlohmann::json document = parse_json(found.tokenizer_config, kept.string());
    JsonPlace(document, kept.string()).require_object();
    if (!options.lower_case) return found;
    root = nlohmann::ordered_json::parse(found.tokenizer_config);
  }
  // tokenizer.json says it itself; what is asked for must agree.
  if (found.name != "tokenizer.json" || options.lower_case) {
    root["do_lower_case"] = is_lower_case(source, config, options);
  }
  found.tokenizer_config = root.dump(2) + "\n";
  return found;
}

}  // namespace deformer
