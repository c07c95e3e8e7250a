#include "tools/store_report.h"

#include <algorithm>

#include "base/number_text.h"
#include "base/quote.h"
#include "base/table_text.h"
#include "deformer/runtime.h"
#include "tools/json_line.h"

namespace deformer::tools {
namespace {

double per(double value, std::size_t count) {
  return count == 0 ? 0 : value / static_cast<double>(count);
}

std::string rate(std::size_t count, double seconds) {
  return fixed(static_cast<double>(count) / std::max(seconds, 1e-9), 1);
}

Json codecs(const StoreScan& scan) {
  Json object = Json::object();
  for (std::size_t i = 0; i < scan.passages_of_codec.size(); ++i) {
    if (scan.passages_of_codec[i] == 0) continue;
    object[to_string(static_cast<HiddenCodec>(i))] = scan.passages_of_codec[i];
  }
  return object;
}

// Empty when the note is none of ours.
std::string noted_codec(const std::string& note) {
  const Json object = Json::parse(note, nullptr, false);
  return object.is_object() && object.contains("codec") && object["codec"].is_string()
             ? object["codec"].get<std::string>()
             : "";
}

}  // namespace

std::string to_text(const EncodeRun& run) {
  std::string text = "passages encoded: " + grouped(run.encoded) + " (" + grouped(run.tokens) +
                     " tokens) in " + fixed(run.seconds, 1) + " s";
  if (run.encoded > 0) {
    text += ", " + rate(run.encoded, run.seconds) + " passages/s, " +
            rate(run.tokens, run.seconds) + " tokens/s";
  }
  return text + "; there already: " + grouped(run.reused);
}

std::string to_json(const EncodeRun& run) {
  Json object;
  object["passages"] = run.passages;
  object["encoded"] = run.encoded;
  object["reused"] = run.reused;
  object["tokens"] = run.tokens;
  object["seconds"] = run.seconds;
  return json_line(object);
}

void note_codec(PassageStore& store, const std::string& codec, const std::string& precision,
                const Talk& talk) {
  const StoreInfo info = store.info();
  const std::string before = noted_codec(info.note);
  if (info.passages > 0 && !before.empty() && before != codec) {
    talk.note(info.uri + " was created as " + before + "; what this run writes is " + codec);
  }
  if (info.passages > 0) return;
  Json note;
  note["codec"] = codec;
  note["precision"] = precision;
  note["program"] = std::string("deformer ") + version();
  store.set_note(note.dump());
}

std::string to_text(const StoreReport& report) {
  const StoreInfo& info = report.info;
  const StoreScan& scan = report.scan;
  std::string text =
      report_line("store", info.uri + ", format version " + std::to_string(info.version));
  text += report_line("fingerprint", to_string(info.fingerprint));
  if (!info.note.empty()) text += report_line("created as", one_line(info.note));
  text += report_line("passages", grouped(info.passages));
  if (info.file_bytes) text += report_line("on disk", grouped(*info.file_bytes) + " bytes");
  text += report_line(
      report.complete ? "verified" : "read",
      grouped(scan.passages) + " passages good, " + grouped(scan.bad.size()) + " damaged");
  const Json by_codec = codecs(scan);
  for (const auto& entry : by_codec.items()) {
    text += report_line("  " + entry.key(), entry.value().dump() + " passages");
  }
  if (scan.passages_with_projections > 0) {
    text +=
        report_line("  projections", "of " + grouped(scan.passages_with_projections) + " passages");
  }
  text += report_line("  sizes", grouped(scan.windows) + " windows, " + grouped(scan.tokens) +
                                     " tokens, " + grouped(scan.rows) + " rows of states");
  text +=
      report_line("  bytes", fixed(per(static_cast<double>(scan.record_bytes), scan.rows), 1) +
                                 " a row, of which vectors " +
                                 fixed(per(static_cast<double>(scan.vector_bytes), scan.rows), 1));
  for (const BadPassage& bad : scan.bad) text += report_line("  damaged", bad.message);
  return text;
}

std::string to_json(const StoreReport& report) {
  const StoreInfo& info = report.info;
  const StoreScan& scan = report.scan;
  Json object;
  object["uri"] = info.uri;
  object["engine"] = info.engine;
  object["version"] = info.version;
  object["fingerprint"] = to_string(info.fingerprint);
  object["note"] = info.note;
  object["passages"] = info.passages;
  if (info.file_bytes) object["file_bytes"] = *info.file_bytes;
  Json& read = object["read"];
  read["complete"] = report.complete;
  read["passages"] = scan.passages;
  read["codecs"] = codecs(scan);
  read["projections"] = scan.passages_with_projections;
  read["windows"] = scan.windows;
  read["tokens"] = scan.tokens;
  read["rows"] = scan.rows;
  read["text_bytes"] = scan.text_bytes;
  read["vector_bytes"] = scan.vector_bytes;
  read["record_bytes"] = scan.record_bytes;
  read["bytes_per_row"] = per(static_cast<double>(scan.record_bytes), scan.rows);
  Json& damaged = object["damaged"] = Json::array();
  for (const BadPassage& bad : scan.bad) {
    damaged.push_back({{"id", bad.id}, {"message", bad.message}});
  }
  return json_line(object);
}

}  // namespace deformer::tools
