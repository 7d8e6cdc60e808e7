// SPDX-License-Identifier: Apache-2.0
#include "http/scrape_request.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

using Names = std::vector<std::string>;

TEST(ValuesOf, DecodesNamesAndValues) {
  struct Row {
    const char* query;
    Names names;
  };
  const Row rows[] = {
      {"", {}},
      {"collect[]=softirq", {"softirq"}},
      {"collect%5B%5D=softirq&collect%5b%5d=netdrop", {"softirq", "netdrop"}},
      {"a=1&collect[]=softirq&b&=&&c=collect[]", {"softirq"}},
      {"collect[]=a%26b%3Dc+d%2B", {"a&b=c d+"}},
      {"collect[]=a=b", {"a=b"}},
      {"collect[]=", {""}},
      {"collect[]", {""}},
      {"collect=softirq", {}},
      {"collect[]x=softirq", {}},
      {"collect[]=%", {"%"}},
      {"collect[]=%4", {"%4"}},
      {"collect[]=%zz%41", {"%zzA"}},
      {"collect[]=%00", {std::string(1, '\0')}},
  };
  for (const auto& row : rows) EXPECT_EQ(values_of(row.query, "collect[]"), row.names) << row.query;
}

TEST(UnknownParameter, NamesTheFirstOne) {
  struct Row {
    const char* query;
    const char* known;
    std::optional<std::string> unknown;
  };
  const Row rows[] = {
      {"", "collect[]", {}},
      {"", "", {}},
      {"&&", "", {}},
      {"collect[]=a&collect%5b%5d=b&", "collect[]", {}},
      {"collect[]=a&b=c&d", "collect[]", "b"},
      {"collect=a", "collect[]", "collect"},
      {"Collect[]=a", "collect[]", "Collect[]"},
      {"collect[]", "", "collect[]"},
      {"=", "collect[]", ""},
      {"=", "", ""},
      {"a%0ab", "collect[]", "a\nb"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(unknown_parameter(row.query, row.known), row.unknown) << row.query;
  }
}

TEST(ScrapeBudget, LeavesTimeForTheWayBack) {
  struct Row {
    const char* header;
    double seconds;
  };
  const Row rows[] = {
      {"10", 9.75},
      {"15.000000", 14.75},
      {"0.5", 0.25},
      {"0.1", 0.05},
      {"1e1", 9.75},
      {"1e9", 3599.75},
      {"inf", 3599.75},
      // malformed: the default of 10 s
      {"", 10},
      {"0", 10},
      {"-1", 10},
      {"nan", 10},
      {"10s", 10},
      {" 10", 10},
      {"ten", 10},
      {"1e999", 10},
  };
  for (const auto& row : rows) {
    const std::chrono::duration<double> budget = scrape_budget(row.header);
    EXPECT_NEAR(budget.count(), row.seconds, 1e-6) << row.header;
  }
}

}  // namespace
}  // namespace kernel_exporter
