// Processes that meet at c10d's TCPStore. Each rank owns a part of the numbers, adds up what the
// others send it and sends the sum back, so every rank gets the same bits.
#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "deformer/error.h"
#include "deformer/process_group.h"
#include "nn/guard.h"

namespace deformer {
namespace {

constexpr std::chrono::minutes kPatience{30};
// The store refuses values of more than 8 MiB.
constexpr std::size_t kPieceFloats = std::size_t{1} << 20U;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::uint64_t number(const char* name, std::uint64_t below) {
  const std::string text = variable(name).value_or("");
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value < below) {
    return value;
  }
  throw Error(ErrorCode::kInvalidArgument, std::string("environment: ") + name +
                                               ": expected a number below " +
                                               std::to_string(below) + ", found \"" + text + "\"");
}

// The floats that one rank adds up.
std::span<float> part_of(std::span<float> values, std::uint64_t rank, std::uint64_t size) {
  const std::size_t begin = values.size() * rank / size;
  const std::size_t end = values.size() * (rank + 1) / size;
  return values.subspan(begin, end - begin);
}

// Messages between two ranks, in order.
struct Connection {
  c10::intrusive_ptr<c10d::TCPStore> store;

  static std::string queue(std::uint64_t from, std::uint64_t to) {
    return "deformer/" + std::to_string(from) + "/" + std::to_string(to);
  }

  void send(std::uint64_t from, std::uint64_t to, std::span<const float> values) const {
    for (std::size_t begin = 0; begin < values.size(); begin += kPieceFloats) {
      const auto piece = values.subspan(begin, std::min(kPieceFloats, values.size() - begin));
      std::vector<std::uint8_t> bytes(piece.size_bytes());
      std::memcpy(bytes.data(), piece.data(), bytes.size());
      store->queuePush(queue(from, to), bytes);
    }
  }

  // Calls `take(place, pieces)` for each piece as it comes.
  template <typename Take>
  void receive(std::uint64_t from, std::uint64_t to, std::span<float> values, Take&& take) const {
    std::vector<float> piece;
    for (std::size_t begin = 0; begin < values.size(); begin += kPieceFloats) {
      const auto place = values.subspan(begin, std::min(kPieceFloats, values.size() - begin));
      const std::vector<std::uint8_t> bytes = store->queuePop(queue(from, to), /*block=*/true);
      if (bytes.size() != place.size_bytes()) {
        throw Error(ErrorCode::kIncompatible, "rank " + std::to_string(from) + ": expected " +
                                                  std::to_string(place.size_bytes()) +
                                                  " bytes, found " + std::to_string(bytes.size()) +
                                                  ": do all processes run the same command?");
      }
      piece.resize(place.size());
      std::memcpy(piece.data(), bytes.data(), bytes.size());
      take(place, piece);
    }
  }
};

class StoreGroup final : public ProcessGroup {
 public:
  StoreGroup(std::uint64_t rank, std::uint64_t size, c10::intrusive_ptr<c10d::TCPStore> store)
      : rank_(rank), size_(size), connection_{std::move(store)} {}

  [[nodiscard]] std::uint64_t rank() const noexcept override { return rank_; }
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  void begin_sum(std::span<float> values) override;
  void finish_sums() override {}
  void leave() override;

 private:
  void sum(std::span<float> values) const;
  void say_farewell() const;
  [[noreturn]] void lose(const std::exception& error) const;

  std::uint64_t rank_;
  std::uint64_t size_;
  Connection connection_;
};

void StoreGroup::begin_sum(std::span<float> values) {
  try {
    sum(values);
  } catch (const c10::Error& error) {
    lose(error);
  }
}

void StoreGroup::sum(std::span<float> values) const {
  for (std::uint64_t other = 0; other < size_; ++other) {
    if (other != rank_) connection_.send(rank_, other, part_of(values, other, size_));
  }
  const std::span<float> own = part_of(values, rank_, size_);
  for (std::uint64_t other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    connection_.receive(other, rank_, own, [](std::span<float> place, const auto& piece) {
      for (std::size_t i = 0; i < place.size(); ++i) place[i] += piece[i];
    });
  }
  for (std::uint64_t other = 0; other < size_; ++other) {
    if (other != rank_) connection_.send(rank_, other, own);
  }
  for (std::uint64_t other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    connection_.receive(other, rank_, part_of(values, other, size_),
                        [](std::span<float> place, const auto& piece) {
                          std::copy(piece.begin(), piece.end(), place.begin());
                        });
  }
}

// The one that serves the others returns when all have left.
void StoreGroup::leave() {
  try {
    say_farewell();
  } catch (const c10::Error& error) {
    lose(error);
  }
}

void StoreGroup::say_farewell() const {
  std::vector<float> word(1);
  if (rank_ != 0) return connection_.send(rank_, 0, word);
  const auto ignore = [](const auto& /*place*/, const auto& /*piece*/) {};
  for (std::uint64_t other = 1; other < size_; ++other) {
    connection_.receive(other, 0, word, ignore);
  }
}

void StoreGroup::lose(const std::exception& error) const {
  throw Error(ErrorCode::kIo, "rank " + std::to_string(rank_) +
                                  ": lost the other processes: " + nn::first_line(error.what()));
}

}  // namespace

std::unique_ptr<ProcessGroup> process_group_from_environment() {
  if (!variable("WORLD_SIZE")) return nullptr;
  const std::uint64_t size = number("WORLD_SIZE", 1'000'000);
  if (size <= 1) return nullptr;
  const std::uint64_t rank = number("RANK", size);
  const std::string address = variable("MASTER_ADDR").value_or("127.0.0.1");
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(number("MASTER_PORT", 65536));
  // torchrun's agent serves the store itself.
  const bool agent_serves = variable("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  options.isServer = rank == 0 && !agent_serves;
  options.numWorkers = agent_serves ? std::nullopt : std::optional<std::size_t>(size);
  options.timeout = kPatience;
  try {
    return std::make_unique<StoreGroup>(rank, size,
                                        c10::make_intrusive<c10d::TCPStore>(address, options));
  } catch (const c10::Error& error) {
    throw Error(ErrorCode::kIo, address + ":" + std::to_string(options.port) +
                                    ": cannot meet the other processes: " +
                                    nn::first_line(error.what_without_backtrace()));
  }
}

}  // namespace deformer
