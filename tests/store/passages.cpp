#include "store/passages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

#include "store/hidden_codec.h"

namespace deformer::test {
namespace {

constexpr std::uint32_t kWindowTokens = 12;
constexpr std::uint32_t kWindowStep = 8;

std::vector<Window> make_windows(std::uint32_t tokens) {
  std::vector<Window> windows;
  for (std::uint32_t first = 0; tokens > 0; first += kWindowStep) {
    windows.push_back({first, std::min(kWindowTokens, tokens - first)});
    if (first + kWindowTokens >= tokens) break;
  }
  return windows;
}

// Letters in words of two to eleven bytes, one blank between them.
void add_words(EncodedPassage& passage, std::size_t tokens, std::mt19937_64& random) {
  for (std::size_t i = 0; i < tokens; ++i) {
    const auto begin = static_cast<std::uint32_t>(passage.text.size());
    const std::size_t length = 2 + random() % 10;
    for (std::size_t j = 0; j < length; ++j) {
      passage.text += static_cast<char>('a' + random() % 26);
    }
    passage.spans.push_back({begin, static_cast<std::uint32_t>(passage.text.size())});
    passage.text += ' ';
  }
}

}  // namespace

std::vector<float> make_values(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(static_cast<double>(random() >> 11) * 0x1p-52 - 1.0);
  }
  return values;
}

EncodedPassage make_passage(const std::string& id, std::uint64_t seed, const PassageShape& shape) {
  const std::uint64_t mixed = seed * 1000003 + std::hash<std::string>{}(id);
  std::mt19937_64 random(mixed);
  EncodedPassage passage;
  passage.id = id;
  add_words(passage, shape.tokens, random);
  passage.windows = make_windows(static_cast<std::uint32_t>(shape.tokens));
  std::size_t rows = passage.windows.size();
  for (const Window& window : passage.windows) rows += window.num_tokens;
  passage.hidden = encode_hidden(make_values(rows * shape.hidden_size, mixed), rows,
                                 shape.hidden_size, shape.codec);
  passage.projection_hash = shape.projection_hash;
  if (shape.projection_hash != 0) {
    const std::size_t projected = kProjectionsPerRow * rows;
    passage.projections = encode_hidden(make_values(projected * shape.hidden_size, mixed + 1),
                                        projected, shape.hidden_size, shape.codec);
  }
  return passage;
}

EncodedPassage make_empty_passage(const std::string& id, const std::string& text) {
  EncodedPassage passage;
  passage.id = id;
  passage.text = text;
  passage.hidden = encode_hidden({}, 0, 8, HiddenCodec::kFp32);
  return passage;
}

bool is_same(const HiddenStates& a, const HiddenStates& b) {
  const auto same_floats = [](std::span<const float> x, std::span<const float> y) {
    return x.size() == y.size() &&
           (x.empty() || std::memcmp(x.data(), y.data(), x.size_bytes()) == 0);
  };
  return a.codec == b.codec && a.rows == b.rows && a.hidden_size == b.hidden_size &&
         std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end()) &&
         same_floats(a.scales, b.scales);
}

bool is_same(const EncodedPassage& a, const EncodedPassage& b) {
  return a.id == b.id && a.text == b.text && a.spans == b.spans && a.windows == b.windows &&
         is_same(a.hidden, b.hidden) && is_same(a.projections, b.projections) &&
         a.projection_hash == b.projection_hash;
}

std::shared_ptr<const EncodedPassage> get_one(const PassageStore& store, const std::string& id) {
  return store.get(std::span(&id, 1)).at(0);
}

void expect_holds(const PassageStore& store, const EncodedPassage& passage) {
  const auto found = get_one(store, passage.id);
  ASSERT_NE(found, nullptr) << passage.id;
  EXPECT_TRUE(is_same(*found, passage)) << passage.id;
}

double soak_seconds(double normally) {
  const char* seconds = std::getenv("DEFORMER_SOAK_SECONDS");
  return seconds == nullptr ? normally : std::strtod(seconds, nullptr);
}

}  // namespace deformer::test
