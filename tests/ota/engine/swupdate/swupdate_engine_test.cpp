// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate_engine.h"

#include <gtest/gtest.h>

#include "../adapter_section.h"

namespace kernel_exporter {
namespace {

TEST(SwupdateEngine, ParsesItsSection) {
  const SwupdateConfig usual = parsed_adapter("{}", parse_swupdate_config);
  EXPECT_EQ(usual.progress_socket, "/tmp/swupdateprog");
  EXPECT_EQ(usual.control_socket, "/tmp/sockinstctrl");
  ASSERT_TRUE(usual.otherwise);
  EXPECT_EQ(usual.otherwise->progress, "/run/swupdate/swupdateprog");
  EXPECT_EQ(usual.otherwise->control, "/run/swupdate/sockinstctrl");
  const SwupdateConfig own =
      parsed_adapter("{progress_socket: /a, control_socket: /b}", parse_swupdate_config);
  EXPECT_EQ(own.progress_socket, "/a");
  EXPECT_EQ(own.control_socket, "/b");
  EXPECT_FALSE(own.otherwise);
}

TEST(SwupdateEngine, NamesWhatIsWrong) {
  EXPECT_EQ(
      faults_of_adapter("{progress_socket: a}", parse_swupdate_config),
      std::vector<std::string>{"f:1: \"progress_socket\" must be the absolute path of a file"});
  EXPECT_EQ(
      faults_of_adapter("{control_socket: /" + std::string(107, 'a') + "}", parse_swupdate_config),
      std::vector<std::string>{"f:1: \"control_socket\" must have at most 107 characters"});
  EXPECT_EQ(
      faults_of_adapter("{socket: /a}", parse_swupdate_config),
      std::vector<std::string>{"f:1: unknown key \"socket\" in adapter swupdate, expected one "
                               "of \"control_socket\", \"progress_socket\""});
}

}  // namespace
}  // namespace kernel_exporter
