#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "support/expect_error.h"
#include "support/fault_shim.h"
#include "support/temp_dir.h"

namespace deformer {
namespace {

using test::arm_fault;
using test::disarm_fault;
using test::kShortWrite;

namespace fs = std::filesystem;

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.insert(entry.path().filename());
  return names;
}

mode_t permissions_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

class UmaskGuard {
 public:
  explicit UmaskGuard(mode_t mask) : old_(::umask(mask)) {}
  ~UmaskGuard() { ::umask(old_); }
  UmaskGuard(const UmaskGuard&) = delete;
  UmaskGuard& operator=(const UmaskGuard&) = delete;

 private:
  mode_t old_;
};

// What limits of a whole process do, tried in a child: the code of the Error that `statement`
// throws, -1 when it throws none.
int error_code_in_child(const std::function<void()>& statement) {
  constexpr int kNone = 99;
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      statement();
    } catch (const Error& error) {
      ::_exit(static_cast<int>(error.code()));
    } catch (...) {
    }
    ::_exit(kNone);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  return WEXITSTATUS(status) == kNone ? -1 : WEXITSTATUS(status);
}

TEST(ReadFile, ReturnsAllBytes) {
  const test::TempDir directory;
  const std::string bytes("a\0\n\xFF", 4);
  write_file(directory / "data", bytes);
  EXPECT_EQ(read_file(directory / "data"), bytes);
  const std::string large(3'000'001, 'x');
  write_file(directory / "data", large);
  EXPECT_EQ(read_file(directory / "data"), large);
  write_file(directory / "data", "");
  EXPECT_EQ(read_file(directory / "data"), "");
}

TEST(ReadFile, ReadsFilesThatHaveNoSize) {
  EXPECT_EQ(read_file("/dev/null"), "");
  EXPECT_THAT(read_file("/proc/self/status"), testing::HasSubstr("Pid:"));
}

TEST(ReadFile, NamesAFileThatCannotBeRead) {
  const test::TempDir directory;
  test::expect_error(ErrorCode::kNotFound, "absent: cannot open: No such file",
                     [&] { (void)read_file(directory / "absent"); });
  test::expect_error(ErrorCode::kIo, ": expected a file, found a directory",
                     [&] { (void)read_file(directory.path()); });
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
  const test::TempDir directory;
  write_file(directory / "data", "12345");
  EXPECT_EQ(read_file(directory / "data", 5), "12345");
  test::expect_error(ErrorCode::kInvalidArgument, "data: expected at most 4 bytes, found more",
                     [&] { (void)read_file(directory / "data", 4); });
  test::expect_error(ErrorCode::kInvalidArgument, "expected at most 1000 bytes",
                     [] { (void)read_file("/dev/zero", 1000); });
}

TEST(ReadFile, RefusesAHugeFileBeforeTakingMemory) {
  const test::TempDir directory;
  write_file(directory / "data", "");
  fs::resize_file(directory / "data", std::uintmax_t{1} << 40);
  test::expect_error(ErrorCode::kInvalidArgument, "expected at most ",
                     [&] { (void)read_file(directory / "data"); });
}

TEST(AtomicFile, CreatesAndReplacesAFile) {
  const test::TempDir directory;
  write_file(directory / "data", "old and longer");
  EXPECT_EQ(read_file(directory / "data"), "old and longer");
  AtomicFile file(directory / "data");
  file.write("n");
  file.write("");
  file.write("ew");
  EXPECT_EQ(read_file(directory / "data"), "old and longer");
  file.commit();
  EXPECT_EQ(read_file(directory / "data"), "new");
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"data"});
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const test::TempDir directory;
  write_file(directory / "old", "old");
  for (const char* name : {"old", "new"}) {
    AtomicFile file(directory / name);
    file.write("never seen");
  }
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"old"});
  EXPECT_EQ(read_file(directory / "old"), "old");
}

TEST(AtomicFile, LeavesNothingWhenTheRenameFails) {
  const test::TempDir directory;
  {
    AtomicFile file(directory / "data");
    file.write("text");
    fs::create_directories(directory / "data" / "in the way");
    test::expect_error(ErrorCode::kIo,
                       "data: cannot rename the temporary file to: ", [&] { file.commit(); });
  }
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"data"});
}

