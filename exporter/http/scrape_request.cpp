// SPDX-License-Identifier: Apache-2.0
#include "http/scrape_request.h"

#include <algorithm>
#include <charconv>

namespace kernel_exporter {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A per cent sign that no two hexadecimal digits follow stays as it is.
std::string url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> parse_collect(std::string_view query) {
  std::vector<std::string> names;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto parameter = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    const auto equals = parameter.find('=');
    if (url_decode(parameter.substr(0, equals)) != "collect[]") continue;
    const auto value =
        equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
    names.push_back(url_decode(value));
  }
  return names;
}

std::chrono::nanoseconds scrape_budget(std::string_view timeout_seconds) {
  constexpr double kDefault = 10;
  constexpr double kMargin = 0.25;
  constexpr double kMost = 3600;  // keeps the sum with any clock far from overflow
  double seconds = 0;
  const char* end = timeout_seconds.data() + timeout_seconds.size();
  const auto parsed = std::from_chars(timeout_seconds.data(), end, seconds);
  const bool valid = parsed.ec == std::errc() && parsed.ptr == end && seconds > 0;
  if (!valid) return std::chrono::seconds(static_cast<int>(kDefault));
  seconds = std::min(seconds, kMost);
  const double budget = seconds - std::min(kMargin, seconds / 2);
  return std::chrono::nanoseconds(static_cast<int64_t>(budget * 1e9));
}

}  // namespace kernel_exporter
