#pragma once

#include "commands/options.h"

namespace kernel_exporter {

// Each runs one subcommand to its end and returns the process's exit code.
int serve(const Options& options);
int check(const Options& options);
int list_probes(const Options& options);
int dump(const Options& options);

}  // namespace kernel_exporter
