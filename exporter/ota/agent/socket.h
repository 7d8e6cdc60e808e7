// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace kernel_exporter {

// UNIX SEQPACKET sockets: message boundaries are kept, and the peer's credentials known.

// Listens at `path`, whose folder is made when missing. A socket that a dead process left there is
// taken over; one that answers is an error. Any user may connect: who may speak is the server's
// decision.
[[nodiscard]] Result<UniqueFd> listen_at(const std::string& path);

// Sends one message and waits for the answer, at most 10 s each.
[[nodiscard]] Result<std::string> ask_ota_socket(const std::string& path, std::string_view message);

}  // namespace kernel_exporter
