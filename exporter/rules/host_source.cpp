// SPDX-License-Identifier: Apache-2.0
#include "rules/host_source.h"

#include <algorithm>
#include <array>

#include "rules/mtd_layout.h"
#include "rules/netlink_layout.h"

namespace kernel_exporter {
namespace {

const std::array<HostSource, 2>& sources() {
  static const std::array<HostSource, 2> known = {
      {{"mtd", mtd_key_layout(), mtd_value_layout()},
       {"netlink", netlink_key_layout(), netlink_value_layout()}}};
  return known;
}

}  // namespace

const HostSource* find_host_source(std::string_view name) {
  const auto found = std::ranges::find(sources(), name, &HostSource::name);
  return found == sources().end() ? nullptr : &*found;
}

std::vector<std::string_view> host_source_names() {
  std::vector<std::string_view> names;
  for (const HostSource& source : sources()) names.push_back(source.name);
  return names;
}

}  // namespace kernel_exporter
