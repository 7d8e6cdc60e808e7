// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/error.h"
#include "bpf/ota.h"
#include "bpf/otawrite.h"
#include "host/block_device.h"
#include "host/paths.h"
#include "probe/object.h"

namespace kernel_exporter {

// Bytes that one transaction wrote, by the step that found it to be the writer (OTA_BY_INODE,
// OTA_BY_TASK or OTA_BY_BLKCG). Bytes that no step found have no transaction.
struct OtaWritten {
  uint64_t transaction = 0;
  ota_step step = OTA_BY_INODE;
  uint64_t bytes = 0;
};

// The latest request of a bound device that failed with a status.
struct OtaDeviceError {
  BlockNumber device;
  otawrite_last_error error = {};
};

// What the probes of updates shall watch: the one writer of the maps ota_filter, ota_device,
// ota_cgroup and ota_process. Nothing is bound in a generation that was just loaded, and
// what is bound stays so when this object ends. One thread at a time.
class OtaBindings {
 public:
  // Fails when the generation holds no otawrite that runs.
  [[nodiscard]] static Result<OtaBindings> create(std::shared_ptr<const Generation> generation,
                                                  HostPaths paths);

  // A disk or a partition. Of a disk and its partition, both bound, the partition takes its part.
  // Binding again replaces the role and looks where the partition lies now.
  [[nodiscard]] Result<void> bind_device(BlockNumber device, ota_role role);
  // A device that is not bound is no error: it may be gone.
  [[nodiscard]] Result<void> unbind_device(BlockNumber device);

  // All tasks in the cgroup (cgroup2 id) and below it write for the transaction, a number from 1
  // on that is never used again.
  [[nodiscard]] Result<void> bind_cgroup(uint64_t cgroup, uint64_t transaction);
  [[nodiscard]] Result<void> unbind_cgroup(uint64_t cgroup);

  // Likewise the process (its id in the initial PID namespace) and its descendants, where no cgroup
  // says otherwise. To be unbound when it has ended: another will be called by that number.
  [[nodiscard]] Result<void> bind_process(uint32_t process, uint64_t transaction);
  [[nodiscard]] Result<void> unbind_process(uint32_t process);

  // Whether an update is open that named neither cgroup nor process: then any process that is not
  // bound to another update may be writing for it.
  [[nodiscard]] Result<void> set_unnamed(bool open);

  // Unbinds all cgroups and processes of a transaction. What they made dirty remains the
  // transaction's, so its totals go on until writeback has drained.
  [[nodiscard]] Result<void> retire(uint64_t transaction);
  // Retires and drops the totals. If bytes are still written, the totals restart at 0.
  [[nodiscard]] Result<void> forget(uint64_t transaction);

  // Of all transactions that are not forgotten, in order; steps without bytes are left out.
  [[nodiscard]] Result<std::vector<OtaWritten>> totals() const;
  // Of all devices that ever failed since the object was loaded.
  [[nodiscard]] Result<std::vector<OtaDeviceError>> last_errors() const;

 private:
  struct Target {
    BlockExtent extent;
    ota_role role;
  };

  OtaBindings(std::shared_ptr<const Generation> generation, HostPaths paths)
      : generation_(std::move(generation)), paths_(std::move(paths)) {}

  std::vector<ota_range> ranges_of(BlockNumber disk) const;
  Result<void> write_disk(BlockNumber disk);
  Result<void> drop_disk(BlockNumber disk);
  template <typename Id>
  Result<void> bind_id(const char* map, std::map<Id, uint64_t>& bound, Id id, uint64_t transaction);
  template <typename Id>
  Result<void> unbind_id(const char* map, std::map<Id, uint64_t>& bound, Id id);
  Result<void> write_filter();

  std::shared_ptr<const Generation> generation_;
  HostPaths paths_;
  std::map<BlockNumber, Target> targets_;
  std::map<BlockNumber, std::set<uint32_t>> listed_;  // by disk: keys of ota_device
  std::map<uint64_t, uint64_t> cgroups_;              // to transaction
  std::map<uint32_t, uint64_t> processes_;            // to transaction
  bool unnamed_ = false;
  uint64_t changes_ = 0;  // of the filter, as written here
};

}  // namespace kernel_exporter
