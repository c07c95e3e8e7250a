#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/number_text.h"
#include "base/shown_uri.h"
#include "deformer/passage_store.h"
#include "tools/failure.h"
#include "tools/input.h"
#include "tools/json_line.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/store_view.h"
#include "tools/talk.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr std::size_t kEraseBatch = 1024;

constexpr const char* kStoreFooter = R"(Examples:
  deformer store merge lmdb:shard-1 lmdb:shard-2 --into lmdb:passages
  deformer store export lmdb:passages redis://localhost:6379/wiki
  deformer store rm lmdb:passages --id p17 --id p18

All stores of a merge or export belong to one model: another fingerprint is refused.)";

struct StoreVerbOptions {
  std::vector<std::string> sources;  // merge
  std::string source;                // export
  std::string target;                // merge, export; the store itself for rm
  bool keep = false;
  std::vector<std::string> ids;
  std::string ids_file;
  bool all = false;
  bool json = false;
  bool quiet = false;
};

bool is_same_store(const std::string& a, const std::string& b) {
  const std::string in_a = lmdb_directory(a);
  const std::string in_b = lmdb_directory(b);
  return in_a.empty() || in_b.empty() ? a == b : is_same_place(in_a, in_b);
}

// Before the first is copied, which may take hours.
void require_sources(const std::vector<std::string>& sources, const std::string& target) {
  std::optional<Fingerprint> first;
  for (const std::string& uri : sources) {
    if (is_same_store(uri, target)) {
      throw invalid("store: expected another target than the sources, found " + shown_uri(target));
    }
    const Fingerprint found = open_existing_passage_store(uri)->fingerprint();
    if (!first) first = found;
    if (*first == found) continue;
    throw Error(ErrorCode::kIncompatible,
                shown_uri(uri) + ": expected fingerprint " + to_string(*first) + " as in " +
                    shown_uri(sources.front()) + ", found " + to_string(found));
  }
}

// The target is made when absent; it belongs to the model of the first source.
CopyReport copy_all(const std::vector<std::string>& sources, const StoreVerbOptions& options) {
  require_lasting_store(options.target, "store");
  require_sources(sources, options.target);
  CopyReport sum;
  std::shared_ptr<PassageStore> target;
  for (const std::string& uri : sources) {
    const auto source = open_existing_passage_store(uri);
    if (!target) {
      target = open_passage_store(options.target, source->fingerprint());
      if (target->size() == 0) target->set_note(source->info().note);
    }
    Progress progress(Talk(options.quiet), "copy " + shown_uri(uri), "passages", source->size());
    CopyOptions copy;
    copy.existing = options.keep ? ExistingPassage::kKeep : ExistingPassage::kReplace;
    copy.progress = [&](std::size_t done, std::size_t) { progress.update(done); };
    const CopyReport report = copy_passages(*source, *target, copy);
    sum.copied += report.copied;
    sum.kept += report.kept;
  }
  return sum;
}

void run_copy(const std::vector<std::string>& sources, const StoreVerbOptions& options) {
  Output output("-");
  const CopyReport report = copy_all(sources, options);
  Talk(options.quiet)
      .note("passages copied to " + shown_uri(options.target) + ": " + grouped(report.copied) +
            ", kept there: " + grouped(report.kept));
  if (options.json) output.write(json_line({{"copied", report.copied}, {"kept", report.kept}}));
  output.commit();
}

std::size_t erase_all(PassageStore& store, const Talk& talk) {
  Progress progress(talk, "rm", "passages", store.size());
  std::size_t erased = 0;
  while (true) {
    const auto ids = store.list_ids("", kEraseBatch);
    if (ids.empty()) return erased;
    erased += store.erase(ids);
    progress.update(erased);
  }
}

