#include "tools/cmd_serve.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "base/number_text.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "serve/api.h"
#include "serve/library_service.h"
#include "serve/log.h"
#include "serve/server.h"
#include "serve/warm_up.h"
#include "tools/config_file.h"
#include "tools/default_model.h"
#include "tools/number.h"
#include "tools/output.h"
#include "tools/talk.h"

namespace deformer::tools {
namespace {

constexpr const char* kServeFooter = R"(Examples:
  deformer serve --model DIR
  deformer serve --model DIR --store lmdb:passages --listen 127.0.0.1:0
  deformer serve --config /etc/deformer/serve.toml --api-keys keys --tls-cert c.pem --tls-key k.pem
  curl -s localhost:8080/v1/answer -H 'Content-Type: application/json' \
    -d '{"question": "Who wrote Faust?", "passage": "Faust was written by Goethe."}'

stdout has one line once the service listens, {"listening": "http://127.0.0.1:8080"}; the log is on
stderr. Every option may stand in the environment (--queue-tokens: DEFORMER_SERVE_QUEUE_TOKENS) and
in a file (--config; queue-tokens = 65536); the command line wins over the environment, which wins
over the file. SIGTERM and SIGINT stop in order, SIGHUP reads keys and certificate anew.
docs/service.md has routes, limits and operation.)";

constexpr std::size_t kMost = std::size_t{1} << 40;
constexpr std::size_t kMostHeaderBytes = std::size_t{16} << 20;

void add_listening(CLI::App& verb, ServeVerbOptions& options) {
  const std::string group = "Listening";
  verb.add_option("--listen", options.listen, "Address and port; port 0 = any free one")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str()
      ->group(group);
  verb.add_option("--io-threads", options.io_threads, "Threads that read and write connections")
      ->type_name("N")
      ->transform(whole_number(1, 64))
      ->capture_default_str()
      ->group(group);
  auto* certificate =
      verb.add_option("--tls-cert", options.tls_certificate, "Certificate chain in PEM: speak TLS")
          ->check(not_empty())
          ->type_name("FILE")
          ->group(group);
  verb.add_option("--tls-key", options.tls_key, "The certificate's private key in PEM")
      ->check(not_empty())
      ->type_name("FILE")
      ->needs(certificate)
      ->group(group);
  verb.add_option("--api-keys", options.api_keys,
                  "Bearer keys, a line each: read KEY, or write KEY")
      ->check(not_empty())
      ->type_name("FILE")
      ->group(group);
  verb.add_flag("--insecure", options.insecure,
                "Listen beyond the loopback interface without keys: everyone may ask, read and "
                "write")
      ->group(group);
  verb.add_option("--allow-host", options.allowed_hosts,
                  "Name that a request's Host may have where only this machine can reach a service "
                  "without keys; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->group(group);
  verb.add_option("--cors-origin", options.cors_origins,
                  "Origin whose pages may call; may be repeated; * = all")
      ->type_name("ORIGIN")
      ->allow_extra_args(false)
      ->group(group);
}

void add_size(CLI::App& verb, const char* name, std::size_t& value, const char* description,
              std::size_t most = kMost) {
  verb.add_option(name, value, description)
      ->type_name("N")
      ->transform(whole_number(1, most))
      ->capture_default_str()
      ->group("Limits");
}

void add_seconds(CLI::App& verb, const char* name, double& value, const char* description) {
  verb.add_option(name, value, description)
      ->type_name("SECONDS")
      ->check(real_number(0))
      ->capture_default_str()
      ->group("Limits");
}

void add_limits(CLI::App& verb, ServeVerbOptions& options) {
  add_size(verb, "--batch-tokens", options.batch_tokens, "Most tokens of one pass");
  add_size(verb, "--queue-tokens", options.queue_tokens,
           "Most tokens of questions that wait; beyond: 429");
  add_size(verb, "--write-queue-tokens", options.write_queue_tokens,
           "Most tokens of passages that wait; beyond: 429");
  add_seconds(verb, "--timeout", options.timeout, "Longest time for an answer; beyond: 504");
  add_size(verb, "--max-body-bytes", options.max_body_bytes, "Longest body; beyond: 413");
  add_size(verb, "--max-header-bytes", options.max_header_bytes, "Longest headers; beyond: 431",
           kMostHeaderBytes);
  add_size(verb, "--max-question-bytes", options.max_question_bytes, "Longest question");
  add_size(verb, "--max-passage-bytes", options.max_passage_bytes,
           "Longest passage; its states are held while it is read, some 2 KB a byte");
  add_size(verb, "--max-passages", options.max_passages, "Most passages of a question");
  add_size(verb, "--max-lines", options.max_lines, "Most lines of an NDJSON body; beyond: 413");
  add_size(verb, "--max-connections", options.max_connections,
           "Most connections; others wait to be let in");
  add_seconds(verb, "--header-timeout", options.header_timeout, "For a request's headers");
  add_seconds(verb, "--body-timeout", options.body_timeout, "For a request's body");
  add_seconds(verb, "--write-timeout", options.write_timeout, "For a client to take a response");
  add_seconds(verb, "--idle-timeout", options.idle_timeout, "Between two requests");
}

void add_operation(CLI::App& verb, ServeVerbOptions& options) {
  const std::string group = "Operation";
  verb.add_option("--config", options.config, "Options that are given nowhere else")
      ->check(not_empty())
      ->type_name("FILE")
      ->group(group);
  verb.add_option("--drain", options.drain,
                  "Go on serving for so long after SIGTERM, with /readyz saying no")
      ->type_name("SECONDS")
      ->check(real_number(0))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--grace", options.grace, "Then finish work that has begun for at most so long")
      ->type_name("SECONDS")
      ->check(real_number(0))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--log-format", options.log_format, "plain or json")
      ->type_name("NAME")
      ->check(CLI::IsMember({"plain", "json"}))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--log-level", options.log_level, "info: a line a request; error: faults alone")
      ->type_name("NAME")
      ->check(CLI::IsMember({"info", "error"}))
      ->capture_default_str()
      ->group(group);
}

void add_environment(CLI::App& verb) {
  for (CLI::Option* const option : verb.get_options()) {
    const std::string name = option->get_single_name();
    if (name == "help") continue;
    std::string variable = "DEFORMER_SERVE_" + name;
    std::transform(variable.begin(), variable.end(), variable.begin(), [](char c) {
      if (c == '-') return '_';
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    option->envname(variable);
  }
}

std::chrono::milliseconds as_ms(double seconds) {
  constexpr double kYear = 366.0 * 86'400;
  return std::chrono::milliseconds(static_cast<std::int64_t>(1000 * std::min(seconds, kYear)));
}

// "127.0.0.1:8080", "[::1]:8080".
void parse_listen(const std::string& text, serve::ServerOptions& options) {
  const std::size_t colon = text.rfind(':');
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  const char* const end = port.data() + port.size();
  const auto parsed = std::from_chars(port.data(), end, options.port);
  if (port.empty() || parsed.ec != std::errc() || parsed.ptr != end) {
    throw Error(ErrorCode::kInvalidArgument,
                "--listen: expected ADDRESS:PORT, found \"" + text + "\"");
  }
  std::string address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  options.address = address == "localhost" ? "127.0.0.1" : address;
}

serve::ServerOptions server_options(const ServeVerbOptions& options) {
  serve::ServerOptions server;
  parse_listen(options.listen, server);
  server.io_threads = options.io_threads;
  server.certificate = options.tls_certificate;
  server.private_key = options.tls_key;
  server.api_keys = options.api_keys;
  server.connections = options.max_connections;
  server.header_bytes = options.max_header_bytes;
  server.header_timeout = as_ms(options.header_timeout);
  server.body_timeout = as_ms(options.body_timeout);
  server.write_timeout = as_ms(options.write_timeout);
  server.idle_timeout = as_ms(options.idle_timeout);
  server.drain = as_ms(options.drain);
  server.grace = as_ms(options.grace);
  if (server.certificate.empty() != server.private_key.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--tls-cert and --tls-key: expected both or none, found one");
  }
  if (!serve::is_loopback(server.address) && server.api_keys.empty() && !options.insecure) {
    throw Error(ErrorCode::kInvalidArgument,
                "--listen " + options.listen +
                    ": others can reach it: expected --api-keys FILE, or --insecure to let "
                    "everyone ask, read and write");
  }
  return server;
}

serve::ApiOptions api_options(const ServeVerbOptions& options, const serve::ServerOptions& server) {
  serve::ApiOptions api;
  api.limits.question_bytes = options.max_question_bytes;
  api.limits.passage_bytes = options.max_passage_bytes;
  api.limits.passages = options.max_passages;
  api.body_bytes = options.max_body_bytes;
  api.stream_lines = options.max_lines;
  api.timeout = as_ms(options.timeout);
  api.cors_origins = options.cors_origins;
  if (serve::is_loopback(server.address) && server.api_keys.empty() && !options.insecure) {
    const bool v6 = server.address.find(':') != std::string::npos;
    api.hosts = {"localhost", "127.0.0.1", "[::1]",
                 v6 ? "[" + server.address + "]" : server.address};
    api.hosts.insert(api.hosts.end(), options.allowed_hosts.begin(), options.allowed_hosts.end());
  }
  return api;
}

std::shared_ptr<serve::AnswerService> load_service(const ServeVerbOptions& options) {
  // No note of a chosen precision: the log has its own form.
  const auto model = load_model(options.model, Talk(true));
  std::shared_ptr<PassageStore> store;
  if (!options.store.empty()) store = open_passage_store(options.store, *model);
  serve::warm_up(model);
  return serve::make_library_service(model, store,
                                     {.batch_tokens = options.batch_tokens,
                                      .queue_tokens = options.queue_tokens,
                                      .write_queue_tokens = options.write_queue_tokens,
                                      .codec = parse_hidden_codec(options.codec),
                                      .projections = options.projections});
}

void announce(const serve::Server& server, const serve::ServerOptions& options) {
  const bool v6 = options.address.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + options.address + "]" : options.address;
  const std::string scheme = options.certificate.empty() ? "http" : "https";
  Output output("-");
  output.write(R"({"listening":")" + scheme + "://" + host + ":" + std::to_string(server.port()) +
               "\"}\n");
  output.commit();
}

}  // namespace

CLI::App* add_serve(CLI::App& app, ServeVerbOptions& options) {
  CLI::App* verb = app.add_subcommand("serve", "Answer over HTTP");
  add_model_options(*verb, options.model);
  add_task_option(*verb, options.model);
  const std::string group = "Passage store";
  verb->add_option("--store", options.store,
                   "Where passages are kept; made when absent: lmdb:PATH, redis://..., memory:")
      ->check(not_empty())
      ->type_name("URI")
      ->group(group);
  verb->add_option("--codec", options.codec,
                   "How states of new passages are kept: fp32, fp16, int8")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(group);
  verb->add_flag("--projections", options.projections,
                 "Keep the first upper layer's query, key and value of new passages too")
      ->group(group);
  add_listening(*verb, options);
  add_limits(*verb, options);
  add_operation(*verb, options);
  add_environment(*verb);
  verb->footer(kServeFooter);
  return verb;
}

void run_serve(CLI::App& verb, ServeVerbOptions& options) {
  if (!options.config.empty()) apply_config_file(verb, options.config);
  // The line "ready" of the log names the model.
  choose_model(options.model, Talk(/*quiet=*/true));
  const serve::ServerOptions listening = server_options(options);
  const auto log = std::make_shared<const serve::Log>(
      options.log_format == "json" ? serve::LogFormat::kJson : serve::LogFormat::kPlain,
      options.log_level == "info" ? serve::LogLevel::kInfo : serve::LogLevel::kError);
  static_cast<void>(parse_hidden_codec(options.codec));
  static_cast<void>(parse_precision(options.model.precision));
  serve::Server server(listening, api_options(options, listening), log);
  // What computes cannot be interrupted; nothing is lost, since a store's writes are whole.
  const auto end_at_once = [log] {
    log->info("stopped at once");
    std::_Exit(0);
  };
  server.handle_signals(end_at_once);
  announce(server, listening);
  std::atomic<bool> loaded{false};
  std::thread io([&] {
    server.run();
    if (!loaded) end_at_once();
  });
  std::shared_ptr<serve::AnswerService> service;
  std::exception_ptr failure;
  try {
    const auto begin = std::chrono::steady_clock::now();
    service = load_service(options);
    loaded = true;
    server.set_service(service);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (!server.stopping()) {
      log->info("ready", {{"model", options.model.model_dir},
                          {"task", to_string(service->kind())},
                          {"seconds", fixed(seconds.count(), 2), true}});
    }
  } catch (...) {
    failure = std::current_exception();
    loaded = true;
    server.stop_at_once();
  }
  io.join();
  if (!failure && server.overran()) end_at_once();
  if (service) service->close();
  if (failure) std::rethrow_exception(failure);
  log->info("stopped");
}

}  // namespace deformer::tools
