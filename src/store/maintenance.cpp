#include <algorithm>

#include "base/guard.h"
#include "base/quote.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "store/passage_check.h"
#include "store/record.h"
#include "store/store_entry.h"

namespace deformer {
namespace {

using Passages = std::vector<std::shared_ptr<const EncodedPassage>>;

void report_progress(const ProgressCallback& progress, std::size_t done, std::size_t total) {
  if (progress) wrap_thrown(progress, done, std::max(done, total));
}

// guard_entry() for an entry point that uses report_progress().
template <typename Function>
auto guard_with_progress(std::string_view where, const Function& function) {
  return unwrap_thrown([&] { return guard_entry(where, function); });
}

// Ids are short and listing may be dear; passages are large.
constexpr std::size_t kIdsOfPage = 4096;
constexpr std::size_t kScannedBatch = 64;

// Calls `visit` with successive groups of at most `group` ids, until it returns false.
template <typename Visit>
void for_each_group(const PassageStore& store, std::size_t group, Visit&& visit) {
  std::string after;
  for (bool more = true; more;) {
    const std::vector<std::string> page = store.list_ids(after, kIdsOfPage);
    more = page.size() == kIdsOfPage;
    // A store of the caller's own may list in circles.
    if (page.size() > kIdsOfPage || (more && page.back() == after)) {
      throw Error(ErrorCode::kCorrupt,
                  "store: its list of ids does not go on after " + in_quotes(after));
    }
    for (std::size_t begin = 0; begin < page.size(); begin += group) {
      const std::size_t count = std::min(group, page.size() - begin);
      if (!visit(std::span(page).subspan(begin, count))) return;
    }
    if (more) after = page.back();
  }
}

std::uint64_t vector_bytes(const HiddenStates& matrix) {
  return matrix.values.size() + matrix.scales.size_bytes();
}

void add(StoreScan& scan, const EncodedPassage& passage) {
  ++scan.passages;
  scan.windows += passage.windows.size();
  scan.tokens += passage.spans.size();
  scan.rows += passage.hidden.rows;
  scan.text_bytes += passage.text.size();
  scan.vector_bytes += vector_bytes(passage.hidden) + vector_bytes(passage.projections);
  scan.record_bytes += RecordWriter(passage).size();
  ++scan.passages_of_codec.at(static_cast<std::size_t>(passage.hidden.codec));
  if (passage.projection_hash != 0) ++scan.passages_with_projections;
}

// A store of the caller's own may return anything.
Passages get_checked(const PassageStore& store, std::span<const std::string> ids) {
  Passages passages = store.get(ids);
  check_found(ids, passages);
  return passages;
}

void scan_one(const PassageStore& store, const std::string& id, StoreScan& scan) {
  try {
    const Passages passages = get_checked(store, std::span(&id, 1));
    if (passages[0]) add(scan, *passages[0]);
  } catch (const Error& error) {
    if (!is_fault_of_record(error)) throw;
    scan.bad.push_back({id, error.what()});
  }
}

void scan_group(const PassageStore& store, std::span<const std::string> ids, StoreScan& scan) {
  Passages passages;
  try {
    passages = get_checked(store, ids);
  } catch (const Error& error) {
    if (!is_fault_of_record(error)) throw;
    for (const std::string& id : ids) scan_one(store, id, scan);
    return;
  }
  for (const auto& passage : passages) {
    if (passage) add(scan, *passage);
  }
}

// The ids that the copy has to read, given what the target holds.
std::vector<std::string> wanted(std::span<const std::string> ids, const PassageStore& target,
                                const CopyOptions& options) {
  if (options.existing == ExistingPassage::kReplace) return {ids.begin(), ids.end()};
  const auto held = target.hashes(ids);
  if (held.size() != ids.size()) {
    throw Error(ErrorCode::kCorrupt, "copy: expected the hashes of " + std::to_string(ids.size()) +
                                         " passages, found " + std::to_string(held.size()));
  }
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!held[i]) missing.push_back(ids[i]);
  }
  return missing;
}

StoreScan scan(const PassageStore& store, const ScanOptions& options) {
  if (options.max_passages == 0) store.check();
  const std::size_t total = store.size();
  StoreScan sums;
  std::size_t done = 0;
  for_each_group(store, kScannedBatch, [&](std::span<const std::string> ids) {
    if (options.max_passages > 0) {
      ids = ids.first(std::min(ids.size(), options.max_passages - done));
    }
    scan_group(store, ids, sums);
    done += ids.size();
    report_progress(options.progress, done, total);
    return options.max_passages == 0 || done < options.max_passages;
  });
  return sums;
}

CopyReport copy(const PassageStore& source, PassageStore& target, const CopyOptions& options) {
  if (&source == &target) {
    throw Error(ErrorCode::kInvalidArgument, "copy: expected two stores, found one");
  }
  if (options.batch_passages == 0) {
    throw Error(ErrorCode::kInvalidArgument, "copy: expected a batch of at least one passage");
  }
  require_fingerprint(source.fingerprint(), target.fingerprint(), "copy: " + source.info().uri);
  const std::size_t total = source.size();
  CopyReport report;
  for_each_group(source, options.batch_passages, [&](std::span<const std::string> ids) {
    const std::vector<std::string> missing = wanted(ids, target, options);
    std::vector<EncodedPassage> batch;
    for (const auto& passage : get_checked(source, missing)) {
      if (passage) batch.push_back(*passage);
    }
    if (!batch.empty()) target.put(batch);
    report.copied += batch.size();
    report.kept += ids.size() - missing.size();
    report_progress(options.progress, report.copied + report.kept, total);
    return true;
  });
  return report;
}

}  // namespace

StoreScan scan_passage_store(const PassageStore& store, const ScanOptions& options) {
  return guard_with_progress("scan", [&] { return scan(store, options); });
}

CopyReport copy_passages(const PassageStore& source, PassageStore& target,
                         const CopyOptions& options) {
  return guard_with_progress("copy", [&] { return copy(source, target, options); });
}

}  // namespace deformer
