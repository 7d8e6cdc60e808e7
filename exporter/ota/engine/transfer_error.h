// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kernel_exporter {

// Whether a message tells that a transfer over the network was not possible or broke off, in the
// words of libcurl, of TLS libraries or of connect(2). An answer of the server, as "404", is none.
bool tells_broken_transfer(std::string_view text);

}  // namespace kernel_exporter
