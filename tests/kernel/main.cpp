// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "verify.h"

namespace kernel_exporter {
namespace {

class CountAssertions : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { forget_assertions(); }
  void OnTestEnd(const testing::TestInfo&) override {
    testing::Test::RecordProperty("assertions", assertions_made());
  }
};

// Mounts of the tests go with the process, whatever ends it.
bool hide_mounts() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// tracefs says which arguments a tracepoint has.
void mount_tracefs() {
  constexpr char kPlace[] = "/sys/kernel/tracing";
  if (::access("/sys/kernel/tracing/events", F_OK) != 0) {
    ::mount("none", kPlace, "tracefs", 0, nullptr);
  }
}

}  // namespace
}  // namespace kernel_exporter

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  if (!kernel_exporter::hide_mounts()) {
    std::fprintf(stderr, "kernel_tests: no mount namespace of our own; these tests need root\n");
    return 1;
  }
  kernel_exporter::mount_tracefs();
  std::signal(SIGPIPE, SIG_IGN);
  testing::UnitTest::GetInstance()->listeners().Append(new kernel_exporter::CountAssertions);
  return RUN_ALL_TESTS();
}
