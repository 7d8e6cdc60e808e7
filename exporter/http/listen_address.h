// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kernel_exporter {

struct ListenAddress {
  std::string host;  // dotted IPv4; 0.0.0.0 is every interface
  uint16_t port = 0;
};

// HOST:PORT with an IPv4 address, "localhost", or no host at all for every interface.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

// As it stands in a URL.
std::string host_and_port(const ListenAddress& address);

// Whether a server can listen there now: civetweb itself does not say clearly why it cannot.
[[nodiscard]] Result<void> check_listenable(const ListenAddress& address);

}  // namespace kernel_exporter
