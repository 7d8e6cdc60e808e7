// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "http/request.h"

namespace kernel_exporter {

// Whether a request is meant for this server and comes from no other web site: a page in a browser
// may send requests to any address, also under a name of its own that it lets point to ours. Host
// must be the address where the server listens (any address, when it listens on all), "localhost"
// when that includes loopback, or this machine's host name, each with the port; Origin, where there
// is one, the same.
[[nodiscard]] Result<void> check_same_site(const HttpRequest& request);

}  // namespace kernel_exporter
