#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/number_text.h"
#include "base/stopwatch.h"
#include "deformer/error.h"
#include "deformer/passage_store.h"
#include "serve/api.h"
#include "serve/library_service.h"
#include "serve/log.h"
#include "serve/server.h"
#include "serve/warm_up.h"
#include "tools/config_file.h"
#include "tools/failure.h"
#include "tools/model_options.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/talk.h"
#include "tools/verbs.h"

namespace deformer::tools {
namespace {

constexpr const char* kServeFooter = R"(Examples:
  deformer serve --model DIR
  deformer serve --model DIR --store lmdb:passages --listen 127.0.0.1:0
  deformer serve --config /etc/deformer/serve.toml --api-keys keys --tls-cert c.pem --tls-key k.pem
  curl -s localhost:8080/v1/answer -H 'Content-Type: application/json' \
    -d '{"question": "Who wrote Faust?", "passage": "Faust was written by Goethe."}'

stdout has one line once the service listens, {"listening":"http://127.0.0.1:8080"}; the log is on
stderr. Every option may stand in the environment (--queue-tokens: DEFORMER_SERVE_QUEUE_TOKENS) and
in a file (--config; queue-tokens = 65536); the command line wins over the environment, which wins
over the file. SIGTERM and SIGINT stop in order, SIGHUP reads keys and certificate anew.
docs/service.md has routes, limits and operation.)";

struct ServeVerbOptions {
  ModelOptions model;
  std::string config;
  std::string store;
  HiddenCodec codec = HiddenCodec::kFp32;
  bool projections = false;

  std::string listen = "127.0.0.1:8080";
  int io_threads = 1;
  std::string tls_certificate;
  std::string tls_key;
  std::string api_keys;
  bool insecure = false;
  std::vector<std::string> cors_origins;
  std::vector<std::string> allowed_hosts;

  std::size_t batch_tokens = 4096;
  std::size_t queue_tokens = 65'536;
  std::size_t write_queue_tokens = 65'536;
  double timeout = 30;

  std::size_t max_body_bytes = std::size_t{8} << 20;
  std::size_t max_header_bytes = 16'384;
  std::size_t max_question_bytes = 8192;
  std::size_t max_passage_bytes = std::size_t{512} << 10;
  std::size_t max_passages = 100;
  std::size_t max_lines = 10'000;
  std::size_t max_connections = 10'000;
  double header_timeout = 10;
  double body_timeout = 30;
  double write_timeout = 30;
  double idle_timeout = 75;

