// A function in a process of its own, for what needs several processes or must survive a crash.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace deformer::test {

/// Runs `body` after fork(). Stores must be opened by the child itself.
class ChildProcess {
 public:
  /// What the child uses to talk to its parent.
  class Pipe {
   public:
    explicit Pipe(int read_end, int write_end) : read_(read_end), write_(write_end) {}
    void send(char signal) const;
    /// Waits for a signal; 0 when the other side is gone.
    [[nodiscard]] char receive() const;

   private:
    int read_;
    int write_;
  };

  explicit ChildProcess(const std::function<void(const Pipe&)>& body);
  ~ChildProcess();  ///< kills it when it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] const Pipe& pipe() const { return pipe_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill() const;
  /// "" when `body` returned; the text of the exception that it threw; "signal N".
  [[nodiscard]] std::string wait();

 private:
  pid_t pid_ = -1;
  int to_child_ = -1;
  int from_child_ = -1;
  int errors_ = -1;
  Pipe pipe_{-1, -1};
};

/// Runs to the end; see ChildProcess::wait().
[[nodiscard]] std::string run_in_child(const std::function<void()>& body);

}  // namespace deformer::test