TEST(AtomicFile, TwoWritersOfOneTargetDoNotMeet) {
  const test::TempDir directory;
  AtomicFile first(directory / "data");
  AtomicFile second(directory / "data");
  first.write("first");
  second.write("second");
  second.commit();
  EXPECT_EQ(read_file(directory / "data"), "second");
  first.commit();
  EXPECT_EQ(read_file(directory / "data"), "first");
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"data"});
}

TEST(AtomicFile, IsDoneWithItsTemporaryNameAfterCommit) {
  const test::TempDir directory;
  std::optional<AtomicFile> first(directory / "data");
  first->commit();
  AtomicFile second(directory / "data");  // takes the name that is free again
  first.reset();
  second.write("second");
  second.commit();
  EXPECT_EQ(read_file(directory / "data"), "second");
}

TEST(AtomicFile, KeepsPermissionsAndFollowsTheUmaskForANewFile) {
  const test::TempDir directory;
  const UmaskGuard umask(027);
  write_file(directory / "new", "");
  EXPECT_EQ(permissions_of(directory / "new"), 0640U);
  ASSERT_EQ(::chmod((directory / "new").c_str(), 0604), 0);
  write_file(directory / "new", "again");
  EXPECT_EQ(permissions_of(directory / "new"), 0604U);
}

TEST(AtomicFile, ReplacesWhatALinkPointsTo) {
  const test::TempDir directory;
  fs::create_directory(directory / "elsewhere");
  write_file(directory / "elsewhere" / "data", "old");
  fs::create_symlink("elsewhere/data", directory / "link");
  write_file(directory / "link", "new");
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
  EXPECT_EQ(read_file(directory / "elsewhere" / "data"), "new");
  EXPECT_EQ(names_in(directory / "elsewhere"), std::set<std::string>{"data"});
}

TEST(AtomicFile, MakesWhatALinkPointsTo) {
  const test::TempDir directory;
  fs::create_directory(directory / "elsewhere");
  fs::create_symlink("elsewhere/data", directory / "second");
  fs::create_symlink(directory / "second", directory / "first");
  write_file(directory / "first", "new");
  EXPECT_TRUE(fs::is_symlink(directory / "first"));
  EXPECT_TRUE(fs::is_symlink(directory / "second"));
  EXPECT_EQ(read_file(directory / "elsewhere" / "data"), "new");
  const fs::path before = fs::current_path();
  fs::current_path(directory / "elsewhere");
  fs::create_symlink("target", "link");
  write_file("link", "text");
  fs::current_path(before);
  EXPECT_EQ(read_file(directory / "elsewhere" / "target"), "text");
  EXPECT_EQ(names_in(directory / "elsewhere"), (std::set<std::string>{"data", "link", "target"}));
  EXPECT_EQ(names_in(directory.path()), (std::set<std::string>{"elsewhere", "first", "second"}));
}

TEST(AtomicFile, LeavesLinksThatLeadNowhere) {
  const test::TempDir directory;
  fs::create_symlink("b", directory / "a");
  fs::create_symlink("a", directory / "b");
  test::expect_error(ErrorCode::kIo, "a: cannot resolve: Too many levels",
                     [&] { AtomicFile file(directory / "a"); });
  fs::create_symlink("absent/data", directory / "c");
  test::expect_error(ErrorCode::kNotFound,
                     "absent/data: cannot create: ", [&] { AtomicFile file(directory / "c"); });
  EXPECT_EQ(names_in(directory.path()), (std::set<std::string>{"a", "b", "c"}));
  for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(fs::is_symlink(directory / name)) << name;
}

TEST(AtomicFile, WritesToANameWithoutDirectory) {
  const test::TempDir directory;
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  write_file("data", "text");
  fs::current_path(before);
  EXPECT_EQ(read_file(directory / "data"), "text");
}

TEST(AtomicFile, NamesATargetThatCannotBe) {
  const test::TempDir directory;
  test::expect_error(ErrorCode::kIo, ": expected a file, found a directory",
                     [&] { AtomicFile file(directory.path()); });
  test::expect_error(ErrorCode::kNotFound, "absent/data: cannot create: ", [&] {
    AtomicFile file(directory / "absent" / "data");
  });
  write_file(directory / "file", "");
  test::expect_error(ErrorCode::kIo, "file/data: cannot create: ", [&] {
    AtomicFile file(directory / "file" / "data");
  });
}

