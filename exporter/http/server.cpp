// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <civetweb.h>
#include <strings.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "base/mutex.h"
#include "http/listen_address.h"
#include "http/self_request.h"
#include "http/shutdown_sockets.h"

namespace kernel_exporter {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// How long a worker waits for the rest of a request header. Twice as many half-open connections as
// workers hold every worker twice, so they delay a scrape by 1 s, and by 2 s at worst when each
// sends a byte just before its time is up (civetweb looks at the clock only between two reads).
constexpr const char* kRequestTimeoutMs = "500";
constexpr const char* kLargestRequest = "16384";
constexpr int kLargestIgnoredBody = 4096;
constexpr auto kDrainBodyTime = 500ms;
// A client that takes longer to read an answer loses it; a thin link needs more than civetweb's
// patience of 2 s for one write that does not move.
constexpr auto kSendBudget = 30s;
// At the end: for answers that are ready to reach their sockets, and between two looks.
constexpr auto kDrainTime = 300ms;
constexpr auto kStopPoll = 20ms;

std::string_view or_empty(const char* text) { return text ? text : ""; }

std::string header(const mg_request_info& info, const char* name) {
  std::string joined;
  for (int i = 0; i < info.num_headers; ++i) {
    if (::strcasecmp(info.http_headers[i].name, name) != 0) continue;
    if (!joined.empty()) joined += ", ";
    joined += info.http_headers[i].value;
  }
  return joined;
}

HttpRequest read_request(mg_connection* connection, const ListenAddress& local) {
  const mg_request_info& info = *mg_get_request_info(connection);
  HttpRequest request;
  request.method = or_empty(info.request_method);
  request.path = or_empty(info.local_uri_raw);
  request.query = or_empty(info.query_string);
  request.host = header(info, "Host");
  request.origin = header(info, "Origin");
  request.accept = header(info, "Accept");
  request.accept_encoding = header(info, "Accept-Encoding");
  request.scrape_timeout = header(info, "X-Prometheus-Scrape-Timeout-Seconds");
  request.local_address = local.host;
  request.local_port = local.port;
  return request;
}

// Closing a socket with unread input resets it, and the client may lose the answer. No request of
// ours has a body, so little is read, byte by byte: civetweb returns from a read only when the
// buffer is full, or after 1 s. Only one worker at a time does this, however many clients send
// bodies.
void drain_body(mg_connection* connection, std::mutex& one_at_a_time) {
  const std::unique_lock lock(one_at_a_time, std::try_to_lock);
  if (!lock) return;
  const auto deadline = Clock::now() + kDrainBodyTime;
  char ignored;
  for (int i = 0; i < kLargestIgnoredBody && Clock::now() < deadline; ++i) {
    if (mg_read(connection, &ignored, 1) <= 0) return;
  }
}

// civetweb aborts a write after 2 s without progress and reports that like an error; a real error
// is reported immediately.
void send_all(mg_connection* connection, std::string_view data) {
  constexpr auto kStalledWrite = 1s;
  const auto deadline = Clock::now() + kSendBudget;
  while (!data.empty() && Clock::now() < deadline) {
    const auto start = Clock::now();
    const int sent = mg_write(connection, data.data(), data.size());
    if (sent > 0) {
      data.remove_prefix(static_cast<size_t>(sent));
    } else if (Clock::now() - start < kStalledWrite) {
      return;
    }
  }
}

std::string render_head(const mg_connection* connection, const HttpResponse& response) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += mg_get_response_code_text(connection, response.status);
  // RFC 9110, section 8.6: 204 has neither.
  if (response.status != 204) {
    head += "\r\nContent-Type: " + response.content_type;
    head += "\r\nContent-Length: " + std::to_string(response.body.size());
  }
  for (const auto& [name, value] : response.headers) head += "\r\n" + name + ": " + value;
  head +=
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  return head;
}

class CivetServer final : public HttpServer {
 public:
  CivetServer(HttpHandlers handlers, RouterOptions options)
      : router_(std::move(handlers), options) {}

  ~CivetServer() override {
    if (!context_) return;
    {
      Lock lock(mutex_);
      stopping_ = true;
      idle_.wait(lock, [this]() REQUIRES(mutex_) { return handling_ == 0; });
      idle_.wait_for(lock, kDrainTime, [this]() REQUIRES(mutex_) { return answering_ == 0; });
    }
    stop_civetweb();
  }

  CivetServer(const CivetServer&) = delete;
  CivetServer& operator=(const CivetServer&) = delete;

  Result<void> listen(const HttpOptions& options) {
    const auto address = parse_listen_address(options.listen_address);
    if (!address) return tl::unexpected(address.error());
    if (options.threads < 1) return fail("the HTTP server needs at least one thread");
    if (auto listenable = check_listenable(*address); !listenable) return listenable;
    if (auto started = start_civetweb(*address, options.threads); !started) return started;
    mg_server_port bound{};
    if (mg_get_server_ports(context_, 1, &bound) != 1) {
      return fail("civetweb does not say which port it listens on");
    }
    set_address({address->host, static_cast<uint16_t>(bound.port)});
    auto self = SelfRequest::create(options.listen_address, bound.port);
    if (!self) return tl::unexpected(self.error());
    self_ = std::move(*self);
    return {};
  }

