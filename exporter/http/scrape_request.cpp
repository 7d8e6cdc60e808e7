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

struct Parameter {
  std::string name;
  std::string value;
};

std::vector<Parameter> parameters_of(std::string_view query) {
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto text = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (text.empty()) continue;
    const auto equals = std::min(text.find('='), text.size());
    const auto value = text.substr(std::min(equals + 1, text.size()));
    parameters.push_back({url_decode(text.substr(0, equals)), url_decode(value)});
  }
  return parameters;
}

}  // namespace

std::vector<std::string> values_of(std::string_view query, std::string_view name) {
  std::vector<std::string> values;
  for (Parameter& parameter : parameters_of(query)) {
    if (parameter.name == name) values.push_back(std::move(parameter.value));
  }
  return values;
}

std::optional<std::string> unknown_parameter(std::string_view query, std::string_view known) {
  for (Parameter& parameter : parameters_of(query)) {
    if (known.empty() || parameter.name != known) return std::move(parameter.name);
  }
  return std::nullopt;
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
