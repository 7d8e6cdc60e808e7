// SPDX-License-Identifier: Apache-2.0
#include "http/self_request.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <string_view>

#include "http/listen_address.h"

namespace kernel_exporter {
namespace {

constexpr std::string_view kRequest = "GET /-/healthy HTTP/1.0\r\n\r\n";
constexpr std::string_view kGoodAnswer = "HTTP/1.1 200 ";
constexpr std::string_view kWhat = "own GET /-/healthy";

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

timeval time_of(std::chrono::milliseconds patience) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
  return {seconds.count(), std::chrono::microseconds(patience - seconds).count()};
}

}  // namespace

Result<SelfRequest> SelfRequest::create(const std::string& listen_address, int port) {
  const auto listening = parse_listen_address(listen_address);
  if (!listening) return tl::unexpected(listening.error());
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  const std::string host = listening->host == "0.0.0.0" ? "127.0.0.1" : listening->host;
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(errno, kWhat);
  return SelfRequest(std::move(socket), address);
}

Result<void> SelfRequest::ask(std::chrono::milliseconds patience) {
  auto outcome = exchange(patience);
  // A TCP socket that is connected to AF_UNSPEC is as good as new (tcp_disconnect).
  sockaddr_in nobody = {};
  nobody.sin_family = AF_UNSPEC;
  if (::connect(socket_.get(), generic(nobody), sizeof nobody) != 0 && outcome) {
    outcome = fail_errno(errno, kWhat);
  }
  return outcome;
}

// SO_SNDTIMEO bounds connect() too.
Result<void> SelfRequest::exchange(std::chrono::milliseconds patience) {
  const timeval time = time_of(patience);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  if (::connect(socket_.get(), generic(address_), sizeof address_) != 0) {
    return fail_errno(errno, kWhat);
  }
  if (::send(socket_.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
    return fail_errno(errno, kWhat);
  }
  char answer[kGoodAnswer.size()];
  const ssize_t size = ::recv(socket_.get(), answer, sizeof answer, MSG_WAITALL);
  if (size < 0) return fail_errno(errno, kWhat);
  const std::string_view head(answer, static_cast<size_t>(size));
  if (head != kGoodAnswer)
    return fail(std::string(kWhat) + ": answered \"" + std::string(head) + "\"");
  return {};
}

}  // namespace kernel_exporter
