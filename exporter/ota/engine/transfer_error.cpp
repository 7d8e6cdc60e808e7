// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/transfer_error.h"

#include <algorithm>
#include <array>
#include <string>

namespace kernel_exporter {
namespace {

// In lower case. Of curl_easy_strerror() and of the buffer for errors, 7.60 to 8.x.
constexpr auto kWords = std::to_array<std::string_view>({
    // Not reached.
    "resolve host",
    "resolve proxy",
    "resolving timed out",
    "temporary failure in name resolution",
    "connect to server",
    "failed to connect",
    "connection refused",
    "connection timed out",
    "connection timeout",
    "no route to host",
    "network is unreachable",
    "network is down",
    "host is down",
    // Came to a standstill.
    "timeout was reached",
    "operation timed out",
    "operation too slow",
    "transfer timed out",
    // Broke off.
    "transfer closed with",
    "transferred a partial file",
    "bytes missing",
    "partial file",
    "receiving data from the peer",
    "sending data to the peer",
    "recv failure",
    "send failure",
    "connection reset",
    "connection was reset",
    "connection aborted",
    "connection abort",
    "connection closed",
    "connection died",
    "server returned nothing",
    "empty reply from server",
    "too many failed download attempts",
    // By the layers in between.
    "http2 framing layer",
    "http/2 framing layer",
    "http/2 stream",
    "http3 layer",
    "http/3 stream",
    "quic connection",
    "ssl_error_syscall",
    "unexpected eof while reading",
    "tls connection was non-properly terminated",
    "gnutls recv error",
    "gnutls send error",
    "ssl_read: ",
    "ssl_write: ",
});

}  // namespace

bool tells_broken_transfer(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::any_of(
      kWords, [&](std::string_view words) { return lower.find(words) != std::string::npos; });
}

}  // namespace kernel_exporter
