// SPDX-License-Identifier: Apache-2.0
#include "probe/needs.h"

#include <gtest/gtest.h>

namespace kernel_exporter {
namespace {

TEST(SplitNeeds, SplitsAtSemicolons) {
  struct Row {
    const char* text;
    std::vector<std::string> expected;
  };
  const Row rows[] = {
      {"", {}},
      {" ; ;", {}},
      {"args a 3", {"args a 3"}},
      {" args a 3 ;field b.c;; !field d.e ", {"args a 3", "field b.c", "!field d.e"}},
  };
  for (const Row& row : rows) EXPECT_EQ(split_needs(row.text), row.expected) << row.text;
}

// Types that every kernel has; a reason of "" means that the requirement is met.
TEST(UnmetNeed, SaysInOneLineWhatIsMissing) {
  struct Row {
    const char* need;
    const char* reason;
  };
  const Row rows[] = {
      {"args sched_switch 3", ""},
      {"args sched_switch 1", ""},
      {"args sched_switch 9", "needed 9"},
      {"args no_such_tracepoint 1", "this kernel has no tracepoint no_such_tracepoint"},
      {"args sched_switch many", "expected a number"},
      {"args sched_switch 3x", "expected a number"},
      {"field task_struct.pid", ""},
      {"field task_struct.no_such_member", "this kernel has no field task_struct.no_such_member"},
      {"field no_such_struct.pid", "this kernel has no field no_such_struct.pid"},
      {"field task_struct", "expected STRUCT.MEMBER"},
      {"!field task_struct.no_such_member", ""},
      {"!field task_struct.pid", "this kernel has field task_struct.pid"},
      {"args sched_switch", "unknown requirement"},
      {"kernel 5.10", "unknown requirement"},
  };
  const Result<KernelBtf> kernel = KernelBtf::load("/sys");
  ASSERT_TRUE(kernel) << kernel.error().message;
  for (const Row& row : rows) {
    const std::optional<std::string> reason = unmet_need(row.need, &*kernel, {});
    if (*row.reason == '\0') {
      EXPECT_EQ(reason, std::nullopt) << row.need;
    } else {
      ASSERT_TRUE(reason) << row.need;
      EXPECT_NE(reason->find(row.reason), std::string::npos) << *reason;
      EXPECT_EQ(reason->find('\n'), std::string::npos);
    }
  }
}

TEST(UnmetNeed, IsUnmetWhenAssumedMissing) {
  const Result<KernelBtf> kernel = KernelBtf::load("/sys");
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_TRUE(unmet_need("field task_struct.pid", &*kernel, {"field task_struct.pid"}));
  EXPECT_FALSE(unmet_need("field task_struct.pid", &*kernel, {"field task_struct.comm"}));
  EXPECT_TRUE(unmet_need("!field task_struct.pid", &*kernel, {}));
  EXPECT_FALSE(unmet_need("!field task_struct.pid", &*kernel, {"field task_struct.pid"}));
}

TEST(UnmetNeed, IsUnmetWithoutTheKernelsTypes) {
  const std::optional<std::string> reason = unmet_need("field task_struct.pid", nullptr, {});
  ASSERT_TRUE(reason);
  EXPECT_NE(reason->find("BTF"), std::string::npos);
}

}  // namespace
}  // namespace kernel_exporter
