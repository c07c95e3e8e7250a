// deformer serve as a program: a tiny model, real answers, signals.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "cli/cli_fixture.h"
#include "serve/http_client.h"
#include "support/eventually.h"

namespace deformer::test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr const char* kLines = "application/x-ndjson";

// A running service; stopped by its process id.
class Service {
 public:
  explicit Service(std::vector<std::string> arguments) : process_(with_tool(std::move(arguments))) {
    const auto line = process_.read_line(std::chrono::seconds(30));
    if (!line) throw std::runtime_error("no service");
    const std::string url = Json::parse(*line)["listening"];
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }
  ~Service() {
    if (running_) ::kill(process_.pid(), SIGKILL);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void wait_until_ready() const {
    EXPECT_TRUE(
        eventually([&] { return http(port_, http_request("GET", "/readyz")).status == 200; }));
  }
  [[nodiscard]] HttpResponse post(const std::string& path, const std::string& body,
                                  const std::string& type = "application/json") const {
    return http(port_, http_request("POST", path, body, type));
  }
  [[nodiscard]] HttpResponse put(const std::string& id, const std::string& text) const {
    return http(port_, http_request("PUT", "/v1/passages/" + id, Json{{"text", text}}.dump()));
  }
  void send(int signal) const { ::kill(process_.pid(), signal); }
  [[nodiscard]] int wait() {
    running_ = false;
    return process_.wait();
  }
  [[nodiscard]] std::string log() const { return process_.read_errors(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }

 private:
  static std::vector<std::string> with_tool(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {DEFORMER_CLI, "serve", "--listen", "127.0.0.1:0",
                                         // Nobody reads the log while the service runs.
                                         "--log-level", "error"});
    return arguments;
  }

  Process process_;
  bool running_ = true;
  std::uint16_t port_ = 0;
};

class ServeVerb : public CliTest {
 protected:
  // All but the digits that a float does not have.
  static void expect_same(const std::string& found_line, const std::string& expected_line) {
    Json found = Json::parse(found_line);
    Json expected = Json::parse(expected_line);
    for (std::size_t i = 0; i < expected["answers"].size(); ++i) {
      for (const char* const key : {"score", "probability"}) {
        ASSERT_GT(found["answers"].size(), i);
        EXPECT_NEAR(found["answers"][i][key].get<double>(),
                    expected["answers"][i][key].get<double>(), 1e-5);
        found["answers"][i].erase(key);
        expected["answers"][i].erase(key);
      }
    }
    EXPECT_EQ(found.dump(), expected.dump());
  }

  // Id and answer, without scores.
  static std::string text_of(const std::string& body) {
    const Json object = Json::parse(body);
    const Json& best = object["answers"][0];
    return object["id"].dump() + " " + best["text"].get<std::string>() + " " + best["start"].dump();
  }

