// A caller's function finds LibTorch as the caller had set it, whatever the library works with.
#include "task/callback.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <stdexcept>
#include <vector>

#include "deformer/error.h"
#include "deformer/model.h"
#include "deformer/passage_encoder.h"
#include "deformer/span_qa.h"
#include "nn/inference_scope.h"
#include "support/temp_dir.h"
#include "support/tiny_model.h"

namespace deformer {
namespace {

struct Settings {
  bool inference = false;
  bool gradients = true;
  bool autocast = false;

  bool operator==(const Settings&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Settings& settings) {
  return out << "inference " << settings.inference << ", gradients " << settings.gradients
             << ", autocast " << settings.autocast;
}

Settings settings_now() {
  return {c10::InferenceMode::is_enabled(), at::GradMode::is_enabled(),
          at::autocast::is_autocast_enabled(at::kCPU)};
}

constexpr Settings kPlain{};
constexpr Settings kInference{.inference = true, .gradients = false};
constexpr Settings kNoGradients{.gradients = false};
constexpr Settings kAutocast{.autocast = true};

// Calls as a program does that has set LibTorch so.
void call_with(const Settings& settings, const std::function<void()>& call) {
  const c10::InferenceMode inference(settings.inference);
  const at::AutoGradMode gradients(settings.gradients);
  at::autocast::set_autocast_enabled(at::kCPU, settings.autocast);
  EXPECT_EQ(settings_now(), settings);
  call();
  EXPECT_EQ(settings_now(), settings) << "the library leaves them as they were";
  at::autocast::set_autocast_enabled(at::kCPU, false);
}

// An entry point at inference whose caller's function is `call`.
void enter(const std::function<void()>& call) {
  guarded_with_callbacks([&] {
    const nn::InferenceScope inference;
    call_back(call);
    EXPECT_EQ(settings_now(), kInference);
  });
}

TEST(Callback, FindsLibTorchAsItsCallerHadSetIt) {
  for (const Settings& settings : {kPlain, kInference, kNoGradients, kAutocast}) {
    Settings found;
    call_with(settings, [&] { enter([&] { found = settings_now(); }); });
    EXPECT_EQ(found, settings);
  }
}

TEST(Callback, ItsOwnCallsHaveItsOwnSettings) {
  std::vector<Settings> found;
  const auto look = [&] { found.push_back(settings_now()); };
  call_with(kNoGradients, [&] {
    enter([&] {
      look();
      call_with(kInference, [&] { enter(look); });
      call_with(kAutocast, [&] { enter(look); });
      look();
    });
  });
  EXPECT_EQ(found, (std::vector<Settings>{kNoGradients, kInference, kAutocast, kNoGradients}));
}

// As training tells of its scoring: the answer step calls training back, which calls its caller.
TEST(Callback, AFunctionOfTheLibraryCallsTheOuterCallerBack) {
  Settings found;
  Settings found_between;
  call_with(kNoGradients, [&] {
    enter([&] { EXPECT_EQ(settings_now(), kNoGradients); });
    guarded_with_callbacks([&] {
      const at::AutoGradMode gradients(true);
      enter([&] {
        found_between = settings_now();
        call_back([&] { found = settings_now(); });
      });
    });
  });
  EXPECT_EQ(found_between, kPlain);
  EXPECT_EQ(found, kNoGradients);
}

TEST(Callback, WhatItThrowsLeavesTheSettingsAsTheyWere) {
  call_with(kNoGradients, [] {
    EXPECT_THROW(enter([] { throw std::runtime_error("the caller's own"); }), std::runtime_error);
    EXPECT_EQ(CallersScope::current(), nullptr);
    Settings found;
    enter([&] { found = settings_now(); });
    EXPECT_EQ(found, kNoGradients);
  });
}

TEST(Callback, AnswersAndPassagesAreToldOfInTheCallersMode) {
  const test::TempDir dir;
  test::write_tiny_model(dir.path());
  const auto model = Model::load(dir.path());
  const auto store = open_passage_store("memory:", model->fingerprint());
  const std::vector<Passage> passages{{.id = "p", .text = "the king of the river"}};
  const std::vector<QaRequest> requests{{.question = "who", .passages = passages}};
  for (const Settings& settings : {kPlain, kInference, kNoGradients, kAutocast}) {
    std::vector<Settings> found;
    const auto look = [&](std::size_t, std::size_t) { found.push_back(settings_now()); };
    call_with(settings, [&] {
      SpanQa(model).answer_each(
          requests, [&](std::size_t, Outcome<QaResult>&&) { found.push_back(settings_now()); }, {},
          {.progress = look});
      static_cast<void>(encode_passages(*model, passages, {.progress = look}));
      PassageEncoder(model, store).encode(passages, {.progress = look});
    });
    EXPECT_GE(found.size(), 4U);
    EXPECT_EQ(found, std::vector<Settings>(found.size(), settings));
  }
}

}  // namespace
}  // namespace deformer
