// Requests to the service.
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/json_id.h"
#include "fuzz/fuzz_target.h"
#include "fuzz/input_files.h"
#include "serve/api_error.h"
#include "serve/request_json.h"

namespace deformer::fuzz {
namespace {

// A parser's refusal must become a response: its message and field go into JSON.
template <typename Parse>
void parse_or_refuse(const Parse& parse) {
  try {
    parse();
  } catch (const serve::ApiFault& fault) {
    const serve::ApiError& error = fault.error();
    if (error.status < 400 || error.status > 499) {
      throw std::logic_error("status " + std::to_string(error.status) + " for a bad request");
    }
    (void)serve::to_response(error);
  }
}

// Every form that a body can be read as: which one it is, is the route's.
void read_request(Input input) {
  const std::string_view text = as_text(input);
  const AnswerOptions defaults;
  const serve::RequestLimits limits;
  parse_or_refuse([&] { (void)serve::parse_answer_call(text, defaults, limits); });
  for (const TaskKind kind : {TaskKind::kClasses, TaskKind::kChoice}) {
    parse_or_refuse([&] { (void)serve::parse_classify_call(text, kind, limits); });
  }
  parse_or_refuse([&] { (void)serve::parse_hugging_face_call(text, defaults, limits); });
  parse_or_refuse([&] { (void)serve::parse_passage(text, std::nullopt, limits); });
  parse_or_refuse([&] { (void)serve::parse_passage(text, "id", limits); });
  parse_or_refuse([&] { (void)serve::parse_passage_query(text); });
  (void)find_json_id(text);
}

}  // namespace

std::span<const Target> serve_targets() {
  static constexpr std::array kTargets{Target{"request", read_request}};
  return kTargets;
}

}  // namespace deformer::fuzz
