// SPDX-License-Identifier: Apache-2.0
#include "http/same_site.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace kernel_exporter {
namespace {

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

TEST(CheckSameSite, WantsTheAddressThatTheRequestCameTo) {
  struct Row {
    const char* local_address;
    uint16_t port;
    std::string host;
    std::string origin;
    bool same;
  };
  const Row rows[] = {
      {"127.0.0.1", 10435, "127.0.0.1:10435", "", true},
      {"127.0.0.1", 10435, "localhost:10435", "", true},
      {"127.0.0.1", 10435, "LocalHost:10435", "http://localhost:10435", true},
      {"192.0.2.1", 10435, "192.0.2.1:10435", "", true},
      {"192.0.2.1", 10435, host_name() + ":10435", "", true},
      {"192.0.2.1", 80, "192.0.2.1", "http://192.0.2.1", true},
      {"0.0.0.0", 10435, "192.0.2.1:10435", "http://192.0.2.1:10435", true},
      {"0.0.0.0", 10435, "localhost:10435", "", true},
      {"0.0.0.0", 10435, host_name() + ":10435", "", true},
      {"0.0.0.0", 10435, "192.0.2.1:10436", "", false},
      {"0.0.0.0", 10435, "evil.example:10435", "http://evil.example:10435", false},
      {"0.0.0.0", 10435, "192.0.2.1.evil.example:10435", "", false},
      {"0.0.0.0", 10435, "192.0.2.1:10435", "http://evil.example", false},
      {"0.0.0.0", 80, "192.0.2.1", "http://192.0.2.1", true},
      {"0.0.0.0", 10435, "", "", false},
      // a page that lets its own name point to us
      {"127.0.0.1", 10435, "evil.example:10435", "http://evil.example:10435", false},
      {"127.0.0.1", 10435, "localhost.evil.example:10435", "", false},
      {"127.0.0.1", 10435, "127.0.0.1.evil.example:10435", "", false},
      {"192.0.2.1", 10435, "localhost:10435", "", false},
      {"127.0.0.1", 10435, "127.0.0.1", "", false},
      {"127.0.0.1", 10435, "127.0.0.1:80", "", false},
      {"127.0.0.1", 10435, "", "", false},
      // a page from elsewhere
      {"127.0.0.1", 10435, "127.0.0.1:10435", "http://evil.example", false},
      {"127.0.0.1", 10435, "127.0.0.1:10435", "http://127.0.0.1:8080", false},
      {"127.0.0.1", 10435, "127.0.0.1:10435", "http://localhost:10435", false},
      {"127.0.0.1", 10435, "127.0.0.1:10435", "https://127.0.0.1:10435", false},
      {"127.0.0.1", 10435, "127.0.0.1:10435", "null", false},
  };
  for (const auto& row : rows) {
    HttpRequest request;
    request.local_address = row.local_address;
    request.local_port = row.port;
    request.host = row.host;
    request.origin = row.origin;
    EXPECT_EQ(check_same_site(request).has_value(), row.same) << row.host << " " << row.origin;
  }
}

}  // namespace
}  // namespace kernel_exporter
