// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace kernel_exporter {

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string raw_body;                        // as it came
  std::string body;                            // unpacked if it came as gzip

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

// A connection to 127.0.0.1:port; owns nothing if it fails.
UniqueFd connect_loopback(int port);

// Sends all of it; false when the peer is gone.
bool send_text(const UniqueFd& connection, std::string_view text);

// Everything until the peer closes, or what came until the deadline.
std::string receive_all(const UniqueFd& connection,
                        std::chrono::milliseconds timeout = std::chrono::seconds(20));

// An answer taken apart; nothing if it is not one or its length is not the announced one (a HEAD
// request's is not checked).
std::optional<HttpReply> parse_reply(std::string_view text, bool is_head);

// One request on a connection of its own. `headers` are lines, each ending in \r\n.
std::optional<HttpReply> http_request(int port, const std::string& method,
                                      const std::string& target, const std::string& headers = "",
                                      const std::string& body = "");
inline std::optional<HttpReply> http_get(int port, const std::string& target,
                                         const std::string& headers = "") {
  return http_request(port, "GET", target, headers);
}

}  // namespace kernel_exporter
