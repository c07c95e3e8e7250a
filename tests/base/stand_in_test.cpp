#include "base/stand_in.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

constexpr const char* kPointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 433000000\n";

void expect_refused(const std::string& bytes, const std::string& message) {
  test::expect_error(ErrorCode::kCorrupt, "model.bin: expected the file itself, found " + message,
                     [&] { refuse_stand_in(bytes, "model.bin"); });
}

TEST(StandIn, NamesAGitLfsPointerAndWhatToDo) {
  expect_refused(kPointer,
                 "a Git LFS pointer to one of 433000000 bytes: fetch it with git lfs pull");
  expect_refused("version https://git-lfs.github.com/spec/v1", "a Git LFS pointer to one: fetch");
}

TEST(StandIn, NamesAPageThatAServerSent) {
  for (const char* page : {"<!DOCTYPE html>\n<html>", "\xEF\xBB\xBF \n<HTML lang=\"en\">",
                           "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"}) {
    expect_refused(page, "a page of HTML or XML");
  }
}

TEST(StandIn, LeavesOtherFilesAlone) {
  for (const std::string bytes : {"", "<", "<html", "<htmlish\n", "[PAD]\n<html>\n", "version 1",
                                  "{\"a\": \"<html>\"}", "\xFF\x00\x01"}) {
    EXPECT_NO_THROW(refuse_stand_in(bytes, "f")) << bytes;
  }
}

TEST(StandIn, IsNamedInPlaceOfJson) {
  const test::TempDir directory;
  write_file(directory / "config.json", kPointer);
  test::expect_error(ErrorCode::kCorrupt, "config.json: expected the file itself, found a Git LFS",
                     [&] { (void)load_json(directory / "config.json"); });
}

}  // namespace
}  // namespace deformer
