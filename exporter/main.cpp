// SPDX-License-Identifier: Apache-2.0
#include "commands/command_line.h"

int main(int argc, char** argv) { return kernel_exporter::run_command_line(argc, argv); }
