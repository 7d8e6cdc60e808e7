// SPDX-License-Identifier: Apache-2.0
#include "exposition/writer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "metrics/family_stream.h"
#include "sample_families.h"

namespace kernel_exporter {
namespace {

std::string golden(const std::string& name) {
  std::ifstream file(KERNEL_EXPORTER_SOURCE_DIR "/tests/exposition/golden/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string written(Format format) {
  std::string out;
  const auto writer = make_writer(format, out);
  write_sample_families(*writer);
  writer->finish();
  return out;
}

TEST(Writer, WritesText004) { EXPECT_EQ(written(Format::kText004), golden("sample.prom")); }

TEST(Writer, WritesOpenMetrics100) {
  EXPECT_EQ(written(Format::kOpenMetrics100), golden("sample.openmetrics"));
}

TEST(Writer, AppendsToWhatIsThere) {
  std::string out = "# before\n";
  const auto writer = make_writer(Format::kText004, out);
  FamilyHeader header;
  header.name = "a_total";
  FamilyStream(*writer, header).add({}, uint64_t{1});
  writer->finish();
  EXPECT_EQ(out, "# before\n# HELP a_total \n# TYPE a_total counter\na_total 1\n");
}

TEST(Writer, EndsAnEmptyExposition) {
  std::string text;
  make_writer(Format::kText004, text)->finish();
  EXPECT_EQ(text, "");
  std::string open_metrics;
  make_writer(Format::kOpenMetrics100, open_metrics)->finish();
  EXPECT_EQ(open_metrics, "# EOF\n");
}

}  // namespace
}  // namespace kernel_exporter
