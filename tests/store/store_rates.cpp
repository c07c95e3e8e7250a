// Measures the store layer: codecs, and what each engine reads and writes a second. No test; run by
// hand: deformer_store_rates [PASSAGES]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <random>

#include "base/half.h"
#include "deformer/passage_store.h"
#include "store/hidden_codec.h"
#include "store/passages.h"
#include "store/record.h"
#include "store/redis_server.h"

namespace deformer::test {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kReadBatch = 16;

template <typename Work>
double seconds(Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The fastest of several runs.
template <typename Work>
double best_seconds(Work&& work) {
  double best = 1e9;
  for (int run = 0; run < 7; ++run) best = std::min(best, seconds(work));
  return best;
}

void measure_codecs() {
  // One passage, which stays in the processor's cache, and many, which do not.
  for (const std::size_t rows : {std::size_t{151}, std::size_t{40000}}) {
    const std::vector<float> values = make_values(rows * 384, 1);
    std::vector<float> out(values.size());
    const double gigabytes = static_cast<double>(values.size()) * 4 / 1e9;
    const std::size_t repeats = 40000 / rows;
    for (const HiddenCodec codec : {HiddenCodec::kFp32, HiddenCodec::kFp16, HiddenCodec::kInt8}) {
      HiddenStates hidden;
      const double encode = best_seconds([&] { hidden = encode_hidden(values, rows, 384, codec); });
      const double decode = best_seconds([&] {
        for (std::size_t i = 0; i < repeats; ++i) decode_hidden(hidden, 0, rows, out);
      });
      std::printf("codec %s, %zu rows: encode %.1f GB/s, decode %.1f GB/s of fp32\n",
                  to_string(codec).c_str(), rows, gigabytes / encode,
                  gigabytes * static_cast<double>(repeats) / decode);
    }
  }
}

std::vector<EncodedPassage> make_corpus(std::size_t count) {
  std::vector<EncodedPassage> corpus;
  for (std::size_t i = 0; i < count; ++i) {
    EncodedPassage passage;
    passage = make_passage("passage-" + std::to_string(i), i, {.tokens = 150, .hidden_size = 1});
    passage.windows = {{0, 150}};
    passage.hidden = encode_hidden(make_values(151 * 384, i), 151, 384, HiddenCodec::kFp16);
    corpus.push_back(std::move(passage));
  }
  return corpus;
}

std::vector<std::string> shuffled_ids(const std::vector<EncodedPassage>& corpus) {
  std::vector<std::string> ids;
  for (const EncodedPassage& passage : corpus) ids.push_back(passage.id);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(1));
  return ids;
}

// Median time per passage over batches: other programs disturb few of them.
double read_all(const PassageStore& store, const std::vector<std::string>& ids, bool decode) {
  std::vector<float> out(151 * 384);
  std::vector<double> times;
  for (std::size_t at = 0; at < ids.size(); at += kReadBatch) {
    const auto part = std::span(ids).subspan(at, std::min(kReadBatch, ids.size() - at));
    const double time = seconds([&] {
      for (const auto& passage : store.get(part)) {
        if (!passage) std::abort();
        if (decode) decode_hidden(passage->hidden, 0, passage->hidden.rows, out);
      }
    });
    times.push_back(time / static_cast<double>(part.size()));
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

// Time of one passage, median over batches that are synced each.
double put_all(PassageStore& store, const std::vector<EncodedPassage>& corpus) {
  std::vector<double> times;
  for (std::size_t at = 0; at < corpus.size(); at += kBatch) {
    const auto part = std::span(corpus).subspan(at, std::min(kBatch, corpus.size() - at));
    times.push_back(seconds([&] { store.put(part); }) / static_cast<double>(part.size()));
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

void measure_engine(const std::string& name, PassageStore& store,
                    const std::vector<EncodedPassage>& corpus) {
  const auto count = static_cast<double>(corpus.size());
  const double megabytes = static_cast<double>(RecordWriter(corpus[0]).size()) / 1e6;
  const double put = put_all(store, corpus);
  const std::vector<std::string> ids = shuffled_ids(corpus);
  static_cast<void>(read_all(store, ids, false));
  const double get = read_all(store, ids, false);
  const double decoded = read_all(store, ids, true);
  const double hashes = best_seconds([&] { static_cast<void>(store.hashes(ids)); });
  const double size = best_seconds([&] { static_cast<void>(store.size()); });
  const double list = best_seconds([&] { static_cast<void>(store.list_ids("", ids.size() + 1)); });
  std::printf(
      "%s: put %.0f us (%.0f MB/s), get %.1f us (%.0f MB/s), get + decode %.1f us, "
      "text hash %.2f us, size %.1f ms, list %.1f ms\n",
      name.c_str(), put * 1e6, megabytes / put, get * 1e6, megabytes / get, decoded * 1e6,
      hashes / count * 1e6, size * 1e3, list * 1e3);
  if (const auto bytes = store.info().file_bytes) {
    std::printf("%s: file %.1f MB for %.1f MB of records\n", name.c_str(),
                static_cast<double>(*bytes) / 1e6, megabytes * count);
  }
}

void measure(std::size_t count) {
  measure_codecs();
  const std::vector<EncodedPassage> corpus = make_corpus(count);
  const double rows = 151;
  std::printf("record: %.2f bytes a row, of them %.2f beside the states\n",
              static_cast<double>(RecordWriter(corpus[0]).size()) / rows,
              static_cast<double>(RecordWriter(corpus[0]).size()) / rows - 768);
  measure_engine("memory", *open_passage_store("memory:", kModel), corpus);
  const TempDir directory;
  measure_engine("lmdb", *open_passage_store("lmdb:" + (directory / "s").string(), kModel), corpus);
  if (!why_no_redis().empty()) return;
  const RedisServer server;
  measure_engine("redis", *open_passage_store(server.uri("x"), kModel), corpus);
  const RedisClusterServers cluster;
  measure_engine("redis cluster of 3", *open_passage_store(cluster.uri("x"), kModel), corpus);
}

}  // namespace
}  // namespace deformer::test

int main(int argc, char** argv) {
  deformer::test::measure(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2000);
}
