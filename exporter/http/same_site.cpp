// SPDX-License-Identifier: Apache-2.0
#include "http/same_site.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/utf8.h"
#include "http/listen_address.h"

namespace kernel_exporter {
namespace {

bool same(const std::string& a, const std::string& b) {
  return ::strcasecmp(a.c_str(), b.c_str()) == 0;
}

// No other web site has an address for a name.
bool is_address(const std::string& text) {
  in_addr ignored;
  return ::inet_pton(AF_INET, text.c_str(), &ignored) == 1;
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

Result<void> check_same_site(const HttpRequest& request) {
  std::vector<ListenAddress> ours = {{request.local_address, request.local_port},
                                     {host_name(), request.local_port}};
  const bool everywhere = request.local_address == "0.0.0.0";
  const std::string host = request.host.substr(0, request.host.rfind(':'));
  if (everywhere && is_address(host)) ours.push_back({host, request.local_port});
  if (everywhere || request.local_address.starts_with("127.")) {
    ours.push_back({"localhost", request.local_port});
  }
  const bool known = std::any_of(ours.begin(), ours.end(), [&](const ListenAddress& address) {
    const bool default_port =
        address.port == 80 && same(request.host + ":80", host_and_port(address));
    return default_port || same(request.host, host_and_port(address));
  });
  if (!known) {
    return fail("Host \"" + printable(request.host) + "\" is not " + host_and_port(ours.front()) +
                ", where the request arrived");
  }
  if (request.origin.empty() || same(request.origin, "http://" + request.host)) return {};
  return fail("Origin \"" + printable(request.origin) + "\" is another web site");
}

}  // namespace kernel_exporter
