// SPDX-License-Identifier: Apache-2.0
#include "exposition/format.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(NegotiateFormat, TakesTheHighestQuality) {
  constexpr auto kText = Format::kText004;
  constexpr auto kOpenMetrics = Format::kOpenMetrics100;
  struct Row {
    const char* accept;
    Format format;
  };
  const Row rows[] = {
      {"", kText},
      {"*/*", kText},
      {"text/*", kText},
      {"text/plain", kText},
      {"text/plain;version=0.0.4", kText},
      {"application/json", kText},
      {"application/openmetrics-text", kOpenMetrics},
      {"Application/OpenMetrics-Text; Version=1.0.0", kOpenMetrics},
      {"application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", kOpenMetrics},
      {"application/openmetrics-text;version=0.0.1", kOpenMetrics},
      {"application/openmetrics-text;version=2.0.0", kText},
      {"application/openmetrics-text;q=0", kText},
      {"application/openmetrics-text;q=0,*/*;q=0.1", kText},
      {"application/openmetrics-text;q=0.4,text/plain;q=0.5", kText},
      {"text/plain;q=0.4,application/openmetrics-text;q=0.5", kOpenMetrics},
      {"text/plain;q=0.5 , application/openmetrics-text;q=0.5", kText},
      {"application/openmetrics-text;q=0.5,text/plain;q=0.5", kOpenMetrics},
      {"application/openmetrics-text ; q=0.001", kOpenMetrics},
      {"application/openmetrics-text;q=high,text/plain;q=0.1", kText},
      {"application/openmetrics-text;q=-1", kText},
      {"application/openmetrics-text;q=1.5", kText},
      {"application/openmetrics-text;q=nan", kText},
      {"application/openmetrics-text;q=", kText},
      // RFC 9110, section 12.5.1: the most exact range decides
      {"application/*", kOpenMetrics},
      {"APPLICATION/*;q=0.1", kOpenMetrics},
      {"application/*;q=0", kText},
      {"application/*;q=0.5,text/*;q=0.6", kText},
      {"application/*;q=0.5,text/*;q=0.4", kOpenMetrics},
      {"application/*, application/openmetrics-text;q=0", kText},
      {"text/plain;q=0.1,*/*", kOpenMetrics},
      {"text/plain;q=0,*/*;q=0.1", kOpenMetrics},
      {"*/*, text/plain;q=0.1, application/openmetrics-text;q=0.2", kOpenMetrics},
      {"*/*;q=0.9, text/*;q=0.8", kOpenMetrics},
      {"application/openmetrics-text;version=2.0.0,*/*;q=0.1", kText},
      {"\tapplication/openmetrics-text\t;\tq=0.9\t,\ttext/plain;q=0.8", kOpenMetrics},
      {",,;;=,q=1,application/openmetrics-text", kOpenMetrics},
      {"application/openmetrics-textual", kText},
      // Prometheus 2.42, 3.5, 2.53 with native histograms, a browser.
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
       "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       kOpenMetrics},
      {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
       "openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
       "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
       kOpenMetrics},
      {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
       "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       kOpenMetrics},
      {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", kText},
  };
  for (const auto& row : rows) EXPECT_EQ(negotiate_format(row.accept), row.format) << row.accept;
}

TEST(AcceptsGzip, FollowsTheQuality) {
  struct Row {
    const char* accept_encoding;
    bool accepted;
  };
  const Row rows[] = {
      {"", false},         {"gzip", true},
      {"GZIP", true},      {"deflate, gzip;q=0.5", true},
      {"x-gzip", true},    {"*", true},
      {"gzip;q=0", false}, {"gzip;q=0.0, *", false},
      {"*;q=0", false},    {"*, gzip;q=0", false},
      {"identity", false}, {"br, zstd", false},
      {"gzipped", false},  {"gzip;q=x", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(accepts_gzip(row.accept_encoding), row.accepted) << row.accept_encoding;
  }
}

TEST(ContentType, NamesFormatAndVersion) {
  EXPECT_EQ(content_type(Format::kText004), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(content_type(Format::kOpenMetrics100),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

}  // namespace
}  // namespace kernel_exporter
