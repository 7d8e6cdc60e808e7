// SPDX-License-Identifier: Apache-2.0
// Firmware, where the kernel has a driver that asks for what one tells it: the guests.
#include <fstream>

#include "child_process.h"
#include "exporter_process.h"
#include "kernel_module.h"
#include "temporary_folder.h"
#include "text.h"
#include "update.h"
#include "verify.h"

namespace kernel_exporter {
namespace {

constexpr char kLoads[] = "ota_firmware_loads_total";
constexpr char kPath[] = "/sys/module/firmware_class/parameters/path";
constexpr char kTrigger[] = "/sys/devices/virtual/misc/test_firmware/trigger_request";
constexpr int kPresent = 3;
constexpr int kMissing = 2;

// A folder that the kernel searches for firmware first, with one file in it.
class FirmwareFolder {
 public:
  FirmwareFolder() {
    std::ofstream(folder_.path() + "/ecu.bin") << "firmware";
    write_text(kPath, folder_.path());
  }

 private:
  TemporaryFolder folder_;
};

// Whether the driver got it.
bool request(const std::string& name) {
  const std::string script = "printf " + name + " >" + kTrigger + " 2>/dev/null && echo yes";
  return run_program({"/bin/sh", "-c", script + "; true"}) == "yes\n";
}

TEST(Firmware, CountsNothingWhileNoDriverAsks) {
  const Update update;
  const ExporterProcess exporter({default_rules("firmware")}, update.options());
  VERIFY_EQ(exporter.scrape().sum(kLoads), 0);
}

TEST(Firmware, CountsWhatDriversGotAndWhatThereWasNot) {
  NEEDS(has_module("test_firmware"), "module test_firmware");
  const Update update;
  const ExporterProcess exporter({default_rules("firmware")}, update.options());
  VERIFY_EQ(exporter.scrape().sum(kLoads), 0);
  const FirmwareFolder folder;
  const KernelModule driver("test_firmware");
  for (int i = 0; i < kPresent; ++i) VERIFY_TRUE(request("ecu.bin"));
  for (int i = 0; i < kMissing; ++i) VERIFY_FALSE(request("missing.bin"));
  const Samples samples = exporter.scrape();
  VERIFY_EQ(samples.sum(kLoads, {{"result", "loaded"}}), kPresent);
  VERIFY_EQ(samples.sum(kLoads, {{"result", "not_found"}}), kMissing);
  VERIFY_EQ(samples.sum(kLoads), kPresent + kMissing);
}

}  // namespace
}  // namespace kernel_exporter
