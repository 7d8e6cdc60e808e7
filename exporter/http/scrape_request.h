// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace kernel_exporter {

struct ScrapeRequest {
  std::vector<std::string> collect;  // names from collect[]; empty: everything
  std::chrono::steady_clock::time_point deadline;
};

// The values of collect[] in a query string, URL-decoded, in order. Other parameters are ignored.
std::vector<std::string> parse_collect(std::string_view query);

// How long a scrape may take that announces `timeout_seconds` in
// X-Prometheus-Scrape-Timeout-Seconds: a quarter of a second less (at most half of it), for the way
// back. 10 s if absent or malformed.
std::chrono::nanoseconds scrape_budget(std::string_view timeout_seconds);

}  // namespace kernel_exporter
