#include "base/quote.h"

#include <gtest/gtest.h>

#include <string>

namespace deformer {
namespace {

TEST(InQuotes, IsOneLineOfUtf8WhateverTheTextHolds) {
  EXPECT_EQ(in_quotes("p1"), R"("p1")");
  EXPECT_EQ(in_quotes("say \"no\"\n"), R"("say \"no\"\n")");
  EXPECT_EQ(in_quotes(std::string("\x01", 1)), R"("\u0001")");
  EXPECT_EQ(in_quotes("caf\xC3\xA9"), "\"caf\xC3\xA9\"");
  EXPECT_EQ(in_quotes("caf\xE9"), "\"caf\xEF\xBF\xBD\"");
}

TEST(InQuotes, CutsALongTextBetweenCodePoints) {
  EXPECT_EQ(in_quotes(std::string(120, 'x')), '"' + std::string(120, 'x') + '"');
  EXPECT_EQ(in_quotes(std::string(121, 'x')), '"' + std::string(120, 'x') + "...\"");
  const std::string accent = "\xC3\xA9";
  EXPECT_EQ(in_quotes(std::string(119, 'x') + accent), '"' + std::string(119, 'x') + "...\"");
  EXPECT_EQ(in_quotes(std::string(118, 'x') + accent + "y"),
            '"' + std::string(118, 'x') + accent + "...\"");
}

}  // namespace
}  // namespace deformer
