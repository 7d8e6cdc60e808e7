#pragma once

#include <string>
#include <vector>

#include "host/paths.h"
#include "http/server.h"

namespace kernel_exporter {

// The command line, after CLI11 has checked it.
struct Options {
  std::vector<std::string> rules = {"rules/events"};  // files, or folders of *.yaml
  HostPaths paths;
  std::string log_level = "info";
  bool program_stats = false;
  std::vector<std::string> assume_missing;
  HttpOptions http;
  std::string web_config_file;
  double duration_seconds = 1;     // dump: how long to count before the scrape
  bool openmetrics = false;        // dump
  std::vector<std::string> files;  // check
};

}  // namespace kernel_exporter
