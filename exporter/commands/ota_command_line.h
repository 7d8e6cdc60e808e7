// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

#include "commands/options.h"

namespace kernel_exporter {

// `ota begin|set|end|status|history` and their options.
void add_ota(CLI::App& app, Options& options);

// Runs the one that was named.
int run_ota(const CLI::App& ota, const Options& options);

}  // namespace kernel_exporter
