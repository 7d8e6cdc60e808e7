// SPDX-License-Identifier: Apache-2.0
#include "labels/steps.h"

namespace kernel_exporter {
namespace {

struct Spelling {
  std::string strip;
  bool lower = true;
  std::string unknown = kUnknown;
};

Result<Spelling> read_spelling(const Arguments& arguments) {
  const auto strip = arguments.text("strip");
  const auto lower = arguments.boolean("lower");
  const auto unknown = arguments.text("unknown");
  if (!strip) return tl::unexpected(strip.error());
  if (!lower) return tl::unexpected(lower.error());
  if (!unknown) return tl::unexpected(unknown.error());
  return Spelling{strip->value_or(""), lower->value_or(true), unknown->value_or(kUnknown)};
}

// The names of the enum in the arguments, or of the field's own type. Older kernels may not have
// the enum; the rule must say so with `optional`, so that a misspelling is not taken for that.
Result<EnumNames> read_names(const Arguments& arguments, const DecoderContext& context) {
  const auto enum_name = arguments.text("enum");
  const auto optional = arguments.boolean("optional");
  if (!enum_name) return tl::unexpected(enum_name.error());
  if (!optional) return tl::unexpected(optional.error());
  if (!*enum_name) {
    if (context.field_enum) return *context.field_enum;
    return arguments.wrong("enum", "missing; the field is not an enum, so its name is required");
  }
  std::optional<EnumNames> names;
  if (context.enum_names) names = context.enum_names(**enum_name);
  if (names) return std::move(*names);
  if (optional->value_or(false)) return EnumNames();
  return arguments.wrong("enum", "neither the object nor this kernel has an enum \"" + **enum_name +
                                     "\"; `optional: true` accepts kernels without it");
}

// "openvswitch/3": the upper half of a number names a subsystem, which has its own numbers in the
// lower half. The kernel declares SKB_DROP_REASON_SUBSYS_SHIFT and calls them PREFIX_SUBSYS_NAME.
constexpr int kSubsystemShift = 16;
constexpr std::string_view kSubsystemPrefix = "SUBSYS_";

Result<EnumNames> read_subsystems(const Arguments& arguments, const DecoderContext& context) {
  const auto name = arguments.text("subsystems");
  if (!name) return tl::unexpected(name.error());
  if (!*name || !context.enum_names) return EnumNames();
  return context.enum_names(**name).value_or(EnumNames());
}

std::string spell(std::string_view name, const Spelling& spelling) {
  if (name.starts_with(spelling.strip) && name.size() > spelling.strip.size()) {
    name.remove_prefix(spelling.strip.size());
  }
  std::string text(name);
  if (spelling.lower) make_ascii_lower(text);
  return text;
}

}  // namespace

MadeDecoder make_enum(const Arguments& arguments, const DecoderContext& context) {
  Result<Spelling> spelling = read_spelling(arguments);
  if (!spelling) return tl::unexpected(spelling.error());
  Result<EnumNames> names = read_names(arguments, context);
  if (!names) return tl::unexpected(names.error());
  for (auto& [number, name] : *names) name = spell(name, *spelling);
  Result<EnumNames> subsystems = read_subsystems(arguments, context);
  if (!subsystems) return tl::unexpected(subsystems.error());
  Spelling of_subsystem = *spelling;
  of_subsystem.strip += kSubsystemPrefix;
  for (auto& [number, name] : *subsystems) name = spell(name, of_subsystem);

  return make_step(
      [names = std::move(*names), subsystems = std::move(*subsystems),
       unknown = std::move(spelling->unknown)](Value& value, std::span<const std::byte>) {
        // BTF gives enumerators their sign, the field may have another.
        auto found = names.end();
        if (const auto number = integer_of(value)) found = names.find(*number);
        if (found == names.end()) {
          if (const auto number = signed_of(value)) found = names.find(*number);
        }
        if (found == names.end()) {
          if (const auto number = unsigned_of(value))
            found = names.find(static_cast<int64_t>(*number));
        }
        if (found != names.end()) return set_text(value, found->second);
        const uint64_t number = unsigned_of(value).value_or(0);
        const auto subsystem = subsystems.find(static_cast<int64_t>(number >> kSubsystemShift));
        if (number >> kSubsystemShift == 0 || subsystem == subsystems.end()) {
          return set_text(value, unknown);
        }
        const uint64_t own = number & ((uint64_t{1} << kSubsystemShift) - 1);
        set_text(value, subsystem->second + "/" + std::to_string(own));
      });
}

}  // namespace kernel_exporter
