// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

struct ScrapeRequest {
  std::vector<std::string> collect;  // names from collect[]; empty: everything
  std::chrono::steady_clock::time_point deadline;
};

// The values of a parameter in a query string, both URL-decoded, in order.
std::vector<std::string> values_of(std::string_view query, std::string_view name);

// The first parameter of a query string that has another name; with "", any.
std::optional<std::string> unknown_parameter(std::string_view query, std::string_view known);

// How long a scrape may take that announces `timeout_seconds` in
// X-Prometheus-Scrape-Timeout-Seconds: a quarter of a second less (at most half of it), for the way
// back. 10 s if absent or malformed.
std::chrono::nanoseconds scrape_budget(std::string_view timeout_seconds);

}  // namespace kernel_exporter
