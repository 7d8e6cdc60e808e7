// SPDX-License-Identifier: Apache-2.0
#include "exposition/format.h"

#include <strings.h>

#include <charconv>

#include "base/text.h"

namespace kernel_exporter {
namespace {

// One element of an Accept or Accept-Encoding header (RFC 9110, section 12.5).
struct Preference {
  std::string_view name;
  std::string_view version;
  double quality = 1;
};

// Cuts the part before `separator` off `rest`; neither separator occurs in the values compared
// here, so quoted strings need no care.
std::string_view cut(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return trimmed(part);
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view unquote(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    return value.substr(1, value.size() - 2);
  }
  return value;
}

// 0 for what is no quality: an element that cannot be understood is not chosen.
double parse_quality(std::string_view text) {
  double quality = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), quality, std::chars_format::fixed);
  const bool valid = error == std::errc() && end == text.data() + text.size();
  return valid && quality >= 0 && quality <= 1 ? quality : 0;
}

Preference parse_preference(std::string_view element) {
  Preference preference{.name = cut(element, ';'), .version = {}};
  while (!element.empty()) {
    std::string_view value = cut(element, ';');
    const auto key = cut(value, '=');
    value = unquote(trimmed(value));
    if (same(key, "q")) preference.quality = parse_quality(value);
    if (same(key, "version")) preference.version = value;
  }
  return preference;
}

// How exactly a media range names a format (RFC 9110, section 12.5.1); 0: not at all.
int exactness_of(const Preference& range, Format format) {
  const bool is_text = format == Format::kText004;
  if (same(range.name, "*/*")) return 1;
  if (same(range.name, is_text ? "text/*" : "application/*")) return 2;
  if (is_text) return same(range.name, "text/plain") ? 3 : 0;
  const bool known = range.version.empty() || range.version == "1.0.0" || range.version == "0.0.1";
  return known && same(range.name, "application/openmetrics-text") ? 3 : 0;
}

// What a header says of one format: the most exact range decides, of equals the
// better one.
struct Rank {
  int exactness = 0;
  double quality = 0;
  size_t place = 0;

  void hear(const Preference& range, Format format, size_t at) {
    const int exact = exactness_of(range, format);
    const bool better = exact > exactness || (exact == exactness && range.quality > quality);
    if (exact > 0 && better) *this = {exact, range.quality, at};
  }
};

}  // namespace

Format negotiate_format(std::string_view accept) {
  Rank text;
  Rank open_metrics;
  for (size_t place = 0; !accept.empty(); ++place) {
    const auto range = parse_preference(cut(accept, ','));
    text.hear(range, Format::kText004, place);
    open_metrics.hear(range, Format::kOpenMetrics100, place);
  }
  const bool first = open_metrics.quality == text.quality && open_metrics.place < text.place;
  return open_metrics.quality > text.quality || (first && open_metrics.quality > 0)
             ? Format::kOpenMetrics100
             : Format::kText004;
}

std::string_view content_type(Format format) {
  switch (format) {
    case Format::kOpenMetrics100:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case Format::kText004:
      break;
  }
  return "text/plain; version=0.0.4; charset=utf-8";
}

bool accepts_gzip(std::string_view accept_encoding) {
  bool any = false;
  while (!accept_encoding.empty()) {
    const auto preference = parse_preference(cut(accept_encoding, ','));
    if (same(preference.name, "gzip") || same(preference.name, "x-gzip")) {
      return preference.quality > 0;
    }
    if (preference.name == "*") any = preference.quality > 0;
  }
  return any;
}

}  // namespace kernel_exporter
