// SPDX-License-Identifier: Apache-2.0
#include "probe/event.h"

#include <gtest/gtest.h>

#include "probe/load_error.h"

namespace kernel_exporter {
namespace {

TEST(Event, ComesFromTheSection) {
  struct Row {
    const char* section;
    const char* mechanism;
    const char* target;
  };
  const Row rows[] = {
      {"tp_btf/kfree_skb", "tp_btf", "kfree_skb"},
      {"raw_tp/sched_switch", "raw_tp", "sched_switch"},
      {"raw_tracepoint/sched_switch", "raw_tp", "sched_switch"},
      {"tp/sched/sched_switch", "tracepoint", "sched:sched_switch"},
      {"tracepoint/sched/sched_switch", "tracepoint", "sched:sched_switch"},
      {"fentry/vfs_read", "fentry", "vfs_read"},
      {"kprobe/vfs_read+0x4", "kprobe", "vfs_read+0x4"},
      {"uprobe//bin/sh:main", "uprobe", "/bin/sh:main"},
      {"xdp", "xdp", ""},
      {"", "", ""},
  };
  for (const Row& row : rows) {
    const Event event = event_of_section(row.section);
    EXPECT_EQ(event.mechanism, row.mechanism) << row.section;
    EXPECT_EQ(event.target, row.target) << row.section;
  }
}

TEST(RefuseEvent, RefusesWhatTheKernelDoesNotHave) {
  const Result<KernelBtf> kernel = KernelBtf::load("/sys");
  ASSERT_TRUE(kernel) << kernel.error().message;
  for (const char* section :
       {"tp_btf/no_such_event", "raw_tp/no_such_event", "fentry/no_such_event",
        "fexit.s/no_such_event", "kprobe/no_such_event", "kretprobe/no_such_event"}) {
    const auto refusal = refuse_event(event_of_section(section), &*kernel);
    ASSERT_TRUE(refusal) << section;
    EXPECT_EQ(refusal->state, AttachState::kUnsupported) << section;
    // Or it names the kprobes that a kernel without them has not.
    EXPECT_TRUE(refusal->reason.find("no_such_event") != std::string::npos ||
                refusal->reason.find("CONFIG_KPROBE_EVENTS") != std::string::npos)
        << refusal->reason;
  }
  for (const char* section :
       {"tp_btf/sched_switch", "raw_tp/sched_switch", "xdp", "uprobe//bin/sh:main"}) {
    EXPECT_FALSE(refuse_event(event_of_section(section), &*kernel)) << section;
  }
}

// Some kernels permit programs on tracepoints and none on functions: then on no function at all.
TEST(RefuseEvent, TellsFunctionsThatArePermittedFromThoseThatAreNot) {
  const Result<KernelBtf> kernel = KernelBtf::load("/sys");
  ASSERT_TRUE(kernel) << kernel.error().message;
  const auto first = refuse_event(event_of_section("fentry/vfs_read"), &*kernel);
  for (const char* section : {"fexit/vfs_read", "fentry/vfs_write", "fexit/vfs_write"}) {
    const auto refusal = refuse_event(event_of_section(section), &*kernel);
    ASSERT_EQ(refusal.has_value(), first.has_value()) << section;
    if (!refusal) continue;
    EXPECT_EQ(refusal->state, AttachState::kUnsupported);
    EXPECT_EQ(refusal->reason, kPolicyRefusal);
  }
}

TEST(RefuseEvent, NeedsTheKernelsTypesForTpBtfOnly) {
  EXPECT_TRUE(refuse_event(event_of_section("tp_btf/sched_switch"), nullptr));
  EXPECT_FALSE(refuse_event(event_of_section("raw_tp/sched_switch"), nullptr));
}

}  // namespace
}  // namespace kernel_exporter
