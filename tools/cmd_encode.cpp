#include <memory>
#include <string>

#include "base/stopwatch.h"
#include "deformer/passage_encoder.h"
#include "tools/failure.h"
#include "tools/model_options.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/passage_reader.h"
#include "tools/store_report.h"
#include "tools/store_view.h"
#include "tools/talk.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

// Passages in memory at a time. Each batch of --batch-tokens is committed on its own.
constexpr std::size_t kChunkPassages = 512;

constexpr const char* kEncodeFooter = R"(Examples:
  deformer encode --model DIR --store lmdb:passages --squad dev-v1.1.json
  deformer encode --model DIR --store lmdb:passages --jsonl articles.jsonl --codec fp16
  deformer encode --model DIR --store lmdb:premises --task mnli --data dev_matched.tsv
  deformer encode --model DIR --store redis://localhost/wiki --text-dir articles/ --shard 2/8

Every batch is committed when it is done. A run that was stopped, whatever stopped it, is continued
by the same command: passages that the store holds with the same text are not encoded again,
unless --projections asks for what they lack.
Lines of --jsonl are {"id": "...", "text": "..."}. A passage without an id, and every passage of a
SQuAD file or of --data, is known by the hash of its text. A model of classes or choices reads
one window of a passage, and its store is its own.)";

struct EncodeVerbOptions {
  ModelOptions model;
  std::string store;
  std::string squad;
  std::string jsonl;
  std::string text_dir;
  std::string data;
  EncodeOptions encode;
  Shard shard;
  bool resume = false;
  bool json = false;
  bool quiet = false;
};

// Every run would take what the last one wrote for texts.
void refuse_store_within(const std::string& text_dir, const std::string& store) {
  const std::string directory = lmdb_directory(store);
  if (directory.empty() || !is_within(directory, text_dir)) return;
  throw invalid("--store: expected a place outside of " + text_dir +
                ", all of which is read, found " + store);
}

PassageReader open_input(const EncodeVerbOptions& options) {
  const Shard shard = options.shard;
  if (!options.squad.empty()) return read_squad_passages(options.squad, shard);
  if (!options.jsonl.empty()) return read_jsonl_passages(options.jsonl, shard);
  if (!options.text_dir.empty()) {
    refuse_store_within(options.text_dir, options.store);
    return read_text_files(options.text_dir, shard);
  }
  if (!options.data.empty()) {
    const ModelConfig config = load_model_config(options.model.model_dir, options.model.load.task);
    if (config.task == TaskKind::kSpan) {
      throw invalid(
          "encode: --data: expected a model or a --task with classes or choices, found span "
          "(--squad reads its files)");
    }
    return read_data_passages(data_form(options.model, config, options.data), options.data, shard);
  }
  throw invalid("encode: expected one of --squad, --jsonl, --text-dir, --data, found none");
}

EncodeRun encode_all(const PassageEncoder& encoder, const EncodeVerbOptions& options,
                     const PassageReader& input) {
  const Stopwatch watch;
  Progress progress(Talk(options.quiet), "encode", "passages", input.total);
  EncodeRun run;
  EncodeOptions encode = options.encode;
  encode.progress = [&](std::size_t done, std::size_t) { progress.update(run.passages + done); };
  while (true) {
    const auto passages = input.next(kChunkPassages);
    if (passages.empty()) break;
    const EncodeReport report = encoder.encode(passages, encode);
    run.passages += report.encoded + report.reused;
    run.encoded += report.encoded;
    run.reused += report.reused;
    run.tokens += report.tokens;
    progress.update(run.passages);
  }
  run.seconds = watch.seconds();
  return run;
}

void add_encode_inputs(CLI::App& verb, EncodeVerbOptions& options) {
  OptionGroup group(verb, "Input (one of them)");
  exclusive({group.place("--squad", options.squad, "FILE", "The contexts of a SQuAD file"),
             group.text("--jsonl", options.jsonl, "FILE", "A passage a line; - = stdin"),
             group.text("--text-dir", options.text_dir, "DIR",
                        "Every file below a directory, known by its relative path"),
             group.place("--data", options.data, "PATH",
                         "The passages of a data set of --task, as classify reads it")});
}

void add_encode_outputs(CLI::App& verb, EncodeVerbOptions& options) {
  OptionGroup group(verb);
  EncodeOptions& encode = options.encode;
  group
      .parsed("--codec", encode.codec, "NAME", "How states are kept: fp32, fp16 or int8",
              parse_hidden_codec)
      ->default_str(to_string(encode.codec));
  group.flag("--projections", encode.projections,
             "Keep the first upper layer's query, key and value too: 4 times the bytes, faster "
             "answers");
  group
      .parsed("--shard", options.shard, "I/N", "Take the I-th of every N passages, I from 1",
              parse_shard)
      ->default_str("1/1");
  group.flag("--resume", options.resume, "Continue an earlier run, as happens without it too");
  group.number("--batch-tokens", encode.batch_tokens, "N",
               "Most tokens of one pass and of one commit", whole_number(1));
  group.flag("--json", options.json, "Print the summary as JSON on stdout");
  group.flag("--quiet", options.quiet, "No progress and no notes on stderr");
}

int run_encode(const EncodeVerbOptions& given) {
  require_lasting_store(given.store, "encode");
  EncodeVerbOptions options = given;
  const Talk talk(options.quiet);
  choose_model(options.model, talk);
  const auto input = open_input(options);
  Output output("-");
  const auto model = load_model(options.model, talk);
  const auto store = open_passage_store(options.store, *model);
  const PassageEncoder encoder(model, store);
  note_codec(*store, to_string(options.encode.codec), to_string(model->runtime().precision), talk);
  const EncodeRun run = encode_all(encoder, options, input);
  talk.note(to_text(run));
  if (options.json) output.write(to_json(run));
  output.commit();
  return kExitOk;
}

}  // namespace

Verb add_encode(CLI::App& app) {
  CLI::App* const verb =
      app.add_subcommand("encode", "Put passages into a store, ready for questions");
  const auto options = std::make_shared<EncodeVerbOptions>();
  add_model_options(*verb, options->model);
  add_task_option(*verb, options->model);
  OptionGroup(*verb)
      .place("--store", options->store, "URI", "lmdb:PATH or redis://HOST:PORT[/DATABASE][/PREFIX]")
      ->required();
  add_encode_inputs(*verb, *options);
  add_encode_outputs(*verb, *options);
  verb->footer(kEncodeFooter);
  return {verb, [options] { return run_encode(*options); }};
}

}  // namespace deformer::tools
