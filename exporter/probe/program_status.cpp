// SPDX-License-Identifier: Apache-2.0
#include "probe/program_status.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace kernel_exporter {

void read_run_stats(std::vector<ProgramStatus>& programs) {
  for (ProgramStatus& program : programs) {
    if (program.fd < 0) continue;
    bpf_prog_info info = {};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(program.fd, &info, &size) != 0) continue;
    program.run_count = info.run_cnt;
    program.run_time_ns = info.run_time_ns;
    program.missed_runs = info.recursion_misses;
  }
}

Result<UniqueFd> enable_run_stats() {
  const int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (fd < 0) return fail_errno(-fd, "counting the run time of BPF programs");
  return UniqueFd(fd);
}

}  // namespace kernel_exporter