// All of them before the first is erased: a list that cannot be read leaves the store as it was.
std::vector<std::string> listed_ids(const StoreVerbOptions& options) {
  std::vector<std::string> ids = options.ids;
  if (options.ids_file.empty()) return ids;
  LineReader lines(options.ids_file);
  for (auto batch = lines.next_batch(kEraseBatch); !batch.empty();
       batch = lines.next_batch(kEraseBatch)) {
    for (LineReader::Line& line : batch) {
      require_whole(line, lines.input().name() + ": line " + std::to_string(line.number));
      if (line.text.ends_with('\r')) line.text.pop_back();
      if (!line.text.empty()) ids.push_back(std::move(line.text));
    }
  }
  return ids;
}

std::size_t erase_listed(PassageStore& store, std::span<const std::string> ids) {
  std::size_t erased = 0;
  for (std::size_t begin = 0; begin < ids.size(); begin += kEraseBatch) {
    erased += store.erase(ids.subspan(begin, std::min(kEraseBatch, ids.size() - begin)));
  }
  return erased;
}

void run_rm(const StoreVerbOptions& options) {
  if (!options.all && options.ids.empty() && options.ids_file.empty()) {
    throw invalid("store rm: expected --id, --ids-from or --all, found none");
  }
  const Talk talk(options.quiet);
  Output output("-");
  const std::vector<std::string> ids = listed_ids(options);
  const auto store = open_existing_passage_store(options.target);
  const std::size_t erased = options.all ? erase_all(*store, talk) : erase_listed(*store, ids);
  talk.note("passages removed: " + grouped(erased) + ", left: " + grouped(store->size()));
  if (options.json) output.write(json_line({{"removed", erased}, {"left", store->size()}}));
  output.commit();
}

void add_common(CLI::App& verb, StoreVerbOptions& options) {
  OptionGroup group(verb);
  group.flag("--json", options.json, "Print the summary as JSON on stdout");
  group.flag("--quiet", options.quiet, "No progress and no notes on stderr");
  verb.footer(kStoreFooter);
}

void add_copies(CLI::App& merge, CLI::App& copy, StoreVerbOptions& options) {
  OptionGroup merged(merge);
  merged.text("SOURCE", options.sources, "", "Stores to copy from")->required();
  merged.text("--into", options.target, "URI", "Store to copy to; made when absent")->required();
  OptionGroup copied(copy);
  copied.text("SOURCE", options.source, "", "Store to copy from")->required();
  copied.text("TARGET", options.target, "", "Store to copy to; made when absent")->required();
  for (CLI::App* const command : {&merge, &copy}) {
    OptionGroup(*command).flag("--keep", options.keep,
                               "Keep passages of the target, do not replace them");
    add_common(*command, options);
  }
}

void add_removal(CLI::App& remove, StoreVerbOptions& options) {
  OptionGroup group(remove);
  group.text("STORE", options.target, "", "The store")->required();
  group.repeated("--id", options.ids, "ID", "A passage; may be repeated");
  group.place("--ids-from", options.ids_file, "FILE", "Passages, an id a line; - = stdin");
  group.flag("--all", options.all, "All passages")->excludes("--id")->excludes("--ids-from");
  add_common(remove, options);
}

}  // namespace

Verb add_store(CLI::App& app) {
  CLI::App* const verb =
      app.add_subcommand("store", "Look after passage stores: merge, export, rm");
  const auto options = std::make_shared<StoreVerbOptions>();
  verb->require_subcommand(1);
  verb->footer(kStoreFooter);
  CLI::App* const merge =
      verb->add_subcommand("merge", "Copy all passages of several stores into one");
  CLI::App* const copy = verb->add_subcommand("export", "Copy a store, also to another engine");
  CLI::App* const remove = verb->add_subcommand("rm", "Remove passages");
  add_copies(*merge, *copy, *options);
  add_removal(*remove, *options);
  return {verb, [options, merge, remove] {
            if (remove->parsed()) {
              run_rm(*options);
            } else if (merge->parsed()) {
              run_copy(options->sources, *options);
            } else {
              run_copy({options->source}, *options);
            }
            return kExitOk;
          }};
}

}  // namespace deformer::tools
