// SPDX-License-Identifier: Apache-2.0
#include "http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

#include "../exposition/gunzip.h"

namespace kernel_exporter {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return tolower(c); });
  return out;
}

// Lines of `NAME: VALUE`; false for anything else.
bool parse_headers(std::string_view lines, std::map<std::string, std::string>& headers) {
  while (!lines.empty()) {
    const auto end = lines.find("\r\n");
    const auto line = lines.substr(0, end);
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) return false;
    headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    lines = end == std::string_view::npos ? std::string_view() : lines.substr(end + 2);
  }
  return true;
}

}  // namespace

UniqueFd connect_loopback(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) return UniqueFd();
  return fd;
}

bool send_text(const UniqueFd& connection, std::string_view text) {
  while (!text.empty()) {
    const auto sent = send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string receive_all(const UniqueFd& connection, std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + timeout;
  std::string out;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{connection.get(), POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return out;
    char chunk[16384];
    const auto count = recv(connection.get(), chunk, sizeof chunk, 0);
    if (count <= 0) return out;
    out.append(chunk, static_cast<size_t>(count));
  }
}

std::optional<HttpReply> parse_reply(std::string_view text, bool is_head) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  const auto head_end = text.find("\r\n\r\n");
  if (!text.starts_with(kVersion) || head_end == std::string_view::npos) return std::nullopt;
  const auto status_end = text.find("\r\n");
  HttpReply reply;
  std::from_chars(text.data() + kVersion.size(), text.data() + status_end, reply.status);
  const auto headers_at = std::min(status_end + 2, head_end);
  if (!parse_headers(text.substr(headers_at, head_end - headers_at), reply.headers)) {
    return std::nullopt;
  }
  reply.raw_body = text.substr(head_end + 4);
  const bool whole = reply.status == 204 ||
                     reply.header("content-length") == std::to_string(reply.raw_body.size());
  if (!is_head && !whole) return std::nullopt;
  reply.body = reply.header("content-encoding") == "gzip" ? gunzip(reply.raw_body) : reply.raw_body;
  return reply;
}

std::optional<HttpReply> http_request(int port, const std::string& method,
                                      const std::string& target, const std::string& headers,
                                      const std::string& body) {
  const auto connection = connect_loopback(port);
  if (!connection) return std::nullopt;
  std::string text = method + " " + target +
                     " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n" + headers;
  if (!body.empty() || method == "POST") {
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  if (!send_text(connection, text + "\r\n" + body)) return std::nullopt;
  return parse_reply(receive_all(connection), method == "HEAD");
}

}  // namespace kernel_exporter
