#include "serve/connection.h"

#include <utility>

#include "serve/http_connection.h"

namespace deformer::serve {

void ServerContext::enter(const std::shared_ptr<Connection>& connection) {
  const std::scoped_lock lock(mutex_);
  connections_.emplace(connection.get(), connection);
}

void ServerContext::leave(const Connection* connection) {
  const std::scoped_lock lock(mutex_);
  connections_.erase(connection);
}

std::vector<std::shared_ptr<Connection>> ServerContext::all() const {
  std::vector<std::shared_ptr<Connection>> found;
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, weak] : connections_) {
    if (auto connection = weak.lock()) found.push_back(std::move(connection));
  }
  return found;
}

std::size_t ServerContext::size() const {
  const std::scoped_lock lock(mutex_);
  return connections_.size();
}

void start_connection(ServerContext& context, tcp::socket socket,
                      const std::shared_ptr<asio::ssl::context>& tls) {
  const auto enter = [&context](auto connection) {
    context.enter(connection);
    asio::dispatch(connection->executor(), [connection] { connection->start(); });
  };
  if (tls) {
    enter(std::make_shared<HttpConnection<TlsStream>>(context, tls, std::move(socket)));
  } else {
    enter(std::make_shared<HttpConnection<tcp::socket>>(context, nullptr, std::move(socket)));
  }
}

}  // namespace deformer::serve
