#include "format/shard_index.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "format/name_list.h"

namespace deformer {
namespace {

namespace fs = std::filesystem;

using ShardNames = std::map<std::string, std::set<std::string>>;

void check_shard_name(const JsonPlace& place) {
  const fs::path name(place.as_string());
  if (name.empty() || name != name.filename() || name == "." || name == "..") {
    throw Error(ErrorCode::kCorrupt, place.where() + ": expected the name of a file beside the " +
                                         "index, found " + in_quotes(place.as_string()));
  }
}

NameList absent_from_shards(const WeightMap& weight_map, const ShardNames& names) {
  NameList absent;
  for (const auto& [name, shard] : weight_map) {
    if (!names.at(shard).contains(name)) absent.add(name, " in " + shard);
  }
  return absent;
}

NameList not_mapped(const WeightMap& weight_map, const ShardNames& names) {
  NameList extra;
  for (const auto& [shard, tensors] : names) {
    for (const std::string& name : tensors) {
      const auto mapped = weight_map.find(name);
      const bool named = mapped != weight_map.end() && mapped->second == shard;
      if (!named) extra.add(name, " in " + shard);
    }
  }
  return extra;
}

}  // namespace

WeightMap read_shard_index(const fs::path& index) {
  const nlohmann::json document = load_json(index);
  const JsonPlace root(document, index.string());
  const JsonPlace entries = root.at("weight_map");
  entries.require_object();
  WeightMap weight_map;
  for (const auto& [name, shard] : entries.value().items()) {
    const JsonPlace place(shard, entries.where() + ": " + in_quotes(name));
    check_shard_name(place);
    weight_map.emplace(name, place.as_string());
  }
  return weight_map;
}

std::map<std::string, fs::path> shard_paths(const fs::path& index, const WeightMap& weight_map) {
  std::map<std::string, fs::path> paths;
  for (const auto& [name, shard] : weight_map) {
    if (paths.contains(shard)) continue;
    const fs::path path = index.parent_path() / shard;
    if (!is_there(path)) {
      throw Error(ErrorCode::kNotFound, index.string() + ": expected shard " + path.string() +
                                            " (tensor " + in_quotes(name) +
                                            " is mapped to it), found no such file");
    }
    paths.emplace(shard, path);
  }
  return paths;
}

void check_shards(const fs::path& index, const WeightMap& weight_map, const ShardNames& names) {
  const std::string problems = join_problems(
      {absent_from_shards(weight_map, names).text("absent from their shards"),
       not_mapped(weight_map, names).text("in a shard that weight_map does not name")});
  if (problems.empty()) return;
  throw Error(ErrorCode::kIncompatible,
              index.string() + ": expected weight_map and shards to agree, found " + problems);
}

}  // namespace deformer
