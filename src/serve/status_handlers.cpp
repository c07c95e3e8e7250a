#include "serve/handlers.h"
#include "serve/metrics.h"
#include "serve/openapi.h"
#include "serve/page.h"
#include "serve/response_json.h"

namespace deformer::serve {

void handle_livez(const Call& call) {
  call.exchange->respond({.content_type = "text/plain", .body = "live\n"});
}

void handle_readyz(const Call& call) {
  if (call.api.stopping()) {
    return call.exchange->respond(to_response({503, "stopping", "the service is stopping", "", 1}));
  }
  if (!call.service) {
    return call.exchange->respond(
        to_response({503, "loading", "the model is being loaded", "", 1}));
  }
  call.exchange->respond({.content_type = "text/plain", .body = "ready\n"});
}

void handle_metrics(const Call& call) {
  std::optional<ServiceStats> stats;
  if (call.service) stats = call.service->stats();
  call.exchange->respond({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                          .body = call.api.metrics().render(stats ? &*stats : nullptr)});
}

void handle_openapi(const Call& call) {
  call.exchange->respond({.body = openapi_document(call.api.options())});
}

void handle_info(const Call& call) {
  using Description = ServiceDescription;
  limit_time(call);
  call.service->describe(
      then_in_connection<Description>(call.exchange, [call](Outcome<Description>&& reply) {
        if (const Error* const error = reply.error())
          return respond_error(call, *error, Work::kRead);
        const AnswerService& service = *call.service;
        call.exchange->respond(
            {.body = info_line(reply.value(), service.kind(), service.labels())});
      }));
}

void handle_page(const Call& call) {
  call.exchange->respond(page());
}

}  // namespace deformer::serve
