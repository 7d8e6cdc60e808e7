// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exporter_process.h"
#include "samples.h"

namespace kernel_exporter {

// /proc/softirqs: how often each vector's handler was entered since boot, by the vector's name in
// lower case, all CPUs together.
using SoftirqCounts = std::map<std::string, double>;
SoftirqCounts read_softirq_counts();

// A scrape between two readings of the truth.
struct BracketedScrape {
  SoftirqCounts before;
  Samples samples;
  SoftirqCounts after;
};
BracketedScrape bracketed_scrape(const ExporterProcess& exporter);

// A number that the exporter counts since its start is the kernel's minus a constant. Every scrape
// confines the constant: at least exported - after, at most exported - before.
struct OffsetRange {
  double least;
  double most;
  bool is_empty() const;  // no constant explains the scrapes
  double width() const { return most - least; }
};

// `exported` and `truth` have one value for each scrape, the latter before and after it.
struct Observation {
  double exported;
  double before;
  double after;
};
OffsetRange offset_range(const std::vector<Observation>& observations);

}  // namespace kernel_exporter
