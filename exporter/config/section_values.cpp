// SPDX-License-Identifier: Apache-2.0
#include "config/section_values.h"

#include "config/units.h"

namespace kernel_exporter {
namespace {

// sun_path holds 107 characters and the end.
constexpr size_t kMaxSocketPath = 107;

}  // namespace

std::string file_path(YamlSection& section, std::string_view key, std::string otherwise) {
  const YAML::Node node = section.take(key);
  if (node.IsNull()) return otherwise;
  std::string path = section.text(key);
  if (!path.starts_with('/') || path.ends_with('/')) {
    section.error(node, "\"" + std::string(key) + "\" must be the absolute path of a file");
  }
  return path;
}

std::string socket_path(YamlSection& section, std::string_view key, std::string otherwise) {
  std::string path = file_path(section, key, std::move(otherwise));
  if (path.size() > kMaxSocketPath) {
    section.error(section.take(key),
                  "\"" + std::string(key) + "\" must have at most 107 characters");
  }
  return path;
}

int64_t duration_ns(YamlSection& section, std::string_view key, int64_t otherwise) {
  const YAML::Node node = section.take(key);
  if (node.IsNull()) return otherwise;
  static const Unit nanoseconds = *find_unit("nanoseconds");
  const auto time = parse_quantity(section.text(key), nanoseconds);
  if (time) return static_cast<int64_t>(*time);
  section.error(node, "\"" + std::string(key) + "\": " + time.error().message);
  return otherwise;
}

uint64_t number_between(YamlSection& section, std::string_view key, uint64_t otherwise,
                        uint64_t least, uint64_t most) {
  const uint64_t number = section.number(key).value_or(otherwise);
  if (number < least || number > most) {
    section.error(section.take(key), "\"" + std::string(key) + "\" must be from " +
                                         std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

}  // namespace kernel_exporter
