// SPDX-License-Identifier: Apache-2.0
#include "ota/model/transition.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace kernel_exporter {
namespace {

std::string target(const OtaTransition& transition) {
  if (transition.state) return std::string(name_of(*transition.state));
  return transition.outcome ? std::string(name_of(*transition.outcome)) : "-";
}

// Everything that is possible, written down a second time; all else must be refused.
const std::map<std::string, std::map<std::string, std::string>>& possible() {
  static const std::map<std::string, std::string> work = {
      {"set idle", "idle"},           {"set downloading", "downloading"},
      {"set verifying", "verifying"}, {"set applying", "applying"},
      {"set rebooting", "rebooting"}, {"end installed", "rebooting"},
      {"end failed", "failed"},       {"new boot", "interrupted"}};
  static const std::map<std::string, std::map<std::string, std::string>> table = {
      {"idle", work},
      {"downloading", work},
      {"verifying", work},
      {"applying", work},
      {"rebooting",
       {{"set rebooting", "rebooting"},
        {"end installed", "rebooting"},
        {"end failed", "failed"},
        {"end rolled_back", "rolled_back"},
        {"new boot", "confirming"}}},
      {"confirming",
       {{"set confirming", "confirming"},
        {"end failed", "failed"},
        {"end confirmed", "succeeded"},
        {"end rolled_back", "rolled_back"},
        {"new boot", "confirming"}}},
  };
  return table;
}

TEST(Transition, AllowsWhatTheTableAllowsAndNothingElse) {
  for (size_t state = 0; state < kOtaStateNames.size(); ++state) {
    const auto& row = possible().at(std::string(kOtaStateNames[state]));
    for (size_t event = 0; event < kOtaEventNames.size(); ++event) {
      const auto expected = row.find(std::string(kOtaEventNames[event]));
      EXPECT_EQ(target(transition(static_cast<OtaState>(state), static_cast<OtaEvent>(event))),
                expected == row.end() ? "-" : expected->second)
          << kOtaStateNames[state] << ", " << kOtaEventNames[event];
    }
  }
}

TEST(Transition, RefusalSaysWhatWouldBePossible) {
  const auto refused = transition(states_of(OtaState::kConfirming), OtaEvent::kSetApplying);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "\"set applying\" is not possible in state confirming, possible: set confirming, "
            "end failed, end confirmed, end rolled_back");
}

TEST(Transition, MustBePossibleFromEveryStateThatGoesOn) {
  const auto both = states_of(OtaState::kDownloading) | states_of(OtaState::kApplying);
  EXPECT_EQ(names_of(both), "downloading+applying");
  EXPECT_TRUE(transition(both, OtaEvent::kEndInstalled));
  EXPECT_FALSE(transition(both, OtaEvent::kEndConfirmed));
}

}  // namespace
}  // namespace kernel_exporter
