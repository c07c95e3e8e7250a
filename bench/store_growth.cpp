// How long a store takes to give one passage, by the number of passages that it holds:
//
//   deformer_store_growth STORE_URI ROWS HIDDEN PASSAGES...
//
// Fills a new store with made-up passages of ROWS x HIDDEN states (fp16) up to each number of
// PASSAGES in turn, and each time reads some of them, one a call, evenly from the whole store in a
// shuffled order. Reading checks a record and hands out a view; the states are touched, so that
// what was not in memory is read.
#include <deformer/passage_store.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "measuring.h"

namespace {

constexpr deformer::Fingerprint kFingerprint{.high = 1, .low = 2};
constexpr std::size_t kReads = 1000;
constexpr std::size_t kBatch = 256;

std::string id_of(std::size_t number) {
  return "passage " + std::to_string(number);
}

// One token a row but the last, which is a special token's.
deformer::EncodedPassage make_passage(std::size_t number, std::size_t rows, std::size_t hidden) {
  deformer::EncodedPassage passage;
  passage.id = id_of(number);
  for (std::uint32_t i = 0; i + 1 < rows; ++i) {
    passage.spans.push_back({5 * i, 5 * i + 4});
    passage.text += "word ";
  }
  passage.windows = {{.first_token = 0, .num_tokens = static_cast<std::uint32_t>(rows - 1)}};
  const auto values = std::make_shared<std::vector<std::uint16_t>>(
      rows * hidden, static_cast<std::uint16_t>(number % 0x3C00));
  passage.hidden = {.codec = deformer::HiddenCodec::kFp16,
                    .rows = rows,
                    .hidden_size = hidden,
                    .values = std::as_bytes(std::span(*values)),
                    .scales = {},
                    .owner = values};
  return passage;
}

void fill(deformer::PassageStore& store, std::size_t passages, std::size_t rows,
          std::size_t hidden) {
  std::vector<deformer::EncodedPassage> batch;
  for (std::size_t i = store.size(); i < passages; ++i) {
    batch.push_back(make_passage(i, rows, hidden));
    if (batch.size() < kBatch && i + 1 < passages) continue;
    store.put(batch);
    batch.clear();
  }
}

// Microseconds of each read, sorted.
std::vector<double> read_some(const deformer::PassageStore& store, std::size_t passages) {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < kReads; ++i) numbers.push_back(i * passages / kReads);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937(1));
  std::vector<double> times;
  std::uint64_t sum = 0;
  for (const std::size_t number : numbers) {
    const std::string id = id_of(number);
    const auto start = std::chrono::steady_clock::now();
    const auto found = store.get({&id, 1});
    for (const std::byte value : found.front()->hidden.values)
      sum += std::to_integer<unsigned>(value);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    times.push_back(time.count());
  }
  if (sum == 1) std::puts("");  // the sum is used
  std::sort(times.begin(), times.end());
  return times;
}

void require_at_least(const char* name, std::size_t least, std::size_t found) {
  if (found >= least) return;
  throw std::invalid_argument(std::string(name) + ": expected at least " + std::to_string(least) +
                              ", found " + std::to_string(found));
}

void run(const std::string& uri, std::size_t rows, std::size_t hidden,
         const std::vector<std::size_t>& counts) {
  require_at_least("ROWS", 2, rows);  // a token's and the special token's
  require_at_least("HIDDEN", 1, hidden);
  for (const std::size_t passages : counts) require_at_least("PASSAGES", 1, passages);
  const auto store = deformer::open_passage_store(uri, kFingerprint);
  for (const std::size_t passages : counts) {
    fill(*store, passages, rows, hidden);
    static_cast<void>(read_some(*store, passages));
    const std::vector<double> times = read_some(*store, passages);
    std::printf("%8zu passages: median %6.1f us, 95 %% %6.1f us\n", passages,
                deformer::bench::percentile(times, 0.5), deformer::bench::percentile(times, 0.95));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: deformer_store_growth STORE_URI ROWS HIDDEN PASSAGES...\n";
    return EXIT_FAILURE;
  }
  try {
    std::vector<std::size_t> numbers;
    for (int i = 2; i < argc; ++i) numbers.push_back(std::stoul(argv[i]));
    run(argv[1], numbers[0], numbers[1], {numbers.begin() + 2, numbers.end()});
  } catch (const std::exception& error) {
    std::cerr << "deformer_store_growth: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
