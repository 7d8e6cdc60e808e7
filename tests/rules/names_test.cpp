// SPDX-License-Identifier: Apache-2.0
#include "rules/names.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(ProbeName, IsShortAndLowerCase) {
  for (const char* good : {"softirq", "a", "net_2", "abcdefghijklmno"}) {
    EXPECT_TRUE(is_probe_name(good)) << good;
  }
  for (const char* bad : {"", "abcdefghijklmnop", "Softirq", "soft irq", "soft-irq", "ä"}) {
    EXPECT_FALSE(is_probe_name(bad)) << bad;
  }
}

TEST(LabelName, LeavesOutWhatTheFormatsReserve) {
  for (const char* good : {"device", "_x", "A9"}) EXPECT_TRUE(is_label_name(good)) << good;
  for (const char* bad : {"", "9a", "a-b", "a:b", "__name__", "le", "quantile", "a b", "ä"}) {
    EXPECT_FALSE(is_label_name(bad)) << bad;
  }
}

TEST(MetricName, FollowsTheConventions) {
  struct Row {
    const char* name;
    MetricType type;
    const char* unit;
    const char* problem;  // "" for none
  };
  constexpr auto kCounter = MetricType::kCounter;
  constexpr auto kGauge = MetricType::kGauge;
  constexpr auto kHistogram = MetricType::kHistogram;
  const Row rows[] = {
      {"kernel_drops_total", kCounter, "none", ""},
      {"kernel_read_bytes_total", kCounter, "sectors", ""},
      {"kernel_wait_seconds", kHistogram, "nanoseconds", ""},
      {"kernel_load_ratio", kGauge, "percent", ""},
      {"kernel_drops", kCounter, "none", "must end in _total"},
      {"_total", kCounter, "none", "has no name before _total"},
      {"kernel_read_total", kCounter, "bytes", "must end in _bytes_total"},
      {"kernel_wait", kHistogram, "nanoseconds", "must end in _seconds"},
      {"kernel_wait_nanoseconds", kHistogram, "nanoseconds", "must end in _seconds"},
      {"kernel_drops_total", kGauge, "none", "ends in _total"},
      {"kernel_wait_bucket", kGauge, "none", "ends in _bucket"},
      {"kernel_wait_count", kHistogram, "none", "ends in _count"},
      {"kernel_wait_sum_total", kCounter, "none", "ends in _sum"},
      {"kernel_wait_created", kGauge, "none", "ends in _created"},
      {"9_total", kCounter, "none", "not a metric name"},
      {"kernel:drops_total", kCounter, "none", "not a metric name"},
      {"kernel drops_total", kCounter, "none", "not a metric name"},
      {"kernel_exporter_build_info", kGauge, "none", "reserved for the exporter"},
      {"process_open_fds", kGauge, "none", "reserved for the exporter"},
  };
  for (const Row& row : rows) {
    const auto problem = metric_name_problem(row.name, row.type, *find_unit(row.unit));
    if (*row.problem == '\0') {
      EXPECT_FALSE(problem) << row.name << ": " << *problem;
    } else {
      ASSERT_TRUE(problem) << row.name;
      EXPECT_NE(problem->find(row.problem), std::string::npos) << *problem;
      EXPECT_NE(problem->find(row.name), std::string::npos) << *problem;
    }
  }
}

}  // namespace
}  // namespace kernel_exporter
