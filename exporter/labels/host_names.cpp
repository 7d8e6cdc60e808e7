// SPDX-License-Identifier: Apache-2.0
// cgroup, ifname, device, ksym: names that only the running host knows.
#include "labels/steps.h"

namespace kernel_exporter {
namespace {

using Key = std::span<const std::byte>;
using IntegerReader = DecoderContext::IntegerReader;

void set_unresolved(Value& value, std::string text) {
  set_text(value, std::move(text));
  value.cacheable = false;
}

// The reader of the key field that an argument names; empty when the argument is not given.
Result<IntegerReader> key_field(const Arguments& arguments, std::string_view argument,
                                const DecoderContext& context) {
  const auto field = arguments.text(argument);
  if (!field) return tl::unexpected(field.error());
  if (!*field) return IntegerReader();
  std::optional<IntegerReader> reader;
  if (context.key_field) reader = context.key_field(**field);
  if (!reader) {
    return arguments.wrong(argument, "the key has no integer field \"" + **field + "\"");
  }
  return std::move(*reader);
}

constexpr char kOtherNamespace[] = "other_netns";

struct DeviceNumber {
  uint32_t major;
  uint32_t minor;
};

// include/linux/kdev_t.h: dev_t inside the kernel, not what stat(2) shows.
DeviceNumber split_device(uint64_t number) {
  constexpr unsigned int kMinorBits = 20;
  return {static_cast<uint32_t>(number) >> kMinorBits,
          static_cast<uint32_t>(number) & ((1U << kMinorBits) - 1)};
}

}  // namespace

MadeDecoder make_cgroup(const Arguments&, const DecoderContext& context) {
  return make_step([host = context.host](Value& value, Key) {
    const std::optional<uint64_t> id = unsigned_of(value);
    std::optional<std::string> path;
    if (host && id) path = host->cgroups.path(*id);
    if (!path) return set_unresolved(value, kUnknown);
    set_text(value, std::move(*path));
  });
}

MadeDecoder make_ifname(const Arguments& arguments, const DecoderContext& context) {
  Result<IntegerReader> name_space = key_field(arguments, "netns", context);
  if (!name_space) return tl::unexpected(name_space.error());
  Result<IntegerReader> index = key_field(arguments, "ifindex", context);
  if (!index) return tl::unexpected(index.error());
  return make_step([host = context.host, name_space = std::move(*name_space),
                    index = std::move(*index)](Value& value, Key key) {
    // Never cached: devices are renamed.
    value.cacheable = false;
    const std::optional<uint64_t> ifindex = index ? index(key) : unsigned_of(value);
    const uint64_t inode = name_space ? name_space(key) : 0;
    const bool here = !name_space || (host && inode != 0 && inode == host->netdevs.own_namespace());
    std::optional<std::string> name;
    if (host && here && ifindex) name = host->netdevs.name(static_cast<uint32_t>(*ifindex));
    if (name) return set_text(value, std::move(*name));
    if (!index) set_text(value, here || inode == 0 ? kUnknown : kOtherNamespace);
  });
}

MadeDecoder make_device(const Arguments& arguments, const DecoderContext& context) {
  Result<IntegerReader> minor = key_field(arguments, "minor", context);
  if (!minor) return tl::unexpected(minor.error());
  return make_step([host = context.host, minor = std::move(*minor)](Value& value, Key key) {
    const std::optional<uint64_t> number = unsigned_of(value);
    if (!number) return;
    DeviceNumber device = split_device(*number);
    if (minor) device = {static_cast<uint32_t>(*number), static_cast<uint32_t>(minor(key))};
    std::optional<std::string> name;
    if (host) name = block_device_name(host->paths, device.major, device.minor);
    if (name) return set_text(value, std::move(*name));
    set_unresolved(value, std::to_string(device.major) + ":" + std::to_string(device.minor));
  });
}

MadeDecoder make_ksym(const Arguments&, const DecoderContext& context) {
  if (context.host) context.host->uses.kernel_symbols = true;
  return make_step([host = context.host](Value& value, Key) {
    const std::optional<uint64_t> address = unsigned_of(value);
    if (!address) return;
    std::optional<std::string> name;
    if (host) name = host->symbols.name(*address);
    set_text(value, name ? std::move(*name) : hexadecimal(*address));
  });
}

}  // namespace kernel_exporter
