// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/rauc/rauc_engine.h"

#include <gtest/gtest.h>

#include "../adapter_section.h"

namespace kernel_exporter {
namespace {

TEST(RaucEngine, ParsesItsSection) {
  EXPECT_EQ(parsed_adapter("{}", parse_rauc_config).bus, "");
  EXPECT_EQ(parsed_adapter("{bus: 'unix:path=/b'}", parse_rauc_config).bus, "unix:path=/b");
}

TEST(RaucEngine, NamesWhatIsWrong) {
  EXPECT_EQ(faults_of_adapter("{address: a}", parse_rauc_config),
            std::vector<std::string>{
                "f:1: unknown key \"address\" in adapter rauc, expected one of \"bus\""});
  EXPECT_EQ(
      faults_of_adapter("{bus: system}", parse_rauc_config),
      std::vector<std::string>{
          "f:1: \"bus\" must be a D-Bus address such as unix:path=/run/dbus/system_bus_socket"});
  EXPECT_EQ(faults_of_adapter("true", parse_rauc_config),
            std::vector<std::string>{"f:1: adapter rauc must be a mapping of keys to values"});
}

}  // namespace
}  // namespace kernel_exporter
