// SPDX-License-Identifier: Apache-2.0
#include "softirq_counts.h"

#include <unistd.h>

#include <algorithm>
#include <limits>

#include "text.h"

namespace kernel_exporter {

SoftirqCounts read_softirq_counts() {
  SoftirqCounts counts;
  for (const std::string& line : lines(read_text("/proc/softirqs"))) {
    const std::vector<std::string> row = words(line);
    if (row.empty() || row[0].back() != ':') continue;
    std::string name = row[0].substr(0, row[0].size() - 1);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(::tolower(c)); });
    for (size_t cpu = 1; cpu < row.size(); ++cpu) counts[name] += std::stod(row[cpu]);
  }
  return counts;
}

BracketedScrape bracketed_scrape(const ExporterProcess& exporter) {
  BracketedScrape scrape;
  scrape.before = read_softirq_counts();
  scrape.samples = exporter.scrape();
  scrape.after = read_softirq_counts();
  return scrape;
}

// The kernel counts an entry just before its tracepoint, so each CPU may be one ahead of us.
bool OffsetRange::is_empty() const {
  return least > most + static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
}

OffsetRange offset_range(const std::vector<Observation>& observations) {
  OffsetRange range{-std::numeric_limits<double>::infinity(),
                    std::numeric_limits<double>::infinity()};
  for (const Observation& seen : observations) {
    range.least = std::max(range.least, seen.exported - seen.after);
    range.most = std::min(range.most, seen.exported - seen.before);
  }
  return range;
}

}  // namespace kernel_exporter
