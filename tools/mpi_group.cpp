#include "tools/mpi_group.h"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "deformer/error.h"

namespace deformer::tools {
namespace {

void check(int code, const char* action) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  ::MPI_Error_string(code, text.data(), &length);
  throw Error(ErrorCode::kIo, std::string("MPI: cannot ") + action + ": " +
                                  std::string(text.data(), static_cast<std::size_t>(length)));
}

// A rank that ends without leave() ends without MPI_Finalize: the launcher sees that, says so and
// ends the others.
class MpiGroup final : public ProcessGroup {
 public:
  MpiGroup(int rank, int size)
      : rank_(static_cast<std::uint64_t>(rank)), size_(static_cast<std::uint64_t>(size)) {}

  [[nodiscard]] std::uint64_t rank() const noexcept override { return rank_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }

  void begin_sum(std::span<float> values) override {
    constexpr std::size_t kMost = std::numeric_limits<int>::max();
    for (std::size_t begin = 0; begin < values.size(); begin += kMost) {
      const auto part = values.subspan(begin, std::min(kMost, values.size() - begin));
      check(::MPI_Iallreduce(MPI_IN_PLACE, part.data(), static_cast<int>(part.size()), MPI_FLOAT,
                             MPI_SUM, MPI_COMM_WORLD, &requests_.emplace_back()),
            "add up gradients");
    }
    // Nothing moves unless MPI is called now and then.
    int done = 0;
    check(::MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done,
                        MPI_STATUSES_IGNORE),
          "add up gradients");
  }

  void finish_sums() override {
    check(::MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE),
          "add up gradients");
    requests_.clear();
  }

  void leave() override { check(::MPI_Finalize(), "end"); }

 private:
  std::uint64_t rank_;
  std::uint64_t size_;
  std::vector<MPI_Request> requests_;
};

}  // namespace

std::unique_ptr<ProcessGroup> mpi_process_group() {
  if (!is_started_by_mpi()) return nullptr;
  // Backward passes on a GPU call from a thread of their own, one at a time.
  int provided = 0;
  check(::MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "begin");
  check(::MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "begin");
  int rank = 0;
  int size = 1;
  check(::MPI_Comm_rank(MPI_COMM_WORLD, &rank), "begin");
  check(::MPI_Comm_size(MPI_COMM_WORLD, &size), "begin");
  if (size > 1) return std::make_unique<MpiGroup>(rank, size);
  check(::MPI_Finalize(), "end");
  return nullptr;
}

}  // namespace deformer::tools
