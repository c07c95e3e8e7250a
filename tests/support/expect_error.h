// Assertions on deformer::Error.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "deformer/error.h"

namespace deformer::test {

/// Expects that `statement` throws Error with `code`, in one line that contains `text`.
template <typename Function>
void expect_error(ErrorCode code, const std::string& text, Function&& statement) {
  try {
    statement();
    ADD_FAILURE() << "expected an error that contains \"" << text << "\", none was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << to_string(error.code()) << ": " << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(text));
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  }
}

}  // namespace deformer::test