  double drain = 0;
  double grace = 30;
  serve::LogFormat log_format = serve::LogFormat::kPlain;
  serve::LogLevel log_level = serve::LogLevel::kInfo;
};

constexpr std::size_t kMost = std::size_t{1} << 40;
constexpr std::size_t kMostHeaderBytes = std::size_t{16} << 20;
// Of limits in seconds: a millisecond, the least that is not "at once".
constexpr double kLeastSeconds = 0.001;

void add_listening(CLI::App& verb, ServeVerbOptions& options) {
  OptionGroup group(verb, "Listening");
  group.text("--listen", options.listen, "ADDRESS:PORT", "Address and port; port 0 = any free one");
  group.number("--io-threads", options.io_threads, "N", "Threads that read and write connections",
               whole_number(1, 64));
  group.place("--tls-cert", options.tls_certificate, "FILE", "Certificate chain in PEM: speak TLS");
  // That one needs the other is looked at when environment and file have been read.
  group.place("--tls-key", options.tls_key, "FILE", "The certificate's private key in PEM");
  group.place("--api-keys", options.api_keys, "FILE",
              "Bearer keys, a line each: read KEY, or write KEY");
  group.boolean(
      "--insecure", options.insecure,
      "Listen beyond the loopback interface without keys: everyone may ask, read and write");
  group.repeated("--allow-host", options.allowed_hosts, "NAME",
                 "Name that a request's Host may have where only this machine can reach a service "
                 "without keys; may be repeated");
  group.repeated("--cors-origin", options.cors_origins, "ORIGIN",
                 "Origin whose pages may call; may be repeated; * = all");
}

void add_limits(CLI::App& verb, ServeVerbOptions& options) {
  OptionGroup group(verb, "Limits");
  const auto size = [&](const char* name, std::size_t& value, const char* help,
                        std::size_t most = kMost) {
    group.number(name, value, "N", help, whole_number(1, most));
  };
  const auto seconds = [&](const char* name, double& value, const char* help) {
    group.number(name, value, "SECONDS", help, real_number(kLeastSeconds));
  };
  size("--batch-tokens", options.batch_tokens, "Most tokens of one pass");
  size("--queue-tokens", options.queue_tokens, "Most tokens of questions that wait; beyond: 429");
  size("--write-queue-tokens", options.write_queue_tokens,
       "Most tokens of passages that wait; beyond: 429");
  seconds("--timeout", options.timeout,
          "Longest time for an answer, or for one passage; beyond: 504");
  size("--max-body-bytes", options.max_body_bytes, "Longest body; beyond: 413");
  size("--max-header-bytes", options.max_header_bytes, "Longest headers; beyond: 431",
       kMostHeaderBytes);
  size("--max-question-bytes", options.max_question_bytes, "Longest question");
  size("--max-passage-bytes", options.max_passage_bytes,
       "Longest passage; its states are held while it is read, some 2 KB a byte");
  size("--max-passages", options.max_passages, "Most passages of a question");
  size("--max-lines", options.max_lines, "Most lines of an NDJSON body; beyond: 413");
  size("--max-connections", options.max_connections, "Most connections; others wait to be let in");
  seconds("--header-timeout", options.header_timeout, "For a request's headers");
  seconds("--body-timeout", options.body_timeout, "For a request's body");
  seconds("--write-timeout", options.write_timeout, "For a client to take a response");
  seconds("--idle-timeout", options.idle_timeout, "Between two requests");
}

void add_operation(CLI::App& verb, ServeVerbOptions& options) {
  OptionGroup group(verb, "Operation");
  group.place("--config", options.config, "FILE", "Options that are given nowhere else");
  group.number("--drain", options.drain, "SECONDS",
               "Go on serving for so long after SIGTERM, with /readyz saying no", real_number(0));
  group.number("--grace", options.grace, "SECONDS",
               "Then finish work that has begun for at most so long", real_number(0));
  group.choice("--log-format", options.log_format, "plain or json",
               Choices<serve::LogFormat>{{"plain", serve::LogFormat::kPlain},
                                         {"json", serve::LogFormat::kJson}});
  group.choice("--log-level", options.log_level, "info: a line a request; error: faults alone",
               Choices<serve::LogLevel>{{"info", serve::LogLevel::kInfo},
                                        {"error", serve::LogLevel::kError}});
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

// Without keys it is the name that keeps pages of other origins out.
bool checks_host(const serve::ServerOptions& server) {
  return serve::is_loopback(server.address) && server.api_keys.empty();
}

// Whoever gives an option expects something of it, also in the environment or in a file.
void refuse_without_effect(const CLI::App& verb, const ServeVerbOptions& options) {
  if (!options.store.empty()) return;
  const std::string expected =
      "expected with --store URI, whose passages it is for, found no store";
  for (const char* const name : {"--codec", "--write-queue-tokens"}) {
    refuse_given(*verb.get_option(name), expected);
  }
  // Said to be false it changes nothing.
  if (options.projections) throw invalid("--projections: " + expected);
}

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLowerCase = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUpperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool has_only(std::string_view text, std::initializer_list<std::string_view> allowed) {
  const auto is_allowed = [&](char c) {
    return std::any_of(allowed.begin(), allowed.end(), [c](std::string_view some) {
      return some.find(c) != std::string_view::npos;
    });
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_allowed);
}

// As a request's Host has it, before the port: "answers.example", "[::1]".
bool is_host_name(std::string_view name) {
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') {
    return has_only(name.substr(1, name.size() - 2), {kDigits, "abcdefABCDEF:."});
  }
  return has_only(name, {kDigits, kLowerCase, kUpperCase, "-._~"});
}

// As an origin has it: without zeros before it, and none that is the scheme's own.
bool is_port_of(std::string_view scheme, std::string_view port) {
  constexpr std::size_t kMostDigits = 5;
  constexpr int kHighest = 65535;
  if (!has_only(port, {kDigits}) || port.front() == '0' || port.size() > kMostDigits) return false;
  const bool own = (scheme == "http" && port == "80") || (scheme == "https" && port == "443");
  return !own && std::stoi(std::string(port)) <= kHighest;
}

// As browsers send it: "https://answers.example:8443". WebViews have "file://" for their own pages.
bool is_origin(std::string_view text) {
  if (text == "*" || text == "null" || text == "file://") return true;
  const std::size_t slashes = text.find("://");
  if (slashes == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, slashes);
  if (!has_only(scheme, {kDigits, kLowerCase, "+-."})) return false;
  std::string_view host = text.substr(slashes + 3);
  const std::size_t colon = host.find_last_of(":]");
  if (colon != std::string_view::npos && host[colon] == ':') {
    if (!is_port_of(scheme, host.substr(colon + 1))) return false;
    host = host.substr(0, colon);
  }
  return is_host_name(host) && host.find_first_of(kUpperCase) == std::string_view::npos;
}

// Names and origins are compared as they stand: of another form none would ever fit.
void refuse_other_forms(const ServeVerbOptions& options) {
  for (const std::string& name : options.allowed_hosts) {
    if (is_host_name(name)) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "--allow-host: expected a name without scheme, port or slash, an IPv6 address in "
                "brackets, found \"" +
                    name + "\"");
  }
  for (const std::string& origin : options.cors_origins) {
    if (is_origin(origin)) continue;
    throw Error(
        ErrorCode::kInvalidArgument,
        "--cors-origin: expected *, null or scheme://host[:port] in lower case, without the "
        "scheme's own port, found \"" +
            origin + "\"");
  }
}

