#include "deformer/passage_encoder.h"
#include "deformer/model.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <stop_token>

#include "architecture/architecture.h"
#include "base/file.h"
#include "deformer/error.h"
#include "deformer/span_qa.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"
#include "task/passage_batches.h"

namespace deformer {
namespace {

std::vector<float> values_of(const EncodedPassage& passage) {
  std::vector<float> values(passage.hidden.rows * passage.hidden.hidden_size);
  if (values.empty()) return values;
  std::memcpy(values.data(), passage.hidden.values.data(), passage.hidden.values.size());
  return values;
}

void expect_near(const EncodedPassage& a, const EncodedPassage& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.spans, b.spans);
  EXPECT_EQ(a.windows, b.windows);
  const std::vector<float> left = values_of(a);
  const std::vector<float> right = values_of(b);
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) ASSERT_NEAR(left[i], right[i], 1e-5) << i;
}

// A store whose vectors nobody may read.
class UnreadStore final : public PassageStore {
 public:
  explicit UnreadStore(std::shared_ptr<PassageStore> store) : store_(std::move(store)) {}
  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string>) const override {
    throw Error(ErrorCode::kIo, "the vectors were read");
  }
  void put(std::span<const EncodedPassage> passages) override { store_->put(passages); }
  std::size_t erase(std::span<const std::string> ids) override { return store_->erase(ids); }
  std::size_t size() const override { return store_->size(); }
  const Fingerprint& fingerprint() const noexcept override { return store_->fingerprint(); }
  std::vector<std::optional<PassageHashes>> hashes(
      std::span<const std::string> ids) const override {
    return store_->hashes(ids);
  }

 private:
  std::shared_ptr<PassageStore> store_;
};

// A caller's own store, which takes any id and counts what comes.
class TakesAnyId final : public PassageStore {
 public:
  explicit TakesAnyId(const Fingerprint& fingerprint) : fingerprint_(fingerprint) {}
  std::vector<std::shared_ptr<const EncodedPassage>> get(
      std::span<const std::string> ids) const override {
    return std::vector<std::shared_ptr<const EncodedPassage>>(ids.size());
  }
  void put(std::span<const EncodedPassage> passages) override { size_ += passages.size(); }
  std::size_t erase(std::span<const std::string>) override { return 0; }
  std::size_t size() const override { return size_; }
  const Fingerprint& fingerprint() const noexcept override { return fingerprint_; }

 private:
  Fingerprint fingerprint_;
  std::size_t size_ = 0;
};

class PassageEncoderTest : public testing::Test {
 protected:
  PassageEncoderTest() { test::write_tiny_model(dir_.path()); }

  test::TempDir dir_;
  // From one window to several: window_tokens is 40, window_step 16.
  const std::vector<Passage> passages_{
      {"short", "The river rose."},
      {"blank", "  "},
      {"long",
       "In the spring of that year the river rose above its banks, and the people of the town "
       "moved their animals, their tools and their grain to the old mill on the hill."},
      {"other", "A second text, of middling length, about nothing in particular."}};
};

class EncodedPassages : public PassageEncoderTest, public testing::WithParamInterface<std::string> {
 protected:
  EncodedPassages() { test::write_tiny_model(dir_.path(), {.architecture = GetParam()}); }
};

TEST_P(EncodedPassages, WindowsCoverTheTextAndRowsFitTheWindows) {
  const auto model = Model::load(dir_.path());
  const auto encoded = encode_passages(*model, passages_);
  ASSERT_EQ(encoded.size(), passages_.size());
  for (const EncodedPassage& passage : encoded) {
    std::size_t rows = 0;
    std::size_t covered = 0;
    for (const Window& window : passage.windows) {
      EXPECT_LE(window.first_token, covered);
      EXPECT_LE(window.num_tokens, 40U);
      covered = window.first_token + window.num_tokens;
      rows += window.num_tokens + 1;
    }
    EXPECT_EQ(covered, passage.spans.size());
    EXPECT_EQ(passage.hidden.rows, rows);
  }
  EXPECT_TRUE(encoded[1].windows.empty());
  EXPECT_GT(encoded[2].windows.size(), 2U);
}

