#include "serve/handlers.h"
#include "serve/response_json.h"

namespace deformer::serve {
namespace {

ApiError absent(const std::string& id) {
  return {404, "not_found", "passage \"" + id + "\": expected it in the store, found none", "id"};
}

}  // namespace

void handle_put_passage(const Call& call) {
  std::vector<Passage> passages{
      parse_passage(call.exchange->request().body, call.argument, call.api.options().limits)};
  call.service->put_passages(
      std::move(passages), timed_control(call, std::nullopt),
      then_in_connection<PutReport>(call.exchange, [call](Outcome<PutReport>&& reply) {
        if (const Error* const error = reply.error()) {
          return respond_error(call, *error, Work::kWrite);
        }
        const PutReport& report = reply.value();
        call.exchange->respond({.body = put_line(report.ids.front(), report.encoded > 0)});
      }));
}

void handle_list_passages(const Call& call) {
  PassageQuery query = parse_passage_query(call.exchange->request().query);
  limit_time(call);
  call.service->list_passages(
      std::move(query),
      then_in_connection<PassageList>(call.exchange, [call](Outcome<PassageList>&& reply) {
        if (const Error* const error = reply.error())
          return respond_error(call, *error, Work::kRead);
        call.exchange->respond({.body = passage_list(reply.value())});
      }));
}

void handle_get_passage(const Call& call) {
  using Found = std::optional<StoredPassage>;
  limit_time(call);
  call.service->find_passage(
      call.argument, then_in_connection<Found>(call.exchange, [call](Outcome<Found>&& reply) {
        if (const Error* const error = reply.error()) {
          return respond_error(call, *error, Work::kRead);
        }
        const Found& found = reply.value();
        call.exchange->respond(found ? Response{.body = passage_line(*found)}
                                     : to_response(absent(call.argument)));
      }));
}

void handle_delete_passage(const Call& call) {
  limit_time(call);
  call.service->erase_passage(
      call.argument,
      then_in_connection<std::size_t>(call.exchange, [call](Outcome<std::size_t>&& reply) {
        if (const Error* const error = reply.error()) {
          return respond_error(call, *error, Work::kWrite);
        }
        call.exchange->respond(reply.value() > 0 ? Response{.status = 204, .content_type = ""}
                                                 : to_response(absent(call.argument)));
      }));
}

}  // namespace deformer::serve
