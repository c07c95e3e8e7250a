// POST /v1/passages with a passage a line: encoded and stored batch by batch, a line out for each.
#include <algorithm>

#include "base/json_id.h"
#include "deformer/passage_store.h"
#include "serve/handlers.h"
#include "serve/response_json.h"

namespace deformer::serve {
namespace {

// One batch is put before the next is asked for, so a long stream leaves room for other writers.
constexpr std::size_t kBatchPassages = 64;
constexpr std::size_t kBatchBytes = std::size_t{64} << 10;
constexpr std::chrono::milliseconds kPutRetryDelay{50};

// A stream that has not begun is told so as a whole.
bool concerns_all_lines(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kOverloaded:
    case ErrorCode::kCancelled:
    case ErrorCode::kUnsupported:
    case ErrorCode::kIncompatible:
      return true;
    default:
      return false;
  }
}

// Lives as long as a batch or a piece of the response is under way. Belongs to the connection's
// thread.
class PassageStream : public std::enable_shared_from_this<PassageStream> {
 public:
  explicit PassageStream(const Call& call) : call_(call), lines_(lines_of(call)) {}

  void put_more() {
    if (call_.exchange->gone().stop_requested()) return give_up();
    while (next_ < lines_.size()) {
      read_batch();
      if (!batch_.empty()) return put();
      // Lines at fault alone.
      flush();
    }
    finish();
  }

 private:
  // Nothing more is put, and every line has its answer.
  void give_up() {
    const Error error(ErrorCode::kCancelled, "cancelled");
    if (!begun_) return respond_error(call_, error, Work::kWrite);
    for (; next_ < lines_.size(); ++next_) {
      const BodyLine& line = lines_[next_];
      out_.push_back(
          fault_line(line.number, error_of(call_, error, Work::kWrite), find_json_id(line.text)));
    }
    flush();
    finish();
  }

  void finish() {
    if (!begun_) begin();
    if (!pending_.empty()) call_.exchange->write(std::exchange(pending_, {}), [] {});
    call_.exchange->end_stream();
  }

  // Lines of the batch that failed already have their text in `out_`, others are empty.
  void read_batch() {
    batch_.clear();
    out_.clear();
    batch_bytes_ = 0;
    while (next_ < lines_.size() && batch_.size() < kBatchPassages && batch_bytes_ < kBatchBytes) {
      if (!read_line(lines_[next_])) return;
      ++next_;
    }
  }

  // False for a passage that has to wait for the next batch.
  bool read_line(const BodyLine& line) {
    try {
      Passage passage = parse_passage(line.text, std::nullopt, call_.api.options().limits);
      // Now, because another passage of the batch may have that very id.
      if (passage.id.empty()) passage.id = content_id(passage.text);
      // An id may come again with another text: the later one is to win.
      if (is_in_batch(passage.id)) return false;
      batch_bytes_ += passage.text.size();
      batch_.push_back(std::move(passage));
      out_.emplace_back();
    } catch (const ApiFault& fault) {
      out_.push_back(fault_line(line.number, fault.error(), find_json_id(line.text)));
    }
    return true;
  }

  [[nodiscard]] bool is_in_batch(const std::string& id) const {
    return std::any_of(batch_.begin(), batch_.end(),
                       [&](const Passage& other) { return other.id == id; });
  }

  void put() {
    call_.service->put_passages(
        batch_, {.cancel = call_.exchange->gone()},
        then_in_connection<PutReport>(
            call_.exchange,
            [self = shared_from_this()](Outcome<PutReport>&& reply) { self->on_put(reply); }));
  }

  void put_later() {
    call_.exchange->run_after(kPutRetryDelay, [self = shared_from_this()] { self->put(); });
  }

  void on_put(const Outcome<PutReport>& reply) {
    const Error* error = reply.error();
    if (error != nullptr && !begun_ && concerns_all_lines(*error)) {
      return respond_error(call_, *error, Work::kWrite);
    }
    const bool overloaded = error != nullptr && is_overloaded(*error);
    if (overloaded && !call_.exchange->gone().stop_requested()) return put_later();
    // Whoever left is not refused.
    const Error given_up(ErrorCode::kCancelled, "cancelled");
    if (overloaded) error = &given_up;
    std::size_t line = next_ - out_.size();
    std::size_t place = 0;
    for (std::string& text : out_) {
      const BodyLine& from = lines_[line++];
      if (!text.empty()) continue;
      text = error == nullptr ? stored_line(reply.value().ids.at(place))
                              : fault_line(from.number, error_of(call_, *error, Work::kWrite),
                                           find_json_id(from.text));
      ++place;
    }
    flush();
    wait_until_written();
  }

  void begin() {
    begun_ = true;
    call_.exchange->begin_stream({.content_type = kLinesType});
  }
  void flush() {
    if (!begun_) begin();
    for (std::string& text : out_) pending_ += text;
    out_.clear();
  }
  void wait_until_written() {
    call_.exchange->write(std::exchange(pending_, {}),
                          [self = shared_from_this()] { self->put_more(); });
  }

  Call call_;
  std::vector<BodyLine> lines_;  // views of the exchange's body
  std::size_t next_ = 0;
  std::vector<Passage> batch_;
  std::size_t batch_bytes_ = 0;
  std::vector<std::string> out_;
  std::string pending_;
  bool begun_ = false;
};

}  // namespace

void handle_put_passages(const Call& call) {
  if (!call.service->has_store()) return respond_error(call, no_store(), Work::kWrite);
  std::make_shared<PassageStream>(call)->put_more();
}

}  // namespace deformer::serve