  int port() const override { return address().port; }

  Result<void> check(std::chrono::milliseconds patience) override { return self_->ask(patience); }

 private:
  // The port is known only once requests may come already: those have no address yet.
  void set_address(ListenAddress address) {
    const Lock lock(mutex_);
    address_ = std::move(address);
  }
  ListenAddress address() const {
    const Lock lock(mutex_);
    return address_;
  }

  Result<void> start_civetweb(const ListenAddress& address, int threads) {
    const std::string where = host_and_port(address);
    const std::string workers = std::to_string(threads);
    const char* options[] = {"listening_ports",
                             where.c_str(),  //
                             "num_threads",
                             workers.c_str(),  //
                             "request_timeout_ms",
                             kRequestTimeoutMs,  //
                             "max_request_size",
                             kLargestRequest,  //
                             "enable_keep_alive",
                             "no",  //
                             "decode_url",
                             "no",  //
                             // Absolute targets (RFC 9112, section 3.2.2) are answered, too.
                             "enable_auth_domain_check",
                             "no",  //
                             "tcp_nodelay",
                             "1",  //
                             nullptr};
    mg_callbacks callbacks{};
    callbacks.begin_request = &CivetServer::on_request;
    // No log_access: civetweb would format its lines with localtime(), which threads cannot share.
    callbacks.log_message = &CivetServer::on_log;
    char text[256] = "";
    mg_init_data init{&callbacks, this, options};
    unsigned code = 0;
    mg_error_data error{&code, text, sizeof text};
    context_ = mg_start2(&init, &error);
    if (!context_) return fail("cannot serve on " + where + ": civetweb: " + text);
    return {};
  }

  // Left alone, civetweb looks for the end only every 2 s in its accept loop and in stalled writes.
  void stop_civetweb() {
    auto stopped = std::async(std::launch::async, [this] { mg_stop(context_); });
    while (stopped.wait_for(kStopPoll) != std::future_status::ready) {
      shutdown_sockets(port());
    }
  }

  static int on_request(mg_connection* connection) noexcept {
    auto* self = static_cast<CivetServer*>(mg_get_user_data(mg_get_context(connection)));
    try {
      return self->serve(connection);
    } catch (const std::exception& error) {
      // Memory, or a handler that broke its word: civetweb is C and must not see it.
      spdlog::error("HTTP request failed: {}", error.what());
    } catch (...) {
      spdlog::error("HTTP request failed");
    }
    return 500;
  }

  static int on_log(const mg_connection*, const char* message) noexcept {
    spdlog::debug("civetweb: {}", message);
    return 1;
  }

  int serve(mg_connection* connection) {
    const Presence answering(*this, &CivetServer::answering_);
    const HttpRequest request = read_request(connection, address());
    const HttpResponse response = handle(request);
    drain_body(connection, draining_body_);
    send_all(connection, render_head(connection, response));
    if (request.method != "HEAD") send_all(connection, response.body);
    return response.status;
  }

  HttpResponse handle(const HttpRequest& request) {
    const Presence handling(*this, &CivetServer::handling_);
    if (handling.refused()) return plain_response(503, "stopping");
    try {
      return router_.answer(request);
    } catch (const std::exception& error) {
      spdlog::error("{} {} failed: {}", request.method, request.path, error.what());
      return plain_response(500, "internal error");
    }
  }

  // Counts a thread in for the destructor to wait for.
  class Presence {
   public:
    Presence(CivetServer& server, int CivetServer::*count) : server_(server), count_(count) {
      const Lock lock(server_.mutex_);
      refused_ = server_.stopping_;
      ++(server_.*count_);
    }
    ~Presence() {
      const Lock lock(server_.mutex_);
      --(server_.*count_);
      server_.idle_.notify_all();
    }
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;
    bool refused() const { return refused_; }

   private:
    CivetServer& server_;
    int CivetServer::*const count_;
    bool refused_ = false;
  };

  const Router router_;
  mg_context* context_ = nullptr;
  ListenAddress address_ GUARDED_BY(mutex_);
  std::optional<SelfRequest> self_;
  std::mutex draining_body_;
  mutable Mutex mutex_;
  std::condition_variable_any idle_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  int handling_ GUARDED_BY(mutex_) = 0;   // threads inside a handler
  int answering_ GUARDED_BY(mutex_) = 0;  // threads between a request and the end of its answer
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpOptions& options,
                                                      HttpHandlers handlers) {
  auto server =
      std::make_unique<CivetServer>(std::move(handlers), RouterOptions{options.enable_lifecycle});
  if (auto listening = server->listen(options); !listening) {
    return tl::unexpected(listening.error());
  }
  return server;
}

}  // namespace kernel_exporter