void refuse_hosts_without_effect(const ServeVerbOptions& options,
                                 const serve::ServerOptions& server) {
  if (options.allowed_hosts.empty() || checks_host(server)) return;
  throw Error(ErrorCode::kInvalidArgument,
              "--allow-host: expected a service without keys that only this machine can reach, "
              "found " +
                  (server.api_keys.empty() ? "--listen " + options.listen : "--api-keys"));
}

void require_keys_or_insecure(const ServeVerbOptions& options, const serve::ServerOptions& server) {
  if (serve::is_loopback(server.address) || !server.api_keys.empty() || options.insecure) return;
  throw invalid("--listen " + options.listen +
                ": others can reach it: expected --api-keys FILE, or --insecure to let everyone "
                "ask, read and write");
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
  require_keys_or_insecure(options, server);
  refuse_hosts_without_effect(options, server);
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
  if (checks_host(server)) {
    const bool v6 = server.address.find(':') != std::string::npos;
    api.hosts = {"localhost", "127.0.0.1", "[::1]",
                 v6 ? "[" + server.address + "]" : server.address};
    api.hosts.insert(api.hosts.end(), options.allowed_hosts.begin(), options.allowed_hosts.end());
  }
  return api;
}

std::shared_ptr<serve::AnswerService> load_service(const ServeVerbOptions& options,
                                                   const std::shared_ptr<const Model>& model) {
  std::shared_ptr<PassageStore> store;
  if (!options.store.empty()) store = open_passage_store(options.store, *model);
  serve::warm_up(model);
  return serve::make_library_service(model, store,
                                     {.batch_tokens = options.batch_tokens,
                                      .queue_tokens = options.queue_tokens,
                                      .write_queue_tokens = options.write_queue_tokens,
                                      .codec = options.codec,
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

void run_serve(CLI::App& verb, ServeVerbOptions& options) {
  split_environment(verb);
  if (!options.config.empty()) apply_config_file(verb, options.config);
  refuse_without_effect(verb, options);
  refuse_other_forms(options);
  // The line "ready" of the log names the model.
  choose_model(options.model, Talk(/*quiet=*/true));
  const serve::ServerOptions listening = server_options(options);
  const auto log = std::make_shared<const serve::Log>(options.log_format, options.log_level);
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
    const Stopwatch watch;
    // No notes: the log has its own form.
    const auto model = load_model(options.model, Talk(/*quiet=*/true));
    service = load_service(options, model);
    loaded = true;
    server.set_service(service);
    const double seconds = watch.seconds();
    if (!server.stopping()) {
      log->info("ready", {{"model", options.model.model_dir},
                          {"task", to_string(service->kind())},
                          {"precision", to_string(model->runtime().precision)},
                          {"seconds", fixed(seconds, 2), true}});
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

}  // namespace

Verb add_serve(CLI::App& app) {
  CLI::App* const verb = app.add_subcommand("serve", "Answer over HTTP");
  const auto options = std::make_shared<ServeVerbOptions>();
  add_model_options(*verb, options->model);
  add_task_option(*verb, options->model);
  OptionGroup group(*verb, "Passage store");
  group.place("--store", options->store, "URI",
              "Where passages are kept; made when absent: lmdb:PATH, redis://..., memory:");
  group
      .parsed("--codec", options->codec, "NAME",
              "How states of new passages are kept: fp32, fp16, int8", parse_hidden_codec)
      ->default_str(to_string(options->codec));
  group.boolean("--projections", options->projections,
                "Keep the first upper layer's query, key and value of new passages too");
  add_listening(*verb, *options);
  add_limits(*verb, *options);
  add_operation(*verb, *options);
  add_environment(*verb);
  verb->footer(kServeFooter);
  return {verb, [options, verb] {
            run_serve(*verb, *options);
            return kExitOk;
          }};
}

}  // namespace deformer::tools
