// POST /v1/answer with a question a line: a line out for each line in, in order, as answers come.
#include <map>
#include <set>
#include <utility>

#include "base/json_id.h"
#include "serve/answer_json.h"
#include "serve/handlers.h"
#include "serve/response_json.h"

namespace deformer::serve {
namespace {

// Lines of one stream that are asked and not yet sent: enough to fill batches, and few enough that
// others get their turn.
constexpr std::size_t kLinesUnderWay = 64;
constexpr std::chrono::milliseconds kAskRetryDelay{20};

// Lives as long as an answer or a piece of the response is under way. Belongs to the connection's
// thread.
class AnswerStream : public std::enable_shared_from_this<AnswerStream> {
 public:
  explicit AnswerStream(const Call& call) : call_(call), lines_(lines_of(call)) {}

  void ask_more() {
    if (ended_) return;
    if (call_.exchange->gone().stop_requested()) return give_up();
    while (!retry_.empty() && asked_ == 0) {
      const std::size_t place = *retry_.begin();
      retry_.erase(retry_.begin());
      ask(place);
    }
    while (retry_.empty() && next_ < lines_.size() && next_ - written_ < kLinesUnderWay) {
      ask(next_++);
    }
    if (lines_.empty()) finish();
  }

 private:
  // What becomes of a line, once there is an answer.
  struct LineContext {
    std::size_t place = 0;
    LineFields fields;
    QuestionPlaces places;
  };

  void ask(std::size_t place) {
    const BodyLine& line = lines_[place];
    try {
      AnswerCall asked =
          parse_answer_line(line.text, call_.api.options().answers, call_.api.options().limits);
      const LineFields fields{.id_json = asked.fields.id_json,
                              .question = "",
                              .no_answer_score = asked.request.options->allow_no_answer,
                              .timing = asked.fields.timing};
      if (asked.request.passages.empty()) {
        return take(place, result_line(result_without_passages(call_, asked.request.question,
                                                               asked.fields.places),
                                       fields));
      }
      asked.request.control = control_of(call_, asked.fields.timeout);
      const LineContext context{place, fields, asked.fields.places};
      ++asked_;
      call_.service->answer(
          std::move(asked.request),
          then_in_connection<QaResult>(
              call_.exchange, [self = shared_from_this(), context](Outcome<QaResult>&& reply) {
                self->on_reply(context, reply);
              }));
    } catch (const ApiFault& fault) {
      take(place, fault_of(place, fault.error()));
    }
  }

  void on_reply(const LineContext& line, const Outcome<QaResult>& reply) {
    --asked_;
    // As a whole: there is nobody for its lines.
    if (!begun_ && call_.exchange->gone().stop_requested()) return give_up();
    const Error* const error = reply.error();
    if (error != nullptr && is_overloaded(*error)) return on_refused(line.place, *error);
    if (error != nullptr) {
      const ApiError told = question_error(call_, *error, line.places);
      take(line.place, fault_line(lines_[line.place].number, told, line.fields.id_json));
    } else {
      take(line.place, result_line(reply.value(), line.fields));
    }
    ask_more();
  }

  // A stream that has not begun is refused as a whole. One that has waits for room: its lines are
  // accepted work.
  void on_refused(std::size_t place, const Error& error) {
    if (ended_) return;
    if (!begun_ && asked_ == 0 && ready_.empty()) return refuse(error);
    retry_.insert(place);
    if (asked_ > 0) return;
    call_.exchange->run_after(kAskRetryDelay, [self = shared_from_this()] { self->ask_more(); });
  }

  // Nothing more is asked. Of a stream that has begun every line still has its answer.
  void give_up() {
    if (ended_) return;
    const Error error(ErrorCode::kCancelled, "cancelled");
    if (!begun_) return refuse(error);
    const ApiError told = error_of(call_, error, Work::kAnswer);
    for (const std::size_t place : std::exchange(retry_, {})) take(place, fault_of(place, told));
    while (next_ < lines_.size()) {
      const std::size_t place = next_++;
      take(place, fault_of(place, told));
    }
  }
  void refuse(const Error& error) {
    ended_ = true;
    respond_error(call_, error, Work::kAnswer);
  }
  [[nodiscard]] std::string fault_of(std::size_t place, const ApiError& told) const {
    const BodyLine& line = lines_[place];
    return fault_line(line.number, told, find_json_id(line.text));
  }

  // Sends what is next in order.
  void take(std::size_t place, std::string line) {
    if (ended_) return;
    ready_.emplace(place, std::move(line));
    while (!ready_.empty() && ready_.begin()->first == sent_) {
      if (!begun_) call_.exchange->begin_stream({.content_type = kLinesType});
      begun_ = true;
      ++sent_;
      call_.exchange->write(std::move(ready_.begin()->second), [self = shared_from_this()] {
        ++self->written_;
        self->ask_more();
      });
      ready_.erase(ready_.begin());
    }
    if (sent_ == lines_.size()) finish();
  }

  void finish() {
    if (ended_) return;
    ended_ = true;
    if (!begun_) call_.exchange->begin_stream({.content_type = kLinesType});
    call_.exchange->end_stream();
  }

  Call call_;
  std::vector<BodyLine> lines_;  // views of the exchange's body
  std::map<std::size_t, std::string> ready_;
  std::set<std::size_t> retry_;  // refused, to be asked again
  std::size_t next_ = 0;
  std::size_t asked_ = 0;  // by the service
  std::size_t sent_ = 0;
  std::size_t written_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

void stream_answers(const Call& call) {
  std::make_shared<AnswerStream>(call)->ask_more();
}

}  // namespace deformer::serve
