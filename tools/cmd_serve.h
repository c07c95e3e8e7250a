// deformer serve: answers over HTTP.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "tools/model_options.h"

namespace deformer::tools {

struct ServeVerbOptions {
  ModelOptions model;
  std::string config;
  std::string store;
  std::string codec = "fp32";
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
  std::string log_format = "plain";
  std::string log_level = "info";
};

CLI::App* add_serve(CLI::App& app, ServeVerbOptions& options);
/// `verb`: what add_serve() gave, for --config.
void run_serve(CLI::App& verb, ServeVerbOptions& options);

}  // namespace deformer::tools
