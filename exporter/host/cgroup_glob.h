// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kernel_exporter {

// fnmatch(3) part by part between slashes. A part that is "**" alone stands for any number of
// parts, none included; at the end of the glob for at least one: "/a/**" is everything below /a,
// not /a.
bool cgroup_glob_matches(std::string_view glob, std::string_view path);

}  // namespace kernel_exporter
