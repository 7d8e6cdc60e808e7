// SPDX-License-Identifier: Apache-2.0
#include "http/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>

#include "base/unique_fd.h"

namespace kernel_exporter {
namespace {

std::string quoted(std::string_view text) {
  return "--web.listen-address \"" + std::string(text) + "\"";
}

tl::unexpected<Error> listen_error(const ListenAddress& address, int error_number) {
  const std::string where = "cannot listen on " + host_and_port(address);
  switch (error_number) {
    case EADDRINUSE:
      return fail(where +
                  ": the port is in use; stop the other process or choose another port with "
                  "--web.listen-address");
    case EADDRNOTAVAIL:
      return fail(where +
                  ": no interface of this machine has that address; choose one that "
                  "`ip address` shows, or 0.0.0.0, with --web.listen-address");
    case EACCES:
      return fail(where +
                  ": permission denied; choose a port of at least 1024 with --web.listen-address "
                  "or grant CAP_NET_BIND_SERVICE");
    default:
      return fail_errno(error_number, where);
  }
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(quoted(text) + ": expected HOST:PORT, for example 127.0.0.1:10435");
  }
  const auto host = text.substr(0, colon);
  const auto port_text = text.substr(colon + 1);
  if (host.find(':') != std::string_view::npos) {
    return fail(quoted(text) +
                ": Debian's civetweb is built without IPv6; give an IPv4 address, for example "
                "127.0.0.1:10435");
  }
  ListenAddress address;
  const char* end = port_text.data() + port_text.size();
  const auto parsed = std::from_chars(port_text.data(), end, address.port);
  if (port_text.empty() || parsed.ec != std::errc() || parsed.ptr != end) {
    return fail(quoted(text) + ": the port must be a number from 0 to 65535");
  }
  address.host = host.empty() ? "0.0.0.0" : host == "localhost" ? "127.0.0.1" : std::string(host);
  in_addr ignored;
  if (inet_pton(AF_INET, address.host.c_str(), &ignored) != 1) {
    return fail(quoted(text) + ": the host must be an IPv4 address, for example 127.0.0.1:10435");
  }
  return address;
}

std::string host_and_port(const ListenAddress& address) {
  return address.host + ":" + std::to_string(address.port);
}

Result<void> check_listenable(const ListenAddress& address) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return listen_error(address, errno);
  const int on = 1;
  // As civetweb does, so that connections of a previous run in TIME_WAIT do not count.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(address.port);
  inet_pton(AF_INET, address.host.c_str(), &name.sin_addr);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) {
    return listen_error(address, errno);
  }
  if (listen(fd.get(), 1) != 0) return listen_error(address, errno);
  return {};
}

}  // namespace kernel_exporter
