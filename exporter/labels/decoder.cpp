// SPDX-License-Identifier: Apache-2.0
#include "labels/decoder.h"

#include <algorithm>

#include "labels/steps.h"

namespace kernel_exporter {
namespace {

using Make = MadeDecoder (*)(const Arguments&, const DecoderContext&);

struct Entry {
  std::string_view name;
  Make make;
  std::vector<std::string_view> arguments;
  std::string_view shorthand;
};

// The one list of decoders, ascending by name.
const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {"cgroup", make_cgroup, {}, ""},
      {"device", make_device, {"minor"}, ""},
      {"enum", make_enum, {"enum", "strip", "lower", "unknown", "optional", "subsystems"}, "enum"},
      {"errno", make_errno, {}, ""},
      {"hex", make_hex, {}, ""},
      {"hex_to_int", make_hex_to_int, {}, ""},
      {"ifname", make_ifname, {"netns", "ifindex"}, ""},
      {"inet", make_inet, {}, ""},
      {"int", make_int, {}, ""},
      {"ksym", make_ksym, {}, ""},
      {"lower", make_lower, {}, ""},
      {"prefix_split", make_prefix_split, {"sep", "keep"}, ""},
      {"regexp", make_regexp, {"pattern", "replace"}, ""},
      {"softirq", make_softirq, {}, ""},
      {"static_map", make_static_map, {"map", "default"}, ""},
      {"string", make_string, {}, ""},
      {"strip_prefix", make_strip_prefix, {"prefix"}, "prefix"},
      {"syscall", make_syscall, {}, ""},
      {"uint", make_uint, {}, ""},
  };
  return entries;
}

tl::unexpected<Error> unknown_decoder(const std::string& name) {
  std::string message = "unknown decoder \"" + name + "\"; known are ";
  for (const Entry& entry : table()) {
    if (&entry != &table().front()) message += ", ";
    message += entry.name;
  }
  return fail(message);
}

MadeDecoder make_named(const std::string& name, const YAML::Node& arguments,
                       const DecoderContext& context) {
  const auto entry = std::find_if(table().begin(), table().end(),
                                  [&](const Entry& candidate) { return candidate.name == name; });
  if (entry == table().end()) return unknown_decoder(name);
  const ArgumentNames names{entry->arguments, entry->shorthand};
  const Result<Arguments> parsed = Arguments::parse(name, arguments, names);
  if (!parsed) return tl::unexpected(parsed.error());
  return entry->make(*parsed, context);
}

}  // namespace

Result<std::unique_ptr<Decoder>> make_decoder(const YAML::Node& step,
                                              const DecoderContext& context) {
  constexpr char kExpected[] =
      "expected the name of a decoder, or a map from its name to its arguments";
  try {
    if (step.IsDefined() && step.IsScalar()) {
      return make_named(step.Scalar(), YAML::Node(YAML::NodeType::Null), context);
    }
    if (!step.IsDefined() || !step.IsMap() || step.size() != 1) return fail(kExpected);
    const auto entry = step.begin();
    if (!entry->first.IsScalar()) return fail(kExpected);
    return make_named(entry->first.Scalar(), entry->second, context);
  } catch (const YAML::Exception& exception) {
    return fail(std::string("decoder: ") + exception.what());
  }
}

std::vector<std::string_view> decoder_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : table()) names.push_back(entry.name);
  return names;
}

}  // namespace kernel_exporter
