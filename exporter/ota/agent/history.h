// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace kernel_exporter {

// What `kernel_exporter ota` prints. JSON goes in and comes out as text, so that callers need not
// know the library.

// The transactions of a ledger, those still open included, as a history reply, with a warning where
// it cannot be read. A file that holds something but no record is an error.
[[nodiscard]] Result<std::string> history_of_ledger(const std::string& path);

// A history reply as a table, a line for each transaction, the latest last.
[[nodiscard]] Result<std::string> history_table(std::string_view reply);
// A status reply likewise.
[[nodiscard]] Result<std::string> status_table(std::string_view reply);

// The list `key` of a reply, for scripts.
[[nodiscard]] Result<std::string> list_in_reply(std::string_view reply, std::string_view key);

}  // namespace kernel_exporter
