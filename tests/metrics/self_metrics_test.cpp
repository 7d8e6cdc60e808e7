#include "metrics/self_metrics.h"

#include <gtest/gtest.h>

#include <map>

namespace kernel_exporter {
namespace {

// Series and their values, written as they are exposed.
class Exposed : public SampleSink {
 public:
  void begin_family(const FamilyHeader& family) override { family_ = family.name; }
  void value(std::string_view labels, uint64_t number) override { put(labels, number); }
  void value(std::string_view labels, double number) override { put(labels, number); }
  void histogram(std::string_view, std::span<const uint64_t>, std::optional<double>) override {}
  void summary(std::string_view, uint64_t, double) override {}

  std::map<std::string, double> of(const std::string& name) const {
    const auto found = families_.find(name);
    return found == families_.end() ? std::map<std::string, double>() : found->second;
  }

 private:
  void put(std::string_view labels, auto number) {
    families_[family_][std::string(labels)] = static_cast<double>(number);
  }

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

TEST(SelfMetrics, TellWhatIsUnsupportedFromWhatFailed) {
  SelfMetrics metrics(HostPaths{}, "1");
  metrics.set_programs({status("flash_read", "fexit", AttachState::kAttached),
                        status("flash_read", "kprobe", AttachState::kUnsupported),
                        status("flash_write", "fexit", AttachState::kFailed),
                        status("flash_erase", "kprobe", AttachState::kUnsupported)});
  Exposed exposed;
  metrics.write(exposed);
  const std::map<std::string, double> expected = {
      {R"(mechanism="fexit",probe="flash",program="flash_read")", 1},
      {R"(mechanism="fexit",probe="flash",program="flash_write")", 0},
      {R"(mechanism="unsupported",probe="flash",program="flash_erase")", 0}};
  EXPECT_EQ(exposed.of("kernel_exporter_probe_attached"), expected);
}

}  // namespace
}  // namespace kernel_exporter
