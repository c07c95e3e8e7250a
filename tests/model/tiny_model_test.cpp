#include "support/tiny_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "deformer/model.h"
#include "model/model_access.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using test::TempDir;
using test::TinyModelOptions;
using test::write_tiny_model;
using testing::Contains;
using testing::Not;

TEST(TinyModel, LoadsWithItsOptions) {
  const TempDir dir;
  write_tiny_model(dir.path(), {.layers = 4, .hidden = 16, .split_layer = 1, .window_tokens = 30});
  const auto model = Model::load(dir.path());
  EXPECT_EQ(model->config().num_hidden_layers, 4);
  EXPECT_EQ(model->config().hidden_size, 16);
  EXPECT_EQ(model->config().split.split_layer, 1);
  EXPECT_EQ(model->config().split.window_tokens, 30);
  EXPECT_NE(ModelAccess::head(*model), nullptr);
}

TEST(TinyModel, LoadsAsAnOrdinaryCheckpointWithoutASpanHead) {
  const TempDir dir;
  write_tiny_model(dir.path(), {.ordinary = true, .span_head = false});
  const auto model = Model::load(dir.path());
  EXPECT_EQ(model->config().split.layout, Layout::kContinue);
  EXPECT_EQ(ModelAccess::head(*model), nullptr);
}

TEST(TinyModel, HasNoUnknownTokenInEnglishText) {
  const TempDir dir;
  write_tiny_model(dir.path(), {.extra_words = {"zebra"}});
  const auto model = Model::load(dir.path());
  const Tokenizer& tokenizer = model->tokenizer();
  const TokenizedText text =
      tokenizer.tokenize("Who was King in 1066 (the \"first\" one), at 3.5% & $7? A Zebra!");
  EXPECT_FALSE(text.ids.empty());
  EXPECT_THAT(text.ids, Not(Contains(tokenizer.special_tokens().unk)));
  EXPECT_THAT(tokenizer.token(text.ids[text.ids.size() - 2]), "zebra");
}

TEST(TinyModel, EqualOptionsGiveEqualBytes) {
  const TempDir first;
  const TempDir second;
  const TempDir other;
  write_tiny_model(first.path());
  write_tiny_model(second.path());
  write_tiny_model(other.path(), {.seed = 2});
  for (const char* name : {"config.json", "vocab.txt", "model.safetensors"}) {
    EXPECT_EQ(read_file(first / name), read_file(second / name)) << name;
  }
  EXPECT_NE(read_file(first / "model.safetensors"), read_file(other / "model.safetensors"));
}

}  // namespace
}  // namespace deformer