TEST(AtomicFile, NamesADirectoryThatMayNotBeWritten) {
  const test::TempDir directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0555), 0);
  constexpr uid_t kNobody = 65534;
  const int code = error_code_in_child([&] {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) throw Error(ErrorCode::kUnsupported, "");
    write_file(directory / "data", "text");
  });
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  if (code == static_cast<int>(ErrorCode::kUnsupported)) {
    GTEST_SKIP() << "a superuser that cannot become another user may write anywhere";
  }
  EXPECT_EQ(code, static_cast<int>(ErrorCode::kIo));
  EXPECT_TRUE(names_in(directory.path()).empty());
}

// Each call that writes fails in turn, or writes half.
TEST(AtomicFile, AFailedCallLeavesAWholeFileAndNothingElse) {
  const test::TempDir dir;
  const fs::path target = dir / "file";
  const std::string old_text(5000, 'o');
  const std::string new_text(200000, 'n');
  int errors = 0;
  for (const int error : {EIO, ENOSPC, EINTR, kShortWrite}) {
    long count = 0;
    for (long call = 1; call == 1 || count >= call - 1; ++call) {
      write_file(target, old_text);
      bool has_failed = false;
      arm_fault(call, error);
      try {
        AtomicFile file(target);
        for (std::size_t at = 0; at < new_text.size(); at += 50000) {
          file.write(std::string_view(new_text).substr(at, 50000));
        }
        file.commit();
      } catch (const Error& thrown) {
        has_failed = true;
        EXPECT_EQ(std::string(thrown.what()).find(target.string() + ": cannot "), 0U);
      }
      count = disarm_fault();
      const std::string found = read_file(target);
      EXPECT_TRUE(found == new_text || (has_failed && found == old_text)) << call << ", " << error;
      EXPECT_EQ(names_in(dir.path()), std::set<std::string>{"file"}) << call << ", " << error;
      errors += has_failed ? 1 : 0;
    }
  }
  EXPECT_GT(errors, 12);
}

TEST(SyncDirectory, TellsThatTheDiskFailsAndNothingElse) {
  const test::TempDir directory;
  EXPECT_TRUE(sync_directory(directory.path()));
  EXPECT_TRUE(sync_directory(""));
  EXPECT_TRUE(sync_directory(directory / "absent"));
  arm_fault(1, EIO);
  const bool synced = sync_directory(directory.path());
  const int error = errno;
  disarm_fault();
  EXPECT_FALSE(synced);
  EXPECT_EQ(error, EIO);
}

TEST(AtomicFile, FullDiskLeavesTheOldFile) {
  const test::TempDir directory;
  write_file(directory / "data", "old");
  const int code = error_code_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return;
    write_file(directory / "data", std::string(1'000'000, 'x'));
  });
  EXPECT_EQ(code, static_cast<int>(ErrorCode::kResourceExhausted));
  EXPECT_EQ(names_in(directory.path()), std::set<std::string>{"data"});
  EXPECT_EQ(read_file(directory / "data"), "old");
}

TEST(AtomicFile, FullDeviceIsResourceExhausted) {
  test::expect_error(ErrorCode::kResourceExhausted, "/dev/full: cannot write: No space left",
                     [] { write_file("/dev/full", "text"); });
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(AtomicFile, WritesDirectlyIntoAPipe) {
  const test::TempDir directory;
  const fs::path pipe = directory / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  write_file(pipe, "text");
  char bytes[8] = {};
  EXPECT_EQ(::read(reader, bytes, sizeof bytes), 4);
  EXPECT_STREQ(bytes, "text");
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST(AtomicFile, AppendsToAnOpenFileNamedByItsDescriptor) {
  const test::TempDir directory;
  write_file(directory / "log", "before\n");
  const int log = ::open((directory / "log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(log, 0);
  write_file("/dev/fd/" + std::to_string(log), "after\n");
  ::close(log);
  EXPECT_EQ(read_file(directory / "log"), "before\nafter\n");
}

}  // namespace
}  // namespace deformer
