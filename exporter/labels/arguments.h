// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kernel_exporter {

// What a decoder may be given, and how it is written.
struct ArgumentNames {
  std::span<const std::string_view> known;
  // The argument that a plain scalar stands for: `{strip_prefix: "vcan"}`. "" for none.
  std::string_view shorthand;
};

// The arguments of one decoder of a chain. Messages name the decoder and the argument. Readers may
// be asked for every name in `known`; absent is nullopt, wrong is an error.
class Arguments {
 public:
  // `node` may be absent or null: no arguments.
  [[nodiscard]] static Result<Arguments> parse(std::string_view decoder, const YAML::Node& node,
                                               const ArgumentNames& names);

  [[nodiscard]] Result<std::optional<std::string>> text(std::string_view name) const;
  [[nodiscard]] Result<std::string> required_text(std::string_view name) const;
  [[nodiscard]] Result<std::optional<bool>> boolean(std::string_view name) const;
  [[nodiscard]] Result<uint64_t> required_positive(std::string_view name) const;
  [[nodiscard]] Result<std::map<std::string, std::string>> required_map(
      std::string_view name) const;

  // `decoder "NAME": argument "ARGUMENT": MESSAGE`.
  tl::unexpected<Error> wrong(std::string_view argument, std::string_view message) const;
  // `decoder "NAME": MESSAGE`.
  tl::unexpected<Error> wrong(std::string_view message) const;

 private:
  explicit Arguments(std::string_view decoder) : decoder_(decoder) {}
  const YAML::Node* find(std::string_view name) const;

  std::string decoder_;
  std::map<std::string, YAML::Node, std::less<>> given_;
};

}  // namespace kernel_exporter
