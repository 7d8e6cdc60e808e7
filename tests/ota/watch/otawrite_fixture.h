// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "../../host/temporary_tree.h"
#include "bpf/block.h"
#include "child.h"
#include "loop_device.h"
#include "ota/watch/bindings.h"
#include "probe/object.h"
#include "probe/snapshot.h"

namespace kernel_exporter {

// The probe otawrite of the embedded object, one loop device (not bound) and one cgroup.
class OtawriteTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kDeviceBytes = 64 * kMebibyte;

  void SetUp() override;

  // Bytes of one operation on a device by one step, or by all.
  uint64_t written(BlockNumber device, std::optional<ota_step> step = std::nullopt,
                   block_operation operation = BLOCK_WRITE);
  // The same for the loop device.
  uint64_t by(ota_step step) { return written(loop_->number(), step); }
  // For one role, or all.
  uint64_t written_as(ota_role role);
  // Of a transaction, by one step, or by all.
  uint64_t total(uint64_t transaction, std::optional<ota_step> step = std::nullopt);
  // Observations in the latency histogram of a device.
  uint64_t latencies(BlockNumber device);
  uint64_t lost(uint32_t reason);
  size_t entries(const char* map);
  // Of the loop device, since the test began.
  DiskWrites disk_writes() const;

  void bind(ota_role role = OTA_ROLE_SLOT);
  void bind_cgroup(uint64_t transaction);

  TemporaryTree tree_;
  std::unique_ptr<LoopDevice> loop_;
  std::shared_ptr<Generation> generation_;
  std::unique_ptr<OtaBindings> bindings_;
  std::unique_ptr<NestedCgroup> cgroup_;

 private:
  Snapshot read(const char* map);

  DiskWrites before_;
};

}  // namespace kernel_exporter
