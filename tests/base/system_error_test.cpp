#include "base/system_error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "support/expect_error.h"

namespace deformer {
namespace {

TEST(SystemError, TellsWhatIsAbsentAndWhatThereIsTooLittleOf) {
  EXPECT_EQ(error_code_of(ENOENT), ErrorCode::kNotFound);
  for (const int error : {ENOSPC, EDQUOT, EFBIG, ENOMEM, EMFILE, ENFILE, EAGAIN}) {
    EXPECT_EQ(error_code_of(error), ErrorCode::kResourceExhausted) << error;
  }
  for (const int error : {EACCES, EIO, EISDIR, EROFS, 0}) {
    EXPECT_EQ(error_code_of(error), ErrorCode::kIo) << error;
  }
}

TEST(SystemError, SaysWhereAndWhy) {
  EXPECT_EQ(system_message(EACCES), "Permission denied");
  test::expect_error(ErrorCode::kIo, "a.json: cannot open: Permission denied",
                     [] { throw_system_error("a.json", "open", EACCES); });
}

}  // namespace
}  // namespace deformer
