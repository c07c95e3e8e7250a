#include "tools/cmd_encode.h"

#include <chrono>

#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "tools/default_model.h"
#include "tools/lasting_store.h"
#include "tools/number.h"
#include "tools/output.h"
#include "tools/passage_reader.h"
#include "tools/store_report.h"
#include "tools/talk.h"

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

std::unique_ptr<PassageReader> open_input(const EncodeVerbOptions& options) {
  const Shard shard = parse_shard(options.shard);
  if (!options.squad.empty()) return read_squad_passages(options.squad, shard);
  if (!options.jsonl.empty()) return read_jsonl_passages(options.jsonl, shard);
  if (!options.text_dir.empty()) return read_text_files(options.text_dir, shard);
  if (!options.data.empty()) {
    const ModelConfig config = load_model_config(options.model.model_dir, options.model.task);
    if (config.task == TaskKind::kSpan) {
      throw Error(
          ErrorCode::kInvalidArgument,
          "encode: --data: expected a model or a --task with classes or choices, found span "
          "(--squad reads its files)");
    }
    return read_data_passages(data_form(options.model, config, options.data), options.data, shard);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "encode: expected one of --squad, --jsonl, --text-dir, --data, found none");
}

EncodeRun encode_all(const PassageEncoder& encoder, const EncodeVerbOptions& options,
                     PassageReader& input) {
  const auto start = std::chrono::steady_clock::now();
  Progress progress(Talk(options.quiet), "encode", "passages", input.total());
  EncodeRun run;
  EncodeOptions encode;
  encode.batch_tokens = options.batch_tokens;
  encode.codec = parse_hidden_codec(options.codec);
  encode.projections = options.projections;
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
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

void add_outputs(CLI::App& verb, EncodeVerbOptions& options) {
  verb.add_option("--codec", options.codec, "How states are kept: fp32, fp16 or int8")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_flag("--projections", options.projections,
                "Keep the first upper layer's query, key and value too: 4 times the bytes, faster "
                "answers");
  verb.add_option("--shard", options.shard, "Take the I-th of every N passages, I from 1")
      ->type_name("I/N")
      ->capture_default_str();
  verb.add_flag("--resume", options.resume, "Continue an earlier run, as happens without it too");
  verb.add_option("--batch-tokens", options.batch_tokens,
                  "Most tokens of one pass and of one commit")
      ->type_name("N")
      ->transform(whole_number(1))
      ->capture_default_str();
  verb.add_flag("--json", options.json, "Print the summary as JSON on stdout");
  verb.add_flag("--quiet", options.quiet, "No progress and no notes on stderr");
}

}  // namespace

CLI::App* add_encode(CLI::App& app, EncodeVerbOptions& options) {
  CLI::App* verb = app.add_subcommand("encode", "Put passages into a store, ready for questions");
  add_model_options(*verb, options.model);
  add_task_option(*verb, options.model);
  verb->add_option("--store", options.store, "lmdb:PATH or redis://HOST:PORT[/DATABASE][/PREFIX]")
      ->required()
      ->check(not_empty())
      ->type_name("URI");
  const std::string group = "Input (one of them)";
  auto* squad = verb->add_option("--squad", options.squad, "The contexts of a SQuAD file")
                    ->check(not_empty())
                    ->type_name("FILE")
                    ->group(group);
  auto* jsonl = verb->add_option("--jsonl", options.jsonl, "A passage a line; - = stdin")
                    ->type_name("FILE")
                    ->group(group);
  auto* text_dir = verb->add_option("--text-dir", options.text_dir,
                                    "Every file below a directory, known by its relative path")
                       ->type_name("DIR")
                       ->group(group);
  auto* data = verb->add_option("--data", options.data,
                                "The passages of a data set of --task, as classify reads it")
                   ->check(not_empty())
                   ->type_name("PATH")
                   ->group(group);
  squad->excludes(jsonl)->excludes(text_dir)->excludes(data);
  jsonl->excludes(text_dir)->excludes(data);
  text_dir->excludes(data);
  add_outputs(*verb, options);
  verb->footer(kEncodeFooter);
  return verb;
}

void run_encode(const EncodeVerbOptions& given) {
  require_lasting_store(given.store, "encode");
  EncodeVerbOptions options = given;
  const Talk talk(options.quiet);
  choose_model(options.model, talk);
  (void)parse_hidden_codec(options.codec);
  const auto input = open_input(options);
  Output output("-");
  const auto model = load_model(options.model, talk);
  const auto store = open_passage_store(options.store, *model);
  const PassageEncoder encoder(model, store);
  note_codec(*store, options.codec, to_string(model->runtime().precision), talk);
  const EncodeRun run = encode_all(encoder, options, *input);
  talk.note(to_text(run));
  if (options.json) output.write(to_json(run));
  output.commit();
}

}  // namespace deformer::tools