TEST_P(EncodedPassages, AloneOrInAnyBatchIsTheSame) {
  const auto model = Model::load(dir_.path());
  const auto together = encode_passages(*model, passages_);
  const auto in_small_batches = encode_passages(*model, passages_, {.batch_tokens = 1});
  for (std::size_t i = 0; i < passages_.size(); ++i) {
    const auto alone = encode_passages(*model, std::span(&passages_[i], 1));
    expect_near(together[i], alone.front());
    expect_near(together[i], in_small_batches[i]);
  }
}

TEST_P(EncodedPassages, ProjectionsAreThreeRowsForEachOfTheStates) {
  const auto model = Model::load(dir_.path());
  const auto plain = encode_passages(*model, passages_);
  const auto encoded =
      encode_passages(*model, passages_, {.batch_tokens = 60, .projections = true});
  for (std::size_t i = 0; i < passages_.size(); ++i) {
    expect_near(encoded[i], plain[i]);
    EXPECT_EQ(encoded[i].projection_hash, model->projection_hash());
    ASSERT_EQ(encoded[i].projections.rows, 3 * plain[i].hidden.rows);
    EXPECT_EQ(plain[i].projection_hash, 0U);
    EXPECT_EQ(plain[i].projections.rows, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, EncodedPassages,
                         testing::Values("bert", "xlnet", "mpnet", "roberta", "distilbert",
                                         "electra", "albert", "deberta-v2"),
                         [](const auto& test_info) {
                           std::string name = test_info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(PassageEncoderTest, EncodesOnlyWhatTheStoreLacks) {
  const auto model = Model::load(dir_.path());
  const auto store = open_passage_store("memory:", model->fingerprint());
  const PassageEncoder encoder(model, store);
  std::size_t last_done = 0;
  const EncodeReport first =
      encoder.encode(passages_, {.progress = [&](std::size_t done, std::size_t total) {
                       EXPECT_EQ(total, 4U);
                       last_done = done;
                     }});
  EXPECT_EQ(first.encoded, 4U);
  EXPECT_EQ(first.reused, 0U);
  EXPECT_EQ(last_done, 4U);
  EXPECT_EQ(store->size(), 4U);
  EXPECT_EQ(encoder.encode(passages_).reused, 4U);

  std::vector<Passage> changed = passages_;
  changed[3].text += " And more.";
  const EncodeReport third = encoder.encode(changed);
  EXPECT_EQ(third.encoded, 1U);
  EXPECT_EQ(third.reused, 3U);
  const std::vector<std::string> ids{"other"};
  EXPECT_EQ(store->get(ids).front()->text, changed[3].text);
}

TEST_F(PassageEncoderTest, EncodesAgainWhatLacksTheProjectionsAskedFor) {
  const auto model = Model::load(dir_.path());
  const auto store = open_passage_store("memory:", model->fingerprint());
  const PassageEncoder encoder(model, store);
  EXPECT_EQ(encoder.encode(std::span(passages_).first(3)).encoded, 3U);
  EXPECT_EQ(encoder.encode(passages_, {.projections = true}).encoded, 4U);
  EXPECT_EQ(encoder.encode(passages_, {.projections = true}).reused, 4U);
  // What is there is more than is asked for.
  EXPECT_EQ(encoder.encode(passages_).reused, 4U);
  // Those of other upper layers.
  const std::vector<std::string> ids{"long"};
  EncodedPassage other = *store->get(ids).front();
  ++other.projection_hash;
  store->put(std::span(&other, 1));
  EXPECT_EQ(encoder.encode(passages_).reused, 4U);
  EXPECT_EQ(encoder.encode(passages_, {.projections = true}).encoded, 1U);
  EXPECT_EQ(store->get(ids).front()->projection_hash, model->projection_hash());
}

// In 8 bits, so that stored projections differ from computed ones.
TEST_F(PassageEncoderTest, AnswersDoNotDependOnWhoseProjectionsAreStoredBesideThem) {
  const auto model = Model::load(dir_.path());
  const auto store = open_passage_store("memory:", model->fingerprint());
  const PassageEncoder encoder(model, store);
  encoder.encode(std::span(passages_).first(2), {.codec = HiddenCodec::kInt8, .projections = true});
  encoder.encode(std::span(passages_).last(2), {.codec = HiddenCodec::kInt8});
  std::vector<QaRequest> requests;
  for (const Passage& passage : passages_) {
    requests.push_back({passage.id, "Who moved?", {{passage.id, ""}}});
  }
  const SpanQa reader(model, store);
  const auto together = reader.answer(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto alone = reader.answer(std::span(requests).subspan(i, 1));
    ASSERT_EQ(together[i].answers.size(), alone[0].answers.size());
    if (alone[0].answers.empty()) continue;
    EXPECT_NEAR(together[i].answers[0].score, alone[0].answers[0].score, 1e-6) << requests[i].id;
  }
}

TEST_F(PassageEncoderTest, ReadsNoVectorsToLearnWhatIsThere) {
  const auto model = Model::load(dir_.path());
  const auto store =
      std::make_shared<UnreadStore>(open_passage_store("memory:", model->fingerprint()));
  const PassageEncoder encoder(model, store);
  EXPECT_EQ(encoder.encode(passages_, {.projections = true}).encoded, 4U);
  EXPECT_EQ(encoder.encode(passages_, {.projections = true}).reused, 4U);
}

TEST_F(PassageEncoderTest, LeavesOutTheRestOfWhatIsNoLongerWanted) {
  const auto model = Model::load(dir_.path());
  std::vector<const Passage*> passages;
  for (const Passage& passage : passages_) passages.push_back(&passage);
  std::size_t asked = 0;  // for the long one
  std::vector<std::size_t> done;
  const auto sink = [&](std::span<const std::size_t> indices, std::vector<EncodedPassage>&&) {
    done.insert(done.end(), indices.begin(), indices.end());
  };
  PassageBatchOptions options{.batch_tokens = 1};
  const std::size_t all = encode_in_batches(*model, passages, options, sink);
  EXPECT_EQ(done, (std::vector<std::size_t>{0, 1, 2, 3}));
  done.clear();
  options.is_wanted = [&](std::size_t i) { return i != 2 || ++asked < 3; };
  EXPECT_LT(encode_in_batches(*model, passages, options, sink), all);
  EXPECT_EQ(asked, 3U);
  EXPECT_EQ(done, (std::vector<std::size_t>{0, 1, 3}));
}

TEST_F(PassageEncoderTest, SaysFirstWhatTheStoreHadAlready) {
  const auto model = Model::load(dir_.path());
  const auto store = open_passage_store("memory:", model->fingerprint());
  const PassageEncoder encoder(model, store);
  std::vector<std::size_t> told;
  const EncodeOptions options{.batch_tokens = 1,
                              .progress = [&](std::size_t done, std::size_t total) {
                                EXPECT_EQ(total, 4U);
                                EXPECT_EQ(done, store->size());
                                told.push_back(done);
                              }};
  encoder.encode(std::span(passages_).first(2));
  encoder.encode(passages_, options);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), 2U);
  EXPECT_EQ(told.back(), 4U);
  told.clear();
  encoder.encode(passages_, options);
  EXPECT_EQ(told, std::vector<std::size_t>{4});
}

TEST_F(PassageEncoderTest, IsGivenUpWhenAsked) {
  const auto model = Model::load(dir_.path());
  const auto store = open_passage_store("memory:", model->fingerprint());
  const PassageEncoder encoder(model, store);
  std::stop_source stop;
  EncodeOptions options{.batch_tokens = 1, .control = {.cancel = stop.get_token()}};
  // Once the first one is stored: what is there stays.
  options.progress = [&](std::size_t done, std::size_t) {
    if (done > 0) stop.request_stop();
  };
  test::expect_error(ErrorCode::kCancelled, "encoding: cancelled",
                     [&] { encoder.encode(passages_, options); });
  const std::size_t stored = store->size();
  EXPECT_GT(stored, 0U);
  EXPECT_LT(stored, 4U);
  options.progress = nullptr;
  test::expect_error(ErrorCode::kCancelled, "encoding: cancelled",
                     [&] { encoder.encode(passages_, options); });
  EXPECT_EQ(store->size(), stored);
  test::expect_error(ErrorCode::kCancelled, "encoding: cancelled",
                     [&] { static_cast<void>(encode_passages(*model, passages_, options)); });
}

// In the middle of its only passage, where there is no progress to tell of.
TEST_F(PassageEncoderTest, GivesALongPassageUp) {
  const auto model = Model::load(dir_.path());
  const Passage* const only = &passages_[2];
  std::size_t asked = 0;
  std::size_t done = 0;
  // Before the passage, before its second batch, before its third. Throws as encode()'s does.
  const PassageBatchOptions options{.batch_tokens = 1, .is_wanted = [&](std::size_t) {
                                      if (++asked < 3) return true;
                                      throw Error(ErrorCode::kCancelled, "encoding: cancelled");
                                    }};
  test::expect_error(ErrorCode::kCancelled, "encoding: cancelled", [&] {
    encode_in_batches(*model, {&only, 1}, options,
                      [&](std::span<const std::size_t> indices, std::vector<EncodedPassage>&&) {
                        done += indices.size();
                      });
  });
  EXPECT_EQ(asked, 3U);
  EXPECT_EQ(done, 0U);
}

TEST_F(PassageEncoderTest, RefusesOneIdWithTwoTexts) {
  const auto model = Model::load(dir_.path());
  const PassageEncoder encoder(model, open_passage_store("memory:", model->fingerprint()));
  const std::vector<Passage> twice{{"a", "one"}, {"a", "two"}};
  test::expect_error(ErrorCode::kInvalidArgument, "passage \"a\": expected one text, found two",
                     [&] { static_cast<void>(encoder.encode(twice)); });
  const std::vector<Passage> same{{"a", "one"}, {"a", "one"}};
  EXPECT_EQ(encoder.encode(same).encoded, 1U);
}

// Before anything is computed, whatever the store would take.
TEST_F(PassageEncoderTest, RefusesAnIdThatCannotBeAKey) {
  const auto model = Model::load(dir_.path());
  const auto store = std::make_shared<TakesAnyId>(model->fingerprint());
  const PassageEncoder encoder(model, store);
  for (const std::string& id : {std::string(), std::string(501, 'a')}) {
    std::vector<Passage> passages = passages_;
    passages.push_back({id, "The river fell."});
    test::expect_error(ErrorCode::kInvalidArgument,
                       "expected an id of 1 to 500 bytes, found " + std::to_string(id.size()),
                       [&] { static_cast<void>(encoder.encode(passages, {.batch_tokens = 1})); });
    EXPECT_EQ(store->size(), 0U);
  }
  const std::vector<Passage> longest{{std::string(500, 'a'), "The river fell."}};
  EXPECT_EQ(encoder.encode(longest).encoded, 1U);
}

TEST_F(PassageEncoderTest, RefusesTheStoreOfAnotherModel) {
  const auto model = Model::load(dir_.path());
  const auto other = Model::load(dir_.path(), {.split_layer = 1});
  EXPECT_NE(to_string(model->fingerprint()), to_string(other->fingerprint()));
  test::expect_error(ErrorCode::kIncompatible, to_string(other->fingerprint()), [&] {
    const PassageEncoder encoder(model, open_passage_store("memory:", other->fingerprint()));
  });
}

TEST_F(PassageEncoderTest, RefusesALayoutThatDependsOnTheQuestion) {
  test::TempDir dir;
  test::write_tiny_model(dir.path(), {.ordinary = true});
  const auto model = Model::load(dir.path());
  test::expect_error(ErrorCode::kUnsupported, "layout \"continue\"",
                     [&] { static_cast<void>(encode_passages(*model, passages_)); });
}

TEST_F(PassageEncoderTest, FingerprintCoversTheLowerLayersOnly) {
  const auto fingerprint_of = [](const test::TinyModelOptions& options) {
    const test::TempDir dir;
    test::write_tiny_model(dir.path(), options);
    return Model::load(dir.path())->fingerprint();
  };
  const Fingerprint base = fingerprint_of({});
  EXPECT_EQ(fingerprint_of({}), base);
  EXPECT_EQ(fingerprint_of({.max_answer_tokens = 5}), base);
  EXPECT_FALSE(fingerprint_of({.seed = 2}) == base);
  EXPECT_FALSE(fingerprint_of({.window_step = 20}) == base);
  EXPECT_FALSE(fingerprint_of({.extra_words = {"zebra"}}) == base);
  EXPECT_FALSE(fingerprint_of({.hidden_act = Activation::kGeluTanh}) == base);
}

TEST_F(PassageEncoderTest, FingerprintOfXlnetCoversTheLowerLayersOnly) {
  const auto fingerprint_of = [](test::TinyModelOptions options) {
    options.architecture = "xlnet";
    const test::TempDir dir;
    test::write_tiny_model(dir.path(), options);
    return Model::load(dir.path())->fingerprint();
  };
  const Fingerprint base = fingerprint_of({});
  EXPECT_EQ(fingerprint_of({.max_answer_tokens = 5}), base);
  EXPECT_EQ(fingerprint_of({.span_head = false}), base);
  EXPECT_FALSE(fingerprint_of({.seed = 2}) == base);
  EXPECT_FALSE(fingerprint_of({.split_layer = 1}) == base);
}

// By weights alone: what else they depend on is in the fingerprint.
TEST_F(PassageEncoderTest, ProjectionHashCoversTheAttentionOfTheFirstUpperLayer) {
  const std::vector<std::array<std::string, 3>> names{
      {"bert", "bert.encoder.layer.", ".attention.self.query.weight"},
      {"xlnet", "transformer.layer.", ".rel_attn.q"},
      {"mpnet", "mpnet.encoder.layer.", ".attention.attn.q.weight"},
      {"roberta", "roberta.encoder.layer.", ".attention.self.query.weight"},
      {"distilbert", "distilbert.transformer.layer.", ".attention.q_lin.weight"},
      {"electra", "electra.encoder.layer.", ".attention.self.query.weight"},
      {"deberta-v2", "deberta.encoder.layer.", ".attention.self.query_proj.weight"}};
  for (const auto& [architecture, layer, query] : names) {
    ModelConfig config = test::tiny_model_config({.architecture = architecture});
    config.split.split_layer = 1;
    EXPECT_TRUE(is_projection_weight(config, layer + "1" + query));
    EXPECT_FALSE(is_projection_weight(config, layer + "0" + query));
    EXPECT_FALSE(is_projection_weight(config, layer + "2" + query));
    EXPECT_FALSE(is_projection_weight(config, layer + "11" + query));
    EXPECT_FALSE(is_projection_weight(config, layer + "1.output.dense.weight"));
    EXPECT_FALSE(is_projection_weight(config, "qa_outputs.weight"));
  }
  const auto hash_of = [this](int split_layer) {
    return Model::load(dir_.path(), {.split_layer = split_layer})->projection_hash();
  };
  EXPECT_EQ(hash_of(2), hash_of(2));
  EXPECT_NE(hash_of(2), hash_of(1));
}

// std::to_string() of 1e-12 and of 1e-7 is the same text.
TEST_F(PassageEncoderTest, FingerprintTellsSmallLayerNormEpsilonsApart) {
  const Fingerprint before = Model::load(dir_.path())->fingerprint();
  std::string config = read_file(dir_ / "config.json");
  const std::size_t at = config.find("1e-12");
  ASSERT_NE(at, std::string::npos) << config;
  write_file(dir_ / "config.json", config.replace(at, 5, "1e-07"));
  EXPECT_FALSE(Model::load(dir_.path())->fingerprint() == before);
}

}  // namespace
}  // namespace deformer
