// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "commands/options.h"

namespace kernel_exporter {

// Each runs one subcommand to its end and returns the process's exit code.
int serve(const Options& options);
int check(const Options& options);
int list_probes(const Options& options);
int dump(const Options& options);
int ota_begin(const Options& options);
int ota_set(const Options& options);
int ota_end(const Options& options);
int ota_status(const Options& options);
int ota_history(const Options& options);

}  // namespace kernel_exporter
