// SPDX-License-Identifier: Apache-2.0
#include "ota/config_file.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(OtaConfigFile, ReadsEveryKey) {
  Diagnostics faults;
  const OtaConfigFile file = parse_ota_config("f", R"(
socket: /tmp/s
ledger: /tmp/l
allowed_uids: [0, 1000]
allowed_gids: [7]
ledger_keep_transactions: 5
ledger_max_bytes: 65536
engines: [rauc, swupdate]
devices: {/dev/sda2: slot, /dev/mtd1: bootenv}
thresholds: {stall: 90s, starved: 20s, timeout: 2h}
adapters: {rauc: {bus: "unix:path=/b"}}
)",
                                              faults);
  EXPECT_EQ(faults.messages(), std::vector<std::string>());
  const OtaConfig& config = file.config;
  EXPECT_EQ(config.socket, "/tmp/s");
  EXPECT_EQ(config.ledger, "/tmp/l");
  EXPECT_EQ(config.allowed_uids, (std::vector<uid_t>{0, 1000}));
  EXPECT_EQ(config.allowed_gids, (std::vector<gid_t>{7}));
  EXPECT_EQ(config.keep_transactions, 5u);
  EXPECT_EQ(config.ledger_max_bytes, 65536u);
  EXPECT_EQ(config.engines, (std::vector<std::string>{"rauc", "swupdate"}));
  EXPECT_EQ(config.devices.at("/dev/mtd1"), OtaRole::kBootenv);
  EXPECT_EQ(config.stall_ns, 90'000'000'000);
  EXPECT_EQ(config.starved_ns, 20'000'000'000);
  ASSERT_EQ(file.adapters.size(), 1u);
  EXPECT_EQ(file.adapters[0].engines, std::vector<std::string>{"rauc"});
  EXPECT_EQ(config.timeout_ns, 7'200'000'000'000);
}

TEST(OtaConfigFile, AnEmptyFileIsTheDefault) {
  Diagnostics faults;
  const OtaConfig config = parse_ota_config("f", "# nothing\n", faults).config;
  EXPECT_TRUE(faults.empty());
  EXPECT_EQ(config.allowed_uids, std::vector<uid_t>{0});
  EXPECT_EQ(config.socket, "/run/kernel_exporter/ota.sock");
}

TEST(OtaConfigFile, AnAdapterIsOffWithoutItsKeyAndItsEngineIsKnownWithIt) {
  Diagnostics faults;
  EXPECT_TRUE(parse_ota_config("f", "engines: [custom]", faults).adapters.empty());
  const OtaConfigFile file = parse_ota_config("f",
                                              "engines: [custom]\n"
                                              "adapters:\n"
                                              "  cgroup: [{engine: own, glob: /own.slice/*}]\n"
                                              "  swupdate: {}\n"
                                              "  rauc: {}\n",
                                              faults);
  EXPECT_EQ(faults.messages(), std::vector<std::string>());
  EXPECT_EQ(file.adapters.size(), 3u);
  EXPECT_EQ(file.config.engines, (std::vector<std::string>{"custom", "rauc", "swupdate", "own"}));
}

TEST(OtaConfigFile, NamesFileLineAndWhatWasExpected) {
  struct Row {
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"soket: /a", "f:1: unknown key \"soket\""},
      {"\nsocket: a", "f:2: \"socket\" must be the absolute path"},
      {"ledger: /a/", "f:1: \"ledger\" must be the absolute path"},
      {"allowed_uids: [root]", "f:1: \"root\" in \"allowed_uids\" is not an id"},
      {"allowed_uids: 0", "f:1: \"allowed_uids\""},
      {"allowed_gids: [-1]", "f:1: \"-1\" in \"allowed_gids\" is not an id"},
      {"ledger_keep_transactions: 0", "f:1: \"ledger_keep_transactions\" must be from 1"},
      {"ledger_max_bytes: 100", "f:1: \"ledger_max_bytes\" must be from 16384"},
      {"engines: [a b]", "f:1: \"a b\" is not an engine name"},
      {"devices: {/dev/a: disk}", "f:1: role of /dev/a must be one of \"slot\""},
      {"devices: {a: slot}", "f:1: device \"a\" is not an absolute path"},
      {"thresholds:\n  stall: 60", "f:2: \"stall\": \"60\""},
      {"thresholds:\n  x: 60s", "f:2: unknown key \"x\" in thresholds"},
      {"adapters: [rauc]", "f:1: adapters must be a mapping"},
      {"adapters: {mender: {}}",
       "f:1: unknown key \"mender\" in adapters, expected one of \"cgroup\", \"rauc\", "
       "\"swupdate\""},
      {"[]", "f:1: OTA configuration must be a mapping"},
      {"a: [", "f:"},
  };
  for (const Row& row : rows) {
    Diagnostics faults;
    parse_ota_config("f", row.text, faults);
    ASSERT_FALSE(faults.empty()) << row.text;
    EXPECT_EQ(faults.messages().front().find(row.message), 0u) << faults.messages().front();
  }
}

TEST(OtaConfigFile, NamesAFileThatCannotBeRead) {
  Diagnostics faults;
  read_ota_config("/nonexistent/ota.yaml", faults);
  ASSERT_EQ(faults.messages().size(), 1u);
  EXPECT_EQ(faults.messages().front(),
            "/nonexistent/ota.yaml: cannot be read: No such file or directory");
}

}  // namespace
}  // namespace kernel_exporter
