// SPDX-License-Identifier: Apache-2.0
// As root: what is left of its capabilities, and what can still be done with programs that were
// loaded before.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "base/unique_fd.h"
#include "child.h"
#include "privileges/capabilities.h"
#include "privileges/system_calls.h"

namespace kernel_exporter {
namespace {

constexpr uint64_t bit(int capability) { return uint64_t{1} << capability; }

// A set of this thread as procfs shows it, "CapEff" and the like.
uint64_t set_of(const std::string& name) {
  std::ifstream status("/proc/thread-self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1), nullptr, 16);
  }
  return ~uint64_t{0};
}

// The capability that this kernel wants for a map lookup, found out the other way round: by a real
// map and a process that has given up everything.
uint64_t for_lookups(int map) {
  const int refused = in_child([map] {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    if (::syscall(SYS_capset, &header, none) != 0) return 2;
    const uint32_t key = 0;
    uint64_t value = 0;
    return bpf_map_lookup_elem(map, &key, &value) == 0 ? 0 : 1;
  });
  EXPECT_LT(refused, 2);
  return refused == 1 ? bit(CAP_BPF) : 0;
}

int for_perf_events() {
  std::ifstream level("/proc/sys/kernel/perf_event_paranoid");
  int number = 0;
  level >> number;
  return number > 2 ? CAP_SYS_ADMIN : CAP_PERFMON;
}

class CapabilitiesKernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    map_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "privileges", 4, 8, 1, nullptr));
    ASSERT_TRUE(map_) << "this test needs root";
    program_ = load_program();
    ASSERT_TRUE(program_);
  }

  // `return 0` at the context switch.
  static UniqueFd load_program() {
    const bpf_insn instructions[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},
                                     {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
    const int id = libbpf_find_vmlinux_btf_id("sched_switch", BPF_TRACE_RAW_TP);
    if (id < 0) return UniqueFd();
    options.attach_btf_id = static_cast<uint32_t>(id);
    return UniqueFd(
        bpf_prog_load(BPF_PROG_TYPE_TRACING, "privileges", "GPL", instructions, 2, &options));
  }

  // 0 when CapEff, CapPrm and CapBnd are all `expected`, and nothing is inheritable or ambient.
  static int compare_sets(const PrivilegeNeeds& needs, uint64_t expected) {
    if (!limit_capabilities(needs, {})) return 1;
    for (const char* name : {"CapEff", "CapPrm", "CapBnd"}) {
      if (set_of(name) != expected) return 2;
    }
    if (set_of("CapInh") != 0 || set_of("CapAmb") != 0) return 3;
    return set_of("NoNewPrivs") == 1 ? 0 : 4;
  }

  UniqueFd map_;
  UniqueFd program_;
};

TEST_F(CapabilitiesKernelTest, KeepsWhatIsNeededAndNothingElse) {
  const uint64_t lookups = for_lookups(map_.get());
  ASSERT_NE(set_of("CapEff") & bit(CAP_SYS_ADMIN), 0u) << "this test needs root";
  struct Row {
    PrivilegeNeeds needs;
    uint64_t expected;
  };
  const Row rows[] = {
      {{}, lookups},
      {{.kernel_symbols = true}, lookups | bit(CAP_SYSLOG)},
      {{.perf_events = true}, lookups | bit(for_perf_events())},
      {{.low_port = true}, lookups | bit(CAP_NET_BIND_SERVICE)},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(in_child([&] { return compare_sets(row.needs, row.expected); }), 0) << row.expected;
  }
}

TEST_F(CapabilitiesKernelTest, NamesWhatIsKeptAndWhatFor) {
  const int outcome = in_child([] {
    const auto kept = limit_capabilities({.kernel_symbols = true}, {});
    return kept && kept->find("CAP_SYSLOG (addresses of kernel symbols)") != std::string::npos ? 0
                                                                                               : 1;
  });
  EXPECT_EQ(outcome, 0);
}

// Where 5.10's sysctl can change while we run, nothing may be concluded from one lookup.
TEST_F(CapabilitiesKernelTest, KeepsCapBpfWhereTheSysctlIsOpenOrUnknown) {
  const HostPaths no_procfs = {.procfs = "/nonexistent", .sysfs = "/sys", .rootfs = ""};
  const int outcome = in_child([&] {
    if (!limit_capabilities({}, no_procfs)) return 1;
    return set_of("CapEff") == bit(CAP_BPF) ? 0 : 2;
  });
  EXPECT_EQ(outcome, 0);
}

TEST_F(CapabilitiesKernelTest, LoadedProgramsAttachAndMapsAreReadAfterwards) {
  const int outcome = in_child([this] {
    if (!limit_capabilities({}, {}) || !limit_system_calls({})) return 1;
    const uint32_t key = 0;
    uint64_t value = 7;
    if (bpf_map_update_elem(map_.get(), &key, &value, BPF_ANY) != 0) return 2;
    value = 0;
    if (bpf_map_lookup_elem(map_.get(), &key, &value) != 0 || value != 7) return 3;
    {
      const UniqueFd link(bpf_raw_tracepoint_open(nullptr, program_.get()));
      if (!link) return 4;
    }
    const UniqueFd again(bpf_raw_tracepoint_open(nullptr, program_.get()));
    if (!again) return 5;
    return load_program() ? 6 : 0;
  });
  EXPECT_EQ(outcome, 0);
}

TEST_F(CapabilitiesKernelTest, AProgramCannotBeLoadedByCapabilitiesAlone) {
  const int outcome = in_child([this] {
    if (!limit_capabilities({}, {})) return 1;
    return load_program() ? 2 : 0;
  });
  EXPECT_EQ(outcome, 0);
}

}  // namespace
}  // namespace kernel_exporter
