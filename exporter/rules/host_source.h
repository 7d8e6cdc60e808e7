// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "probe/layout.h"

namespace kernel_exporter {

// What a rule can name by `source:` in place of a BPF map: numbers that the host itself keeps. The
// collector (metrics/) reads them.
struct HostSource {
  std::string_view name;
  const Layout& key;
  const Layout& value;
};

// null when there is no such source.
const HostSource* find_host_source(std::string_view name);
std::vector<std::string_view> host_source_names();

}  // namespace kernel_exporter
