// SPDX-License-Identifier: Apache-2.0
#include "metrics/self_metrics.h"

#include <gtest/gtest.h>

#include <map>

#include "sample_text.h"

namespace kernel_exporter {
namespace {

// Series and their values, written as they are exposed.
class Exposed : public SampleSink {
 public:
  void begin_family(const FamilyHeader& family) override { family_ = family.name; }
  void sample(const Sample& sample) override {
    families_[family_][text_of(sample.labels)] = number_of(sample.value);
  }

  std::map<std::string, double> of(const std::string& name) const {
    const auto found = families_.find(name);
    return found == families_.end() ? std::map<std::string, double>() : found->second;
  }

 private:
  std::string family_;
  std::map<std::string, std::map<std::string, double>> families_;
};

ProgramStatus status(std::string program, std::string mechanism, AttachState state) {
  ProgramStatus status;
  status.probe = "flash";
  status.program = std::move(program);
  status.mechanism = std::move(mechanism);
  status.state = state;
  status.fd = state == AttachState::kAttached ? 0 : -1;
  return status;
}

using Series = std::map<std::string, double>;

TEST(SelfMetrics, NameProgramsOnlyWhereTheyFail) {
  SelfMetrics metrics(HostPaths{}, "1");
  metrics.set_programs({status("flash_read", "fexit", AttachState::kAttached),
                        status("flash_read", "kprobe", AttachState::kUnsupported),
                        status("flash_sync", "fexit", AttachState::kAttached),
                        status("flash_write", "fexit", AttachState::kFailed),
                        status("flash_erase", "kprobe", AttachState::kUnsupported)});
  Exposed exposed;
  metrics.write(exposed);
  const Series expected = {{R"(mechanism="fexit",probe="flash",program="")", 1},
                           {R"(mechanism="fexit",probe="flash",program="flash_write")", 0},
                           {R"(mechanism="unsupported",probe="flash",program="")", 0}};
  EXPECT_EQ(exposed.of("kernel_exporter_probe_attached"), expected);
}

TEST(SelfMetrics, TellOfProgramsWhatIsSoNow) {
  SelfMetrics metrics(HostPaths{}, "1");
  for (const AttachState state :
       {AttachState::kIdle, AttachState::kFailed, AttachState::kAttached, AttachState::kIdle}) {
    metrics.set_programs({status("flash_read", "fexit", state)});
    Exposed exposed;
    metrics.write(exposed);
    const bool idle = state == AttachState::kIdle;
    EXPECT_EQ(exposed.of("kernel_exporter_probe_idle"),
              idle ? Series({{R"(probe="flash")", 1}}) : Series());
    const bool failed = state == AttachState::kFailed;
    const std::string program = failed ? "flash_read" : "";
    EXPECT_EQ(exposed.of("kernel_exporter_probe_attached"),
              idle ? Series()
                   : Series({{"mechanism=\"fexit\",probe=\"flash\",program=\"" + program + "\"",
                              failed ? 0 : 1}}));
  }
}

TEST(SelfMetrics, TellOfMapsThatFill) {
  SelfMetrics metrics(HostPaths{}, "1");
  metrics.set_map_uses({{"roomy", 31, 64}, {"filling", 32, 64}});
  Exposed exposed;
  metrics.write(exposed);
  EXPECT_EQ(exposed.of("kernel_exporter_map_entries"), Series({{R"(map="filling")", 32}}));
  EXPECT_EQ(exposed.of("kernel_exporter_map_max_entries"), Series({{R"(map="filling")", 64}}));
  metrics.set_map_uses({{"filling", 1, 64}});
  Exposed later;
  metrics.write(later);
  EXPECT_EQ(later.of("kernel_exporter_map_entries"), Series());
}

}  // namespace
}  // namespace kernel_exporter
