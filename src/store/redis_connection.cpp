#include "store/redis_connection.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <sys/time.h>

#include <cerrno>
#include <csignal>

namespace deformer {
namespace {

// hiredis writes to sockets with write(): a server that went away would end the process by SIGPIPE.
// Holds the signal back from this thread and swallows the one that was caused here.
class SigpipeGuard {
 public:
  SigpipeGuard() {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeGuard() {
    constexpr timespec kNow{};
    while (!was_pending_ && ::sigtimedwait(&pipe_, nullptr, &kNow) == -1 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

// hiredis takes memory for as many elements as a server announces; a bucket's keys and a cluster's
// slots are fewer.
constexpr std::size_t kMostElements = std::size_t{1} << 22;
decltype(redisReplyObjectFunctions::createArray) create_any_array = nullptr;

// An int up to hiredis 0.14, a size_t since 1.0; what is below 0 is very large in the latter.
template <typename Count>
void* create_array(const redisReadTask* task, Count elements) {
  if (static_cast<std::size_t>(elements) > kMostElements) return nullptr;
  return create_any_array(task, elements);
}

redisReplyObjectFunctions* limited_functions(const redisReplyObjectFunctions& functions) {
  static redisReplyObjectFunctions limited = [&] {
    redisReplyObjectFunctions copy = functions;
    create_any_array = copy.createArray;
    copy.createArray = create_array;
    return copy;
  }();
  return &limited;
}

timeval to_timeval(std::chrono::milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000),
          static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

}  // namespace

bool RedisReply::is_null() const noexcept {
  return !reply_ || reply_->type == REDIS_REPLY_NIL;
}

bool RedisReply::is_error() const noexcept {
  return reply_ && reply_->type == REDIS_REPLY_ERROR;
}

bool RedisReply::is_text() const noexcept {
  return reply_ && (reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS);
}

bool RedisReply::is_integer() const noexcept {
  return reply_ && reply_->type == REDIS_REPLY_INTEGER;
}

bool RedisReply::is_array() const noexcept {
  return reply_ && reply_->type == REDIS_REPLY_ARRAY;
}

std::string_view RedisReply::text() const noexcept {
  if (!is_text() && !is_error()) return {};
  return {reply_->str, static_cast<std::size_t>(reply_->len)};
}

long long RedisReply::integer() const noexcept {
  return is_integer() ? reply_->integer : 0;
}

std::size_t RedisReply::size() const noexcept {
  return is_array() ? reply_->elements : 0;
}

RedisReply RedisReply::operator[](std::size_t index) const {
  if (index >= size()) return {};
  return RedisReply(std::shared_ptr<const redisReply>(reply_, reply_->element[index]));
}

std::string server_text(std::string_view text) {
  constexpr std::size_t kShown = 300;
  return std::string(text.substr(0, kShown)) + (text.size() > kShown ? "..." : "");
}

void RedisConnection::Close::operator()(redisContext* context) const noexcept {
  ::redisFree(context);
}

RedisConnection::RedisConnection(const RedisEndpoint& endpoint, const RedisOptions& options)
    : name_("redis://" + to_string(endpoint)), timeout_(options.timeout) {
  context_.reset(::redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port,
                                           to_timeval(options.connect_timeout)));
  if (!context_ || context_->err != 0) {
    throw RedisConnectionError(
        RedisConnectionError::Kind::kLost,
        name_ + ": cannot connect: " + (context_ ? context_->errstr : "out of memory"));
  }
  if (::redisSetTimeout(context_.get(), to_timeval(options.timeout)) != REDIS_OK) {
    fail("set a time-out for");
  }
  context_->reader->fn = limited_functions(*context_->reader->fn);
  // Failure means only that a dead peer is noticed later.
  ::redisEnableKeepAlive(context_.get());
  authenticate(options);
  select(options.database);
}

void RedisConnection::authenticate(const RedisOptions& options) {
  if (options.password.empty()) return;
  RedisWords command{"AUTH"};
  if (!options.user.empty()) command.push_back(options.user);
  command.push_back(options.password);
  const RedisReply reply = run(command);
  if (reply.is_error()) {
    throw Error(ErrorCode::kIo,
                name_ + ": the server refuses the password: " + server_text(reply.text()));
  }
}

void RedisConnection::select(int database) {
  // Where a connection begins.
  if (database == 0) return;
  const std::string number = std::to_string(database);
  const RedisReply reply = run({"SELECT", number});
  if (!reply.is_error()) return;
  const std::string_view text = reply.text();
  // Others pass (a server that is loading) or say themselves what to do.
  const bool is_absent = text.find("cluster") != std::string_view::npos ||
                         text.find("index") != std::string_view::npos;
  throw Error(is_absent ? ErrorCode::kInvalidArgument : ErrorCode::kIo,
              name_ + ": cannot select database " + number + ": " + server_text(text));
}

std::vector<RedisReply> RedisConnection::run(std::span<const RedisWords> commands) {
  const SigpipeGuard guard;
  std::vector<const char*> words;
  std::vector<std::size_t> sizes;
  for (const RedisWords& command : commands) {
    words.clear();
    sizes.clear();
    for (const std::string_view word : command) {
      words.push_back(word.data());
      sizes.push_back(word.size());
    }
    if (::redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), words.data(),
                                 sizes.data()) != REDIS_OK) {
      fail("write to");
    }
  }
  std::vector<RedisReply> replies;
  replies.reserve(commands.size());
  while (replies.size() < commands.size()) {
    void* reply = nullptr;
    if (::redisGetReply(context_.get(), &reply) != REDIS_OK) fail("read from");
    replies.emplace_back(std::shared_ptr<const redisReply>(
        static_cast<redisReply*>(reply),
        [](const redisReply* held) { ::freeReplyObject(const_cast<redisReply*>(held)); }));
  }
  return replies;
}

RedisReply RedisConnection::run(const RedisWords& command) {
  return run(std::span(&command, 1)).front();
}

void RedisConnection::fail(const char* action) const {
  const bool timed_out = context_->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (timed_out) {
    throw RedisConnectionError(
        RedisConnectionError::Kind::kTimeout,
        name_ + ": no reply within " + std::to_string(timeout_.count()) + " ms");
  }
  throw RedisConnectionError(
      RedisConnectionError::Kind::kLost,
      name_ + ": cannot " + action + " the server: " + server_text(context_->errstr));
}

}  // namespace deformer
