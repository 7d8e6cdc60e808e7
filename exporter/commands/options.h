// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/paths.h"
#include "http/server.h"

namespace kernel_exporter {

// `ota` and its subcommands.
struct OtaOptions {
  std::string socket = "/run/kernel_exporter/ota.sock";
  std::string engine;
  std::string id;
  std::string from;
  std::string to;
  std::string cgroup;
  std::vector<std::string> devices;  // PATH=ROLE, or PATH when the configuration has its role
  std::vector<std::string> states;
  std::string result;
  std::string cause;
  std::string detail;
  std::optional<uint64_t> payload_bytes;
  std::optional<uint64_t> process;
  std::optional<uint64_t> downloaded_bytes;
  std::optional<double> progress;
  std::optional<uint64_t> limit;
  std::string ledger;      // history: read this file instead of asking the exporter
  bool no_reboot = false;  // begin
  bool json = false;
};

// The command line, after CLI11 has checked it.
struct Options {
  std::vector<std::string> rules;  // files, or folders of *.yaml
  bool all_rules = false;          // those for updates, too, though none are followed: probes
  HostPaths paths;
  std::string log_level = "info";
  bool program_stats = false;
  std::vector<std::string> assume_missing;
  HttpOptions http;
  std::string web_config_file;
  double duration_seconds = 1;     // dump: how long to count before the scrape
  bool openmetrics = false;        // dump
  std::vector<std::string> files;  // check: instead of `rules`
  std::string ota_config;          // serve: "" leaves OTA off; check
  bool keep_privileges = false;    // serve
  bool require_probes = false;     // serve
  OtaOptions ota;
};

}  // namespace kernel_exporter
