// One process at a time writes to a store on disk.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace deformer {

/// An advisory lock (`flock`) on a file, held until the object goes or the process ends, however it
/// ends; a process that ends without the object's destructor leaves it to the children that it
/// forked. What a forked child does with its copy of the object changes nothing. The file itself
/// stays. Not safe for concurrent calls.
class WriterLock {
 public:
  enum class Mode { kWriter, kReader };

  /// Takes the lock at once or throws kIo. A writer makes the file when it is absent, excludes
  /// everyone and leaves its process number in the file; its error says who is there. A reader
  /// excludes writers only. `store` is the name of the store in errors.
  WriterLock(const std::filesystem::path& path, std::string_view store, Mode mode);
  ~WriterLock();
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  [[noreturn]] void fail_busy(std::string_view store, Mode mode) const;
  void leave_process_number() const;

  const pid_t process_;
  int descriptor_ = -1;
};

}  // namespace deformer
