// SPDX-License-Identifier: Apache-2.0
#include "kernel_module.h"

#include "child_process.h"

namespace kernel_exporter {
namespace {

constexpr char kModprobe[] = "/sbin/modprobe";

// As a command whose exit code is no failure.
int quietly(const std::string& arguments) {
  const std::string script = std::string(kModprobe) + " " + arguments + " 2>/dev/null; echo $?";
  return std::stoi(run_program({"/bin/sh", "-c", script}));
}

}  // namespace

bool has_module(const std::string& name) { return quietly("--dry-run --quiet " + name) == 0; }

KernelModule::KernelModule(const std::string& name, const std::vector<std::string>& parameters)
    : name_(name) {
  std::vector<std::string> command = {kModprobe, name};
  command.insert(command.end(), parameters.begin(), parameters.end());
  run_program(command);
}

KernelModule::~KernelModule() { quietly("--remove " + name_); }

}  // namespace kernel_exporter
