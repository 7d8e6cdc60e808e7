// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace kernel_exporter {

// The agent's side of the socket. JSON goes in and comes out as text, so that callers need not know
// the library.

// A device of `begin`: PATH, or PATH=ROLE.
struct OtaDeviceArgument {
  std::string argument;
};
using OtaArgument =
    std::variant<std::string, std::vector<std::string>, std::optional<uint64_t>,
                 std::optional<double>, std::optional<bool>, std::vector<OtaDeviceArgument>>;

// One message with its keys as docs/ota.md lists them; a value that is empty is left out. The
// exporter checks what the keys hold.
std::string message_text(std::string_view kind,
                         const std::vector<std::pair<std::string_view, OtaArgument>>& arguments);

// The answer to begin, set and end.
struct OtaReply {
  uint64_t transaction = 0;
  std::string word;   // the states that go on, joined by "+", or the result
  std::string cause;  // "none" unless the result has one
};
// The exporter's own words when it refused.
[[nodiscard]] Result<OtaReply> parse_reply(std::string_view reply);

// The warnings of any answer.
std::vector<std::string> warnings_in_reply(std::string_view reply);

}  // namespace kernel_exporter