  static std::string question(int i) {
    static const std::vector<std::string> kQuestions{"Where does the Rhine rise?", "Who swam?",
                                                     "How many countries?", "Which sea is it?"};
    static const std::vector<std::string> kTexts{
        "The Rhine rises in the Alps and flows through six countries to the North Sea.",
        "Zo\u00eb swam across the caf\u00e9's pond; the Danube was too cold.", "Nothing."};
    Json line;
    line["id"] = i;
    line["question"] = kQuestions[static_cast<std::size_t>(i) % 4];
    line["passage"] = kTexts[static_cast<std::size_t>(i) % 3];
    return line.dump();
  }
};

// Products of another number of rows may round the last digit of a float otherwise, so scores are
// the same to seven digits; everything else is the same bytes.
TEST_F(ServeVerb, AnswersAsTheToolDoes) {
  const std::string model = write_model();
  std::string lines;
  for (int i = 0; i < 24; ++i) lines += question(i) + "\n";
  const std::string expected = run_ok({"answer", "--model", model, "--jsonl", write("q", lines)});
  Service service({"--model", model});
  service.wait_until_ready();
  const HttpResponse stream = service.post("/v1/answer", lines, kLines);
  EXPECT_EQ(stream.status, 200);
  const std::vector<Json> streamed = json_lines(stream.body);
  ASSERT_EQ(streamed.size(), 24U);
  std::istringstream each(expected);
  for (int i = 0; i < 24; ++i) {
    std::string line;
    std::getline(each, line);
    expect_same(streamed[static_cast<std::size_t>(i)].dump(), line);
    expect_same(service.post("/v1/answer", question(i)).body, line);
  }
  service.send(SIGTERM);
  EXPECT_EQ(service.wait(), 0);
}

TEST_F(ServeVerb, ManyClientsGetWhatOneGets) {
  constexpr int kClients = 32;
  constexpr int kRequests = 12;
  Service service({"--model", write_model(), "--batch-tokens", "512"});
  service.wait_until_ready();
  std::vector<std::string> alone;
  for (int i = 0; i < kRequests; ++i)
    alone.push_back(text_of(service.post("/v1/answer", question(i)).body));
  std::atomic<int> same{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      HttpClient connection(service.port());
      for (int i = 0; i < kRequests; ++i) {
        const int which = (client + i) % kRequests;
        const auto response =
            connection.exchange(http_request("POST", "/v1/answer", question(which)));
        same +=
            response && text_of(response->body) == alone[static_cast<std::size_t>(which)] ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(same, kClients * kRequests);
}

TEST_F(ServeVerb, OverloadGivesNothingButAnswersAndRefusals) {
  Service service({"--model", write_model(), "--queue-tokens", "100"});
  service.wait_until_ready();
  std::atomic<int> answered{0};
  std::atomic<int> refused{0};
  std::atomic<int> other{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 24; ++client) {
    clients.emplace_back([&] {
      for (int i = 0; i < 30; ++i) {
        const HttpResponse response = service.post("/v1/answer", question(i));
        if (response.status == 429) {
          EXPECT_GE(std::stoi(response.headers.at("retry-after")), 1);
        }
        ++(response.status == 200 ? answered : response.status == 429 ? refused : other);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(other, 0);
  EXPECT_GT(answered, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(service.post("/v1/answer", question(1)).status, 200);
}

TEST_F(ServeVerb, KeepsPassagesInItsStore) {
  const std::string model = write_model();
  const std::string store = "lmdb:" + path("store");
  {
    Service service({"--model", model, "--store", store});
    service.wait_until_ready();
    EXPECT_EQ(service.put("rhine", "The Rhine rises in the Alps.").body,
              "{\"id\":\"rhine\",\"encoded\":true}\n");
    EXPECT_EQ(service.put("rhine", "The Rhine rises in the Alps.").body,
              "{\"id\":\"rhine\",\"encoded\":false}\n");
    const std::string asked = R"({"question":"Where?","passage_id":"rhine"})";
    EXPECT_EQ(service.post("/v1/answer", asked).status, 200);
    EXPECT_EQ(service.post("/v1/answer", R"({"question":"Where?","passage_id":"x"})").status, 404);
    service.send(SIGINT);
    EXPECT_EQ(service.wait(), 0);
  }
  const Json report = Json::parse(run_ok({"inspect", store, "--json"}));
  EXPECT_EQ(report["passages"], 1);
}

TEST_F(ServeVerb, ListsItsPassages) {
  for (const std::string& store : {std::string("memory:"), "lmdb:" + path("store")}) {
    Service service({"--model", write_model(), "--store", store});
    service.wait_until_ready();
    std::string lines;
    for (int i = 0; i < 250; ++i) {
      const std::string id = (i % 50 == 0 ? "rare-" : "usual-") + std::to_string(i);
      lines += Json{{"id", id}, {"text", "A passage."}}.dump() + "\n";
    }
    EXPECT_EQ(service.post("/v1/passages", lines, kLines).status, 200);
    const auto list = [&](const std::string& query) {
      return Json::parse(http(service.port(), http_request("GET", "/v1/passages?" + query)).body);
    };
    std::set<std::string> seen;
    std::string after;
    for (int page = 0; page < 10; ++page) {
      const Json found = list("limit=100&after=" + after);
      for (const Json& passage : found["passages"]) seen.insert(passage["id"].get<std::string>());
      if (!found.contains("next")) break;
      after = found["next"];
    }
    EXPECT_EQ(seen.size(), 250U) << store;
    EXPECT_EQ(list("prefix=rare-&limit=3")["passages"].size(), 3U) << store;
    EXPECT_EQ(list("prefix=rare-")["passages"].size(), 5U) << store;
    EXPECT_FALSE(list("prefix=rare-").contains("next")) << store;
    const Json info = Json::parse(http(service.port(), http_request("GET", "/v1/info")).body);
    EXPECT_EQ(info["store"]["passages"], 250) << store;
  }
}

TEST_F(ServeVerb, WithoutAStorePassagesAreRefused) {
  Service service({"--model", write_model()});
  service.wait_until_ready();
  EXPECT_EQ(service.put("a", "text").status, 400);
  EXPECT_EQ(http(service.port(), http_request("GET", "/v1/passages/a")).status, 400);
}

// The encoder has its own thread: a long stream of passages does not stop the answers.
TEST_F(ServeVerb, AnswersWhilePassagesAreEncoded) {
  Service service({"--model", write_model(), "--store", "memory:"});
  service.wait_until_ready();
  std::string lines;
  for (int i = 0; i < 1500; ++i) {
    lines += R"({"id":)" + std::to_string(i) + R"(,"text":"passage number )" + std::to_string(i) +
             " of the river that rises in the Alps and flows to the sea\"}\n";
  }
  std::atomic<bool> done{false};
  HttpResponse stored;
  std::thread writer([&] {
    stored = service.post("/v1/passages", lines, kLines);
    done = true;
  });
  int between = 0;
  while (!done) between += service.post("/v1/answer", question(between)).status == 200 ? 1 : 0;
  writer.join();
  EXPECT_GT(between, 5);
  EXPECT_EQ(std::count(stored.body.begin(), stored.body.end(), '\n'), 1500);
  EXPECT_THAT(stored.body, testing::Not(HasSubstr("error")));
}

TEST_F(ServeVerb, ClassifiesAsTheToolDoes) {
  const std::string model = write_model("classes", {.task = "boolq"});
  const Json expected = Json::parse(run_ok({"classify", "--model", model, "--json", "--first",
                                            "is it old", "--second", "The mill is old."}));
  Service service({"--model", model});
  service.wait_until_ready();
  const Json found = Json::parse(
      service.post("/v1/classify", R"({"question":"is it old","passage":"The mill is old."})")
          .body);
  EXPECT_EQ(found["label"], expected["label"]);
  EXPECT_EQ(found["probabilities"], expected["probabilities"]);
}

TEST_F(ServeVerb, StoppingUnderLoadLosesNoRequest) {
  Service service({"--model", write_model()});
  service.wait_until_ready();
  std::atomic<int> lost{0};
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      try {
        for (bool up = true; up;) {
          HttpClient client(service.port());
          for (bool open = true; open && up;) {
            const auto response = client.exchange(http_request("POST", "/v1/answer", question(1)));
            up = response && response->status == 200;
            lost += up ? 0 : 1;
            answered += up ? 1 : 0;
            open = up && response->headers.count("connection") == 0;
          }
        }
      } catch (const std::runtime_error&) {
        // The door is closed.
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return answered >= 100 || lost > 0; }));
  service.send(SIGTERM);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(service.wait(), 0);
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(service.log(), "");
}

TEST_F(ServeVerb, ASecondSignalEndsItAtOnce) {
  Service service({"--model", write_model(), "--drain", "60"});
  service.wait_until_ready();
  service.send(SIGTERM);
  EXPECT_TRUE(eventually(
      [&] { return http(service.port(), http_request("GET", "/readyz")).status == 503; }));
  const auto begin = std::chrono::steady_clock::now();
  service.send(SIGTERM);
  EXPECT_EQ(service.wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

// Many batches of one passage: what computes is not waited for.
TEST_F(ServeVerb, ASecondSignalDoesNotWaitForWhatComputes) {
  Service service({"--model", write_model(), "--store", "lmdb:" + path("busy")});
  service.wait_until_ready();
  std::string text;
  while (text.size() < 500'000) text += "the river rose ";
  HttpClient client(service.port());
  client.send(http_request("PUT", "/v1/passages/a", Json{{"text", text}}.dump()));
  std::this_thread::sleep_for(milliseconds(200));
  service.send(SIGTERM);
  std::this_thread::sleep_for(milliseconds(100));
  const auto begin = std::chrono::steady_clock::now();
  service.send(SIGTERM);
  EXPECT_EQ(service.wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(ServeVerb, LetsNoOtherNameInWithoutKeys) {
  Service service({"--model", write_model(), "--allow-host", "answers.example"});
  service.wait_until_ready();
  const auto ask = [&](const std::string& host) {
    return http(service.port(), "GET /v1/info HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status;
  };
  EXPECT_EQ(ask("localhost"), 200);
  EXPECT_EQ(ask("answers.example:8080"), 200);
  EXPECT_EQ(ask("attacker.example"), 421);
  // That others may come does not let pages of other origins in.
  Service insecure({"--model", write_model("other"), "--insecure"});
  insecure.wait_until_ready();
  EXPECT_EQ(http(insecure.port(), "GET /v1/info HTTP/1.1\r\nHost: attacker.example\r\n\r\n").status,
            421);
}

TEST_F(ServeVerb, AFailingStoreConcernsWhoNeedsItAndRecovers) {
  Service service({"--model", write_model(), "--store", "lmdb:" + path("store")});
  service.wait_until_ready();
  EXPECT_EQ(service.put("a", "The first passage.").status, 200);
  // A limit of the file size stands for a full disk.
  rlimit before{};
  ASSERT_EQ(::prlimit(service.pid(), RLIMIT_FSIZE, nullptr, &before), 0);
  rlimit full_disk = before;
  full_disk.rlim_cur = 1;
  ASSERT_EQ(::prlimit(service.pid(), RLIMIT_FSIZE, &full_disk, nullptr), 0);
  const HttpResponse full = service.put("b", "The second passage, which finds no room.");
  EXPECT_EQ(full.status, 503) << full.body;
  EXPECT_THAT(full.body, HasSubstr("store_unavailable"));
  EXPECT_EQ(service.post("/v1/answer", question(1)).status, 200);
  EXPECT_EQ(service.post("/v1/answer", R"({"question":"Which?","passage_id":"a"})").status, 200);
  ASSERT_EQ(::prlimit(service.pid(), RLIMIT_FSIZE, &before, nullptr), 0);
  EXPECT_EQ(service.put("b", "The second passage, which finds room now.").status, 200);
}

TEST_F(ServeVerb, TakesOptionsFromFileAndEnvironment) {
  const std::string model = write_model();
  const std::string config =
      write("serve.toml", "# a service\nmodel = \"" + model +
                              "\"\nmax-question-bytes = 10\nlog-level = \"error\"\n"
                              "cors-origin = [\"https://a.example\", \"https://b.example\"]\n"
                              "store = \"memory:\"\nprojections = true\n");
  Service service({"--config", config});
  service.wait_until_ready();
  EXPECT_EQ(service.post("/v1/answer", question(1)).status, 200);
  EXPECT_EQ(service.post("/v1/answer", question(0)).status, 400);
  EXPECT_EQ(
      http(service.port(), http_request("GET", "/livez", "", "", "Origin: https://b.example\r\n"))
          .headers.count("access-control-allow-origin"),
      1U);
  // The environment wins over the file, the command line over both.
  ::setenv("DEFORMER_SERVE_MAX_QUESTION_BYTES", "100", 1);
  Service second({"--config", config});
  Service third({"--config", config, "--max-question-bytes", "5"});
  ::unsetenv("DEFORMER_SERVE_MAX_QUESTION_BYTES");
  second.wait_until_ready();
  third.wait_until_ready();
  EXPECT_EQ(second.post("/v1/answer", question(0)).status, 200);
  EXPECT_EQ(third.post("/v1/answer", question(1)).status, 400);
}

// The variable is DEFORMER_SERVE_ALLOW_HOST, in a file a list or lines of their own.
TEST_F(ServeVerb, TakesAllNamesOfAnOptionThatRepeats) {
  const std::string model = write_model();
  const std::string config = write(
      "hosts.toml", "allow-host = \"one.example\"\ntimeout = 3\nallow-host = \"two.example\"\n");
  const auto ask = [](const Service& service, const std::string& host) {
    return http(service.port(), "GET /v1/info HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status;
  };
  Service from_file({"--model", model, "--config", config});
  ::setenv("DEFORMER_SERVE_ALLOW_HOST", " three.example, [::2]  four.example", 1);
  Service from_environment({"--model", model, "--config", config});
  Service from_command_line({"--model", model, "--config", config, "--allow-host", "five.example"});
  ::unsetenv("DEFORMER_SERVE_ALLOW_HOST");
  for (const Service* service : {&from_file, &from_environment, &from_command_line}) {
    service->wait_until_ready();
  }
  for (const char* const host : {"one.example", "two.example"}) {
    EXPECT_EQ(ask(from_file, host), 200) << host;
    EXPECT_EQ(ask(from_environment, host), 421) << host;
    EXPECT_EQ(ask(from_command_line, host), 421) << host;
  }
  for (const char* const host : {"three.example", "[::2]", "four.example"}) {
    EXPECT_EQ(ask(from_environment, host), 200) << host;
    EXPECT_EQ(ask(from_command_line, host), 421) << host;
  }
  EXPECT_EQ(ask(from_command_line, "five.example"), 200);
}

// One of them would be dropped in silence.
TEST_F(ServeVerb, RefusesAnOptionThatAFileHasTwice) {
  const std::string apart = write("apart", "timeout = 3\nqueue-tokens = 5\ntimeout = 9\n");
  expect_failure(run({"serve", "--config", apart}), 2,
                 apart + ": line 3: timeout: expected one value, found 2");
  for (const char* const text : {"timeout = 3\ntimeout = 9\n", "timeout = [3, 9]\n",
                                 "insecure = true\nlog-level = \"error\"\ninsecure = true\n"}) {
    expect_failure(run({"serve", "--config", write("twice", text)}), 2,
                   ": expected one value, found 2");
  }
  // Given elsewhere, the option is none of the file's.
  expect_failure(run({"serve", "--model", write_model(), "--config", apart, "--timeout", "1",
                      "--listen", "8080"}),
                 2, "expected ADDRESS:PORT");
}

// Each may stand where it suits: here both are known, and the first does not exist.
TEST_F(ServeVerb, TakesCertificateAndKeyFromDifferentPlaces) {
  const std::string model = write_model();
  const std::string config = write("tls.toml", "tls-cert = \"" + path("cert.pem") + "\"\n");
  const std::string expected = "cert.pem: expected a certificate or key, found no file";
  const std::vector<std::string> common{"serve", "--model",  model,        "--config",
                                        config,  "--listen", "127.0.0.1:0"};
  std::vector<std::string> with_key = common;
  with_key.insert(with_key.end(), {"--tls-key", path("key.pem")});
  expect_failure(run(with_key), 3, expected);
  ::setenv("DEFORMER_SERVE_TLS_KEY", path("key.pem").c_str(), 1);
  expect_failure(run(common), 3, expected);
  ::unsetenv("DEFORMER_SERVE_TLS_KEY");
  expect_failure(run(common), 2, "expected both or none");
}

TEST_F(ServeVerb, RefusesWhatItCannotServe) {
  const std::string model = write_model();
  expect_failure(run({"serve", "--model", model, "--listen", "0.0.0.0:0"}), 2,
                 "others can reach it: expected --api-keys FILE, or --insecure");
  expect_failure(run({"serve", "--model", model, "--listen", "8080"}), 2, "expected ADDRESS:PORT");
  expect_failure(run({"serve", "--model", model, "--listen", "127.0.0.1:65536"}), 2,
                 "expected ADDRESS:PORT");
  expect_failure(run({"serve", "--model", model, "--tls-cert", "c"}), 2, "expected both or none");
  expect_failure(run({"serve", "--model", model, "--tls-key", "k"}), 2, "expected both or none");
  expect_failure(run({"serve", "--model", model, "--queue-tokens", "0"}), 2, "--queue-tokens");
  for (const char* name :
       {"--timeout", "--header-timeout", "--body-timeout", "--write-timeout", "--idle-timeout"}) {
    expect_failure(run({"serve", "--model", model, name, "0"}), 2,
                   "expected a number of 0.001 or more, found \"0\"");
  }
  // Of a variable that is not set: no service without what was asked for.
  for (const char* name : {"--api-keys", "--config", "--store", "--tls-cert"}) {
    expect_failure(run({"serve", "--model", model, name, ""}), 2, "expected a value, found");
  }
  expect_failure(run({"serve", "--config", write("c", "modle = \"x\"\n")}), 2,
                 "expected options of serve, found \"modle\"");
  expect_failure(run({"serve", "--config", write("d", "queue-tokens = -1\n")}), 2,
                 "--queue-tokens: expected a whole number");
  expect_failure(run({"serve", "--config", path("none")}), 3, "none");
}

// On the command line, in the environment and in a file.
TEST_F(ServeVerb, RefusesOptionsWithoutEffect) {
  const std::string model = write_model();
  expect_failure(run({"serve", "--model", model, "--codec", "fp16"}), 2,
                 "--codec: expected with --store URI");
  expect_failure(run({"serve", "--model", model, "--projections"}), 2,
                 "--projections: expected with --store URI");
  expect_failure(run({"serve", "--model", model, "--config", write("c", "projections = true\n")}),
                 2, "--projections: expected with --store URI");
  // Switched off it is none: what is refused comes after it.
  expect_failure(run({"serve", "--model", model, "--config", write("d", "projections = false\n"),
                      "--listen", "8080"}),
                 2, "expected ADDRESS:PORT");
  expect_failure(
      run({"serve", "--model", model, "--allow-host", "a.example", "--api-keys", path("keys")}), 2,
      "that only this machine can reach, found --api-keys");
  ::setenv("DEFORMER_SERVE_ALLOW_HOST", "a.example", 1);
  expect_failure(run({"serve", "--model", model, "--insecure", "--listen", "0.0.0.0:0"}), 2,
                 "that only this machine can reach, found --listen 0.0.0.0:0");
  ::unsetenv("DEFORMER_SERVE_ALLOW_HOST");
}

// They are compared with what clients send, as they stand.
TEST_F(ServeVerb, RefusesNamesAndOriginsThatNoClientSends) {
  const std::string model = write_model();
  const auto refused = [&](const std::string& option, const std::string& value,
                           const std::string& expected) {
    expect_failure(run({"serve", "--model", model, option, value}), 2,
                   option + ": expected " + expected);
  };
  for (const char* const name : {"a.example:8080", "http://a.example", "a.example/", "[::1]:8080",
                                 "::1", "a b", "*", "[]"}) {
    refused("--allow-host", name, "a name without scheme, port or slash");
  }
  for (const char* const origin :
       {"https://a.example/", "a.example", "https://", "https://A.example",
        "https://a.example:", "https://a.example:x", "https://a@b.example", "://a.example",
        "https://a.*", "Null", "https://a.example:443", "http://a.example:80",
        "https://a.example:0443", "https://a.example:65536"}) {
    refused("--cors-origin", origin, "*, null or scheme://host[:port]");
  }
  expect_failure(run({"serve", "--model", model, "--config", write("c", "allow-host = \"a:1\"\n")}),
                 2, "--allow-host: expected a name");
  // What is refused comes after them.
  expect_failure(run({"serve",
                      "--model",
                      model,
                      "--listen",
                      "8080",
                      "--allow-host",
                      "[::1]",
                      "--allow-host",
                      "A-b.example",
                      "--cors-origin",
                      "*",
                      "--cors-origin",
                      "null",
                      "--cors-origin",
                      "https://a.example",
                      "--cors-origin",
                      "http://[::1]:8080",
                      "--cors-origin",
                      "file://",
                      "--cors-origin",
                      "chrome-extension://abcdef"}),
                 2, "expected ADDRESS:PORT");
}

// It listens before the model is loaded, so the end is that of a program that has begun.
TEST_F(ServeVerb, EndsWhenItsModelCannotBeLoaded) {
  const ProcessResult result = run({"serve", "--model", path("none"), "--listen", "127.0.0.1:0"});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("deformer: error: "));
}

}  // namespace
}  // namespace deformer::test
