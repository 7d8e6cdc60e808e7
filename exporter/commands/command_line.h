// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kernel_exporter {

// Parses the command line and runs the command it names. The result is the process's exit code:
// 0 done, 1 failed, 2 wrong usage.
int run_command_line(int argc, char** argv);

}  // namespace kernel_exporter
