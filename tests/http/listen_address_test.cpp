// SPDX-License-Identifier: Apache-2.0
#include "http/listen_address.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(ListenAddress, ReadsHostAndPort) {
  struct Row {
    const char* text;
    const char* host;
    int port;
  };
  const Row rows[] = {
      {"127.0.0.1:10435", "127.0.0.1", 10435},
      {"0.0.0.0:0", "0.0.0.0", 0},
      {":9100", "0.0.0.0", 9100},
      {"localhost:65535", "127.0.0.1", 65535},
  };
  for (const auto& row : rows) {
    const auto address = parse_listen_address(row.text);
    ASSERT_TRUE(address) << row.text;
    EXPECT_EQ(address->host, row.host);
    EXPECT_EQ(address->port, row.port);
  }
}

TEST(ListenAddress, RefusesTheRestWithTheReason) {
  struct Row {
    const char* text;
    const char* reason;
  };
  const Row rows[] = {
      {"", "expected HOST:PORT"},
      {"10435", "expected HOST:PORT"},
      {"127.0.0.1", "expected HOST:PORT"},
      {"127.0.0.1:", "from 0 to 65535"},
      {"127.0.0.1:65536", "from 0 to 65535"},
      {"127.0.0.1:-1", "from 0 to 65535"},
      {"127.0.0.1:+1", "from 0 to 65535"},
      {"127.0.0.1:80s", "from 0 to 65535"},
      {"127.0.0.1:http", "from 0 to 65535"},
      {"127.0.0.1: 80", "from 0 to 65535"},
      {"256.0.0.1:80", "must be an IPv4 address"},
      {"example.org:80", "must be an IPv4 address"},
      {"127.0.0.1,0.0.0.0:80", "must be an IPv4 address"},
      {"[::1]:10435", "Debian's civetweb is built without IPv6"},
      {"::1:10435", "Debian's civetweb is built without IPv6"},
      {"[::]:0", "Debian's civetweb is built without IPv6"},
  };
  for (const auto& row : rows) {
    const auto address = parse_listen_address(row.text);
    ASSERT_FALSE(address) << row.text;
    EXPECT_NE(address.error().message.find(row.reason), std::string::npos)
        << address.error().message;
    EXPECT_NE(address.error().message.find(row.text), std::string::npos) << address.error().message;
  }
}

TEST(CheckListenable, NamesAnAddressThatTheMachineHasNot) {
  const auto result = check_listenable({"192.0.2.1", 0});  // RFC 5737: for documentation
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("192.0.2.1:0"), std::string::npos);
  EXPECT_NE(result.error().message.find("no interface"), std::string::npos);
}

TEST(CheckListenable, AcceptsAFreePort) { EXPECT_TRUE(check_listenable({"127.0.0.1", 0})); }

}  // namespace
}  // namespace kernel_exporter
