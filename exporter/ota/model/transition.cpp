// SPDX-License-Identifier: Apache-2.0
#include "ota/model/transition.h"

#include <string>

namespace kernel_exporter {
namespace {

constexpr OtaTransition kNo{};
constexpr OtaTransition kIdle{OtaState::kIdle, {}};
constexpr OtaTransition kDownload{OtaState::kDownloading, {}};
constexpr OtaTransition kVerify{OtaState::kVerifying, {}};
constexpr OtaTransition kApply{OtaState::kApplying, {}};
constexpr OtaTransition kReboot{OtaState::kRebooting, {}};
constexpr OtaTransition kConfirm{OtaState::kConfirming, {}};
constexpr OtaTransition kGood{{}, OtaOutcome::kSucceeded};
constexpr OtaTransition kFail{{}, OtaOutcome::kFailed};
constexpr OtaTransition kBack{{}, OtaOutcome::kRolledBack};
constexpr OtaTransition kCut{{}, OtaOutcome::kInterrupted};

using Row = std::array<OtaTransition, kOtaEventNames.size()>;

// The states of the work itself come in any order and repeat: engines resume downloads, verify what
// they wrote, and pause. Only a new boot leads to confirming, and only there can be confirmed:
// installed is not succeeded. A boot that nobody announced cuts the work off; one while confirming
// is the boot loader's next try.
// clang-format off
constexpr std::array<Row, kOtaStateNames.size()> kTable = {{
    //                  set: idle  downloading verifying applying rebooting confirming | end: installed failed confirmed rolled_back | new boot
    /* idle        */ Row{{kIdle, kDownload,  kVerify,  kApply,  kReboot,  kNo,        kReboot, kFail, kNo,   kNo,   kCut}},
    /* downloading */ Row{{kIdle, kDownload,  kVerify,  kApply,  kReboot,  kNo,        kReboot, kFail, kNo,   kNo,   kCut}},
    /* verifying   */ Row{{kIdle, kDownload,  kVerify,  kApply,  kReboot,  kNo,        kReboot, kFail, kNo,   kNo,   kCut}},
    /* applying    */ Row{{kIdle, kDownload,  kVerify,  kApply,  kReboot,  kNo,        kReboot, kFail, kNo,   kNo,   kCut}},
    /* rebooting   */ Row{{kNo,   kNo,        kNo,      kNo,     kReboot,  kNo,        kReboot, kFail, kNo,   kBack, kConfirm}},
    /* confirming  */ Row{{kNo,   kNo,        kNo,      kNo,     kNo,      kConfirm,   kNo,     kFail, kGood, kBack, kConfirm}},
}};
// clang-format on

std::string possible_events(OtaState from) {
  std::string list;
  for (size_t event = 0; event < kOtaEventNames.size(); ++event) {
    if (static_cast<OtaEvent>(event) == OtaEvent::kNewBoot) continue;
    if (!kTable[index_of(from)][event].legal()) continue;
    list += (list.empty() ? "" : ", ") + std::string(kOtaEventNames[event]);
  }
  return list;
}

}  // namespace

OtaTransition transition(OtaState from, OtaEvent event) {
  return kTable[index_of(from)][index_of(event)];
}

Result<OtaTransition> transition(OtaStates from, OtaEvent event) {
  OtaTransition reached;
  for (size_t i = 0; i < from.size(); ++i) {
    if (!from.test(i)) continue;
    const auto state = static_cast<OtaState>(i);
    reached = transition(state, event);
    if (reached.legal()) continue;
    return fail("\"" + std::string(name_of(event)) + "\" is not possible in state " +
                std::string(name_of(state)) + ", possible: " + possible_events(state));
  }
  return reached;
}

std::string names_of(OtaStates states) {
  std::string names;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states.test(i)) names += (names.empty() ? "" : "+") + std::string(kOtaStateNames[i]);
  }
  return names;
}

}  // namespace kernel_exporter
